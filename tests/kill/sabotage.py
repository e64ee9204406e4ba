"""Daemons that break a promise: Python that runs in the child before its command line does."""

from __future__ import annotations

# Says that items are stored while they are yet to be queued: what a missing COMMIT would look like.
ACKNOWLEDGES_EARLY = """
import asyncio
from omnigate.hosting import Recorded
from omnigate.flow.inbox import Inbox
put = Inbox.put
async def early(self, channel, items, *more, **named):
    async def later():
        await asyncio.sleep(0.1)
        await put(self, channel, items, *more, **named)
    self.late = getattr(self, "late", set())
    self.late.add(asyncio.create_task(later()))
    return [Recorded(None, None, None) for _ in items]
Inbox.put = early
"""

# Keeps no record of what it has taken in.
FORGETS_WHAT_IT_HAS = """
from omnigate.store import ingest
class Nowhere:
    def run(self, connection, rows):
        pass
ingest._INSERT_DEDUP = Nowhere()
"""

# Names a file in the store, and answers, while its bytes are yet to be written.
SHELVES_LATE = """
import asyncio, hashlib
from omnigate.flow.shelf import Shelf, Shelved
put = Shelf.put
async def late(self, chunks, limit_bytes):
    content = b"".join([chunk async for chunk in chunks])
    async def again():
        yield content
    async def later():
        await asyncio.sleep(0.2)
        await put(self, again(), limit_bytes)
    self.late = getattr(self, "late", set())
    self.late.add(asyncio.create_task(later()))
    return Shelved(hashlib.sha256(content).hexdigest(), len(content), content[:512])
Shelf.put = late
"""

# Hears the first SIGTERM only.
HEARS_ONCE = """
import os
os._exit = lambda code: None
"""
