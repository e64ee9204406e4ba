"""How many mails went to whom lately: what the loop guard asks before one more goes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import omnigate
from omnigate_email.meaning.loopnotes import sent_key, written
from omnigate_email.meaning.loops import Guard

MOST_KNOWN: Final = 10_000
"""Addresses whose times are kept at hand; of the others the notes are read again."""


class SentMails:
    """Counts for one channel. A restart forgets nothing but what was sent in its last moment."""

    def __init__(self, host: omnigate.ChannelHost, guard: Guard, *, most: int) -> None:
        """Take how many mails to one address are counted at most."""
        self._host = host
        self._guard = guard
        self._most = most
        self._known: dict[str, str] = {}

    async def count(self, address: str, now: datetime) -> int:
        """Return how many mails went to an address within the guard's window."""
        return len(self._guard.sent_within(await self._note(sent_key(address)), now))

    async def add(self, address: str, now: datetime) -> None:
        """Count a mail that was sent; durable on return, unless the store has trouble.

        Then it is counted until the next restart: that a mail is out must not depend on the store.
        """
        key = sent_key(address)
        times = self._guard.sent_within(await self._note(key), now)
        note = written([*times, int(now.timestamp())][-self._most :])
        self._known.pop(key, None)
        self._known[key] = note  # stands last now
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        try:
            await self._host.put(notes={key: note})
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self._host.log.warning("a sent mail is counted in memory only", reason=str(error))

    async def _note(self, key: str) -> str | None:
        if key not in self._known:
            kept = (await self._host.notes(key)).get(key)
            if kept is not None:
                self._known.setdefault(key, kept)
        return self._known.get(key)
