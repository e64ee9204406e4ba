"""What the SMSC brings is stored, in order, and answered only then.

A text that it brings again is known by `omnigate_sms.smpp.repeats`, but for pieces of long ones, which tell
themselves apart (`omnigate_sms.reassembly`).

Texts that arrive together are stored together. What could not be stored is answered so that the SMSC brings
it again; so is what comes while too much is waiting. What our own code fails at would come for ever: it is
kept in quarantine, by `omnigate_sms.smpp.aside`, and answered as taken.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

import omnigate
from omnigate_sms.link import Deliver, Incoming, Said
from omnigate_sms.pieces import fits
from omnigate_sms.smpp import aside, reading, statuses
from omnigate_sms.smpp.config import Alphabet
from omnigate_sms.smpp.pdu import Head, Pdu
from omnigate_sms.smpp.repeats import Known, Repeats, Visit

WAITING_LIMIT: Final = 1000
BATCH_LIMIT: Final = 100

Answer = Callable[[Head, int], int]
"""Answers a request; returns how many answers the session has then, as `Session.answer` does."""


class Brought(NamedTuple):
    """A request of the SMSC, and how to answer it."""

    pdu: Pdu
    answer: Answer


@dataclass(frozen=True, slots=True)
class Read:
    """What was brought says this, and it is this text if it is one."""

    brought: Brought
    said: Said
    known: Known | None = None


class Intake:
    """Takes in what one session brings."""

    def __init__(
        self,
        deliver: Deliver,
        alphabet: Alphabet,
        repeats: Repeats,
        visit: Visit,
        host: omnigate.ChannelHost,
    ) -> None:
        self._deliver = deliver
        self._repeats = repeats
        self._visit = visit
        self._alphabet = alphabet
        self._host = host
        self._log = host.log
        self._waiting: asyncio.Queue[Brought] = asyncio.Queue(WAITING_LIMIT)

    def take(self, pdu: Pdu, answer: Answer) -> None:
        """Queue a PDU; it is answered once it is stored."""
        try:
            self._waiting.put_nowait(Brought(pdu, answer))
        except asyncio.QueueFull:
            answer(pdu.head, statuses.TRY_LATER)

    async def run(self) -> None:
        """Store what comes until cancelled."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH_LIMIT and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await self._keep(batch)
            finally:
                for _ in batch:
                    self._waiting.task_done()

    async def settled(self) -> None:
        """Wait until all that was taken is answered."""
        await self._waiting.join()

    async def _keep(self, batch: Sequence[Brought]) -> None:
        """Store what can be read of a batch, and answer all of it."""
        readable: list[Read] = []
        for one in batch:
            try:
                said = reading.read(one.pdu, self._alphabet, datetime.now(UTC))
            except Exception as error:
                await self._set_aside(one, None, error)
                continue
            if isinstance(said, reading.Nothing):
                self._log.warning("nothing to keep of what the SMSC brought", reason=said.why)
                one.answer(one.pdu.head, statuses.OK)
            else:
                readable.append(Read(one, said))
        if readable:
            await self._store(readable)

    async def _store(self, readable: Sequence[Read]) -> None:
        """Store and answer; one that cannot be taken in does not hold up the others."""
        named, status = readable, statuses.TRY_LATER
        try:
            await self._repeats.open()
            named = [self._named(one) for one in readable]
            known = [one.known for one in named if one.known is not None]
            await self._deliver([one.said for one in named], self._visit.notes(known))
            status = statuses.OK
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self._log.warning("texts could not be stored; they come again", reason=str(error))
        except Exception as error:
            if len(named) == 1:
                await self._set_aside(named[0].brought, named[0].known, error)
                return
            self._log.info("texts are taken in one by one", reason=type(error).__name__)
            for one in named:
                await self._store([one])
            return
        for one in named:
            self._answer(one.brought, one.known, status)

    async def _set_aside(self, brought: Brought, known: Known | None, error: Exception) -> None:
        """Keep what our own code fails at in quarantine; what cannot be kept there comes again."""
        self._log.error("what the SMSC brought could not be taken in", exc_info=error)
        status = statuses.TRY_LATER
        try:
            found = known or await self._identified(brought.pdu)
            known = found if isinstance(found, Known) else None
            external_id = found.external_id if isinstance(found, Known) else found
            notes = self._visit.notes([known] if known is not None else [])
            await aside.set_aside(self._host, brought.pdu, external_id, error, notes)
            status = statuses.OK
        except (omnigate.Overloaded, omnigate.StoreError) as trouble:
            self._log.warning("it could not be set aside; it comes again", reason=str(trouble))
        except Exception:
            self._log.exception("it could not be set aside; it comes again")
        self._answer(brought, known, status)

    async def _identified(self, pdu: Pdu) -> Known | str:
        """Return the text that a PDU brings, or an id for it alone where that fails too."""
        try:
            await self._repeats.open()
            return self._visit.identify(pdu)
        except (omnigate.Overloaded, omnigate.StoreError):
            raise
        except Exception:
            self._log.exception("a text is kept twice should the SMSC bring it again")
            return f"weak:{secrets.token_hex(16)}"

    def _answer(self, brought: Brought, known: Known | None, status: int) -> None:
        answer = brought.answer(brought.pdu.head, status)
        if known is None:
            return
        if status == statuses.OK:
            self._visit.answered(known, answer)
        else:
            self._visit.refused(known)

    def _named(self, one: Read) -> Read:
        """Return it with the id of the text that it is, where nothing else tells that."""
        if not isinstance(one.said, Incoming) or one.known is not None or fits(one.said):
            return one
        known = self._visit.identify(one.brought.pdu)
        if isinstance(known, str):
            return replace(one, said=replace(one.said, external_id=known))
        return Read(one.brought, replace(one.said, external_id=known.external_id), known)
