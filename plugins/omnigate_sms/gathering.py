"""Texts on their way from the link to the store: pieces are kept until they are whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import omnigate
from omnigate_sms.confirming import Confirming
from omnigate_sms.incoming import Reading
from omnigate_sms.link import Incoming
from omnigate_sms.pieces import Piece, fits
from omnigate_sms.reassembly import DONE, OPEN, Reassembly, Step, open_note

LONGEST_NAP_SECONDS: Final = 5.0
"""Between looks for texts whose time is up."""


class Gathering:
    """The texts of one channel, one step at a time; everything is on disk when a step is done."""

    def __init__(
        self,
        host: omnigate.ChannelHost,
        link: str,
        wait: timedelta,
        reading: Reading,
        confirming: Confirming,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._host = host
        self._reading = reading
        self._confirming = confirming
        self._now = now
        self._wait = wait
        self._pieces = Reassembly(link, wait)
        self._turn = asyncio.Lock()
        self._is_read = False

    async def take(self, texts: Sequence[Incoming], beside: omnigate.Notes | None = None) -> None:
        """Keep texts, with notes ``beside`` them; durable on return.

        Raises `omnigate.Overloaded` or `omnigate.StoreError`.
        """
        if not any(fits(text) for text in texts):
            items = [item for text in texts for item in self._reading.text(text)]
            await self._put(items, beside or {})
            return
        async with self._turn:
            await self._read()
            self._is_read = False  # what is in memory is only true once it is on disk
            items = []
            notes: dict[str, str | omnigate.Note | None] = dict(beside or {})
            came: set[tuple[str, Piece]] = set()
            for text in texts:
                if fits(text):
                    step = self._pieces.take(text, self._now())
                    came |= step.came
                    items += await self._whole(step, came)
                    notes |= self._about(text, step)
                else:
                    items += self._reading.text(text)
            await self._commit(items, notes)

    async def run(self) -> None:
        """Hand on texts whose time is up, until cancelled."""
        nap_seconds = min(LONGEST_NAP_SECONDS, self._wait.total_seconds() / 4)
        while True:
            try:
                await self._expire()
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                self._host.log.warning("long texts wait longer", reason=str(error))
            await asyncio.sleep(nap_seconds)  # time is what they wait for

    async def _expire(self) -> None:
        async with self._turn:
            await self._read()
            step = self._pieces.expire(self._now())
            await self._commit(await self._whole(step), step.notes)

    async def _read(self) -> None:
        """Take up what was kept before, after a restart or a step that came to nothing."""
        if not self._is_read:
            self._pieces.restore({**await self._host.notes(OPEN), **await self._host.notes(DONE)})
            self._is_read = True

    async def _whole(
        self, step: Step, came: Collection[tuple[str, Piece]] = ()
    ) -> Sequence[omnigate.Inbound]:
        """Return what goes out, without pieces whose notes are gone: whom they were of has been erased.

        ``came`` are those, by text, that no note is to be expected of yet.
        """
        items: list[omnigate.Inbound] = []
        for text in step.out:
            key = text.whole.key
            noted = await self._host.notes(f"{OPEN}{key}:")
            left = tuple(
                piece
                for piece in text.pieces
                if (key, piece) in came or open_note(key, piece.number) in noted
            )
            if left:
                items += self._reading.long_text(replace(text, pieces=left))
        return items

    def _about(self, text: Incoming, step: Step) -> omnigate.Notes:
        """Return the notes of a step: what a piece says goes when its sender is erased."""
        sender = self._reading.sender(text.source)
        return {
            key: omnigate.Note(value, about=sender)
            if value is not None and key.startswith(OPEN)
            else value
            for key, value in step.notes.items()
        }

    async def _commit(self, items: Sequence[omnigate.Inbound], notes: omnigate.Notes) -> None:
        """Put it on disk; if that fails, memory is read from there again."""
        self._is_read = False
        if items or notes:
            await self._put(items, notes)
        self._is_read = True

    async def _put(self, items: Sequence[omnigate.Inbound], notes: omnigate.Notes) -> None:
        """Put it on disk, and confirm what wishes there are."""
        owed = self._confirming.owed(items)
        recorded = await self._host.put(*items, notes={**notes, **owed})
        await self._confirming.settle(items, recorded)
