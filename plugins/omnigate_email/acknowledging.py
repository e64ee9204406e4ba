"""Automatic acknowledgements: decided with the mail that they answer, and sent once it is stored.

What is owed is noted in the transaction that stores the mail, and the note goes when the answer is queued: a
daemon that dies in between queues it when it starts again. The host queues one key once, so nobody gets it
twice. Whether one may go out at all is for `omnigate_email.meaning.loops` to say.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import omnigate
from omnigate_email.config import AcknowledgeConfig
from omnigate_email.meaning.loopnotes import PREFIX as LOOPS
from omnigate_email.meaning.loops import Guard

OWED: Final = "acknowledge/"
"""Notes of acknowledgements that are owed are called so, and by the mail's key."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the guard noticed about a mail, and what is to be noted with it."""

    is_loop: bool
    owed: str | None
    """The note of the acknowledgement that is owed now."""
    notes: omnigate.Notes
    debt: str = ""
    """What that note says."""


class Acknowledging:
    """Counts mails and owes acknowledgements, for one channel."""

    def __init__(
        self, host: omnigate.ChannelHost, guard: Guard, config: AcknowledgeConfig | None
    ) -> None:
        self._host = host
        self._guard = guard
        self._config = config

    async def watch(
        self,
        peer: str,
        conversation: str,
        external_id: str,
        *,
        now: datetime,
        may_answer: bool,
        is_proven: bool,
    ) -> Watched:
        """Count a mail of a peer and say what follows. Store the notes together with the mail.

        One mail at a time: decisions are made of notes that the one before has written.
        """
        kept: dict[str, str] = {}
        for key in self._guard.keys(peer):
            kept.update(await self._host.notes(key))
        counted = self._guard.received(peer, now=now, notes=kept, is_proven=is_proven)
        notes = dict(counted.notes)
        if not may_answer or self._config is None:
            return Watched(counted.yes, None, notes)
        kept.update({key: value for key, value in notes.items() if value is not None})
        decision = self._guard.may_answer(peer, conversation, now=now, notes=kept)
        if not decision.yes:
            self._host.log.info("not acknowledged", reason=decision.why)
            return Watched(counted.yes, None, notes)
        owed = OWED + hashlib.sha256(external_id.encode()).hexdigest()
        debt = json.dumps({"conversation": conversation, "key": external_id})
        whose = omnigate.Note(debt, about=omnigate.mailto(peer))
        return Watched(counted.yes, owed, {**notes, **decision.notes, owed: whose}, debt)

    async def settle(self, note: str, debt: str) -> None:
        """Queue an acknowledgement that is owed. Raises `Overloaded` or `StoreError`: it stays owed."""
        owed = json.loads(debt)
        if self._config is not None:
            content = omnigate.Content(text=self._config.text, automatic=True)
            key = f"acknowledge:{hashlib.sha256(owed['key'].encode()).hexdigest()}"
            await self._host.answer(owed["conversation"], content, key=key)
        await self._host.put(notes={note: None})

    async def settle_all(self) -> None:
        """Queue what is still owed from before."""
        for note, debt in (await self._host.notes(OWED)).items():
            await self.settle(note, debt)

    async def forget(self, now: datetime) -> None:
        """Take away notes that say nothing any more."""
        outdated = self._guard.outdated(await self._host.notes(LOOPS), now=now)
        if outdated:
            await self._host.put(notes=dict(outdated))
