"""What was said long ago loses its text, as `[retention] bodies_days` has it; ids and sequences stay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from omnigate.store import fade
from omnigate.store.callfade import calls_to_fade, empty_calls
from omnigate.store.discarding import Dropped, attachment_ids_of, drop_files
from omnigate.store.fade import FadedEvents
from omnigate.store.person import blanked
from omnigate.store.store import Store
from omnigate.store.toldfade import find_tellers, silence

FILES: Final = 20
"""How many files one turn removes."""


async def fade_old(
    store: Store, recorded_before: int, discard: Callable[[str], object] | None
) -> int:
    """Blank the events and messages of before a moment, in short turns; return how many events.

    ``discard`` removes the file with a hash from the disk; without it files stay. Raises `StoreError`.
    """
    bound = await store.read(fade.read_bound, recorded_before)
    count = 0
    while events := await store.read(fade.next_events, bound):
        rows = await asyncio.to_thread(blanked, events)
        count += await store.writer.do(fade.fade_events, FadedEvents(rows))
    while ids := await store.read(fade.next_messages, bound):
        await _drop(store, await store.read(attachment_ids_of, ids), discard)
        await store.writer.do(fade.fade_messages, ids)
    while calls := await store.read(calls_to_fade, recorded_before):
        await _drop(store, await store.read(attachment_ids_of, calls), discard)
        await store.writer.do(empty_calls, calls)
    await _silence_tellers(store, recorded_before)
    return count


async def _silence_tellers(store: Store, said_before: int) -> None:
    after: str | None = ""
    while after is not None:
        tellers = await store.read(find_tellers, said_before, after)
        if tellers.conversation_ids:
            await store.writer.do(silence, tellers)
        after = tellers.after


async def _drop(
    store: Store, files: Sequence[str], discard: Callable[[str], object] | None
) -> None:
    for start in range(0, len(files), FILES):
        dropped = Dropped(files[start : start + FILES], discard or _keep)
        await store.writer.do(drop_files, dropped)


def _keep(sha256: str) -> None:
    """Leave a file where it is."""
