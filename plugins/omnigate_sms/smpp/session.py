"""One connection to an SMSC: requests and their answers both ways, and whether anybody is there.

A session is born with its connection and ends with it, for one reason, and is never used again.

* Requests of ours wait for a place in the window; enquiries and the unbind at the end need none.
* What surely never left raises `NotSent`. What left and got no answer raises `NoAnswer`: it may have been
  carried out. An answer that comes too late is told to whoever asked for that.
* What the SMSC has read of our answers is known once it answers something that we asked after them: it is
  asked when it otherwise would not be.
* Requests of the SMSC are handed to ``take``, which must not block; enquiries and the SMSC's own unbind are
  answered here. A PDU that makes no sense is answered with the status that says why, and costs nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from omnigate_sms.smpp import statuses
from omnigate_sms.smpp.bodies import BODY_OF, NOTHING, RESPONSE, Body, Command, Taken
from omnigate_sms.smpp.config import SmppConfig
from omnigate_sms.smpp.pdu import (
    Framer,
    Head,
    Malformed,
    OutOfSync,
    Pdu,
    decode,
    encode,
    read_head,
    undecoded,
)
from omnigate_sms.smpp.pending import NoAnswer, Pending
from omnigate_sms.smpp.places import Places
from omnigate_sms.smpp.proofs import Proofs

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from omnigate_sms.smpp.tlv import Tlv

READ_BYTES: Final = 64 * 1024
UNBIND_SECONDS: Final = 2.0
FLUSH_SECONDS: Final = 1.0

_WITH_ID: Final = frozenset({Command.DELIVER_SM, Command.DATA_SM})
_UNANSWERED: Final = frozenset({Command.ALERT_NOTIFICATION, Command.OUTBIND})


class NotSent(Exception):
    """The request has not left: it may be made again elsewhere."""


class Session:
    """See the module."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        config: SmppConfig,
        take: Callable[[Pdu], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._config = config
        self._take_request = take
        self._log = log
        self._framer = Framer()
        self._window = Places(config.window)
        self._pending = Pending(log)
        self._heard_at = asyncio.get_running_loop().time()
        self._leaving = False
        self._proofs = Proofs()
        self.ended: str | None = None
        """Why it is over; None while it is not."""

    @property
    def proven(self) -> int:
        """How many of our answers to what it brought the SMSC has surely read."""
        return self._proofs.proven

    async def run(self) -> None:
        """Read until the connection ends, and see that somebody is there; never raises but when cancelled."""
        enquiring = asyncio.create_task(self._enquire(), name="smpp enquire_link")
        try:
            await self._read()
        except (OSError, OutOfSync) as error:
            self.end(str(error) or type(error).__name__)
        finally:
            enquiring.cancel()
            await asyncio.wait({enquiring})
            self.end("the session was given up")

    async def request(
        self,
        command: Command,
        body: Body,
        parameters: tuple[Tlv, ...] = (),
        *,
        begin_within_seconds: float,
        urgent: bool = False,
        late: Callable[[Pdu], None] | None = None,
    ) -> Pdu:
        """Make a request within the window and return its answer, whatever its status.

        An ``urgent`` one goes before others that wait for a place. ``late`` hears of an answer that comes
        after `NoAnswer`, if the session lives to see it.

        Raises:
            NotSent: no place in the window in time, or the session is over.
            NoAnswer: it left, and no answer came within the time-out or before the session ended.
        """
        try:
            async with asyncio.timeout(begin_within_seconds):
                await self._window.acquire(urgent=urgent)
        except TimeoutError:
            raise NotSent("too many requests are waiting for answers") from None
        try:
            if self._leaving:
                raise NotSent("the link is being stopped")
            seconds = self._config.response_timeout_seconds
            return await self._ask(command, body, parameters, seconds, late)
        finally:
            self._window.release()

    async def bind(self, command: Command, body: Body) -> Pdu:
        """Ask to be let in and return the answer, whatever its status; raises as `request`."""
        return await self._ask(command, body, (), self._config.bind_timeout_seconds)

    def take_no_more(self) -> None:
        """Make no more requests and have the SMSC keep what it brings from now on."""
        self._leaving = True

    async def leave(self, drain_seconds: float) -> None:
        """Take no more, wait for answers that are due, unbind and end."""
        self.take_no_more()
        await self._pending.all_answered(drain_seconds)
        try:
            await self._ask(Command.UNBIND, NOTHING, (), UNBIND_SECONDS)
        except (NotSent, NoAnswer) as error:
            self._log.info("the SMSC did not answer our unbind", reason=str(error))
        self.end("unbound")

    def answer(self, head: Head, status: int = statuses.OK) -> int:
        """Answer a request of the SMSC; writes nothing when the session is over.

        Returns how many answers to what it brought there are, this one included: see `proven`.
        """
        body = Taken() if head.command in _WITH_ID else NOTHING
        command = head.command | RESPONSE
        self._write(Pdu(command=command, status=status, sequence=head.sequence, body=body))
        return self._proofs.answered() if head.command in _WITH_ID else self._proofs.answers

    def end(self, reason: str) -> None:
        """End it, for whoever comes first with a reason."""
        if self.ended is not None:
            return
        self.ended = reason
        self._pending.end(reason)
        # What was answered last still leaves, unless the peer does not read.
        self._writer.close()
        asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._writer.transport.abort)

    async def closed(self) -> None:
        """Wait until the connection of a session that is over is gone; that takes a moment at most."""
        with suppress(OSError):  # how it was lost has been told
            await self._writer.wait_closed()

    async def _ask(
        self,
        command: Command,
        body: Body,
        parameters: tuple[Tlv, ...],
        seconds: float,
        late: Callable[[Pdu], None] | None = None,
    ) -> Pdu:
        if self.ended is not None:
            raise NotSent(self.ended)
        waiting = self._pending.begin(command, self._proofs.answers)
        try:
            pdu = Pdu(command=command, sequence=waiting.sequence, body=body, parameters=parameters)
            self._writer.write(encode(pdu))
            return await self._pending.wait(waiting, seconds, late)
        finally:
            self._pending.forget(waiting)

    def _write(self, pdu: Pdu) -> None:
        if self.ended is None:
            self._writer.write(encode(pdu))

    async def _read(self) -> None:
        while self.ended is None:
            octets = await self._reader.read(READ_BYTES)
            if not octets:
                self.end("the SMSC closed the connection")
                return
            self._heard_at = asyncio.get_running_loop().time()
            for frame in self._framer.feed(octets):
                self._take(frame)
                if self.ended is not None:
                    return
            # A peer that asks and does not read is not read either.
            await self._writer.drain()

    async def _enquire(self) -> None:
        """Ask whether the SMSC is there whenever it has been silent, or not said what it has read."""
        while self.ended is None:
            silent_at = self._heard_at + self._config.enquire_link_seconds
            if not await self._proofs.wait_due(silent_at):
                continue
            try:
                seconds = self._config.enquire_timeout_seconds
                await self._ask(Command.ENQUIRE_LINK, NOTHING, (), seconds)
            except NoAnswer as error:
                self.end(f"enquire_link: {error}")
            except NotSent:
                return

    def _take(self, frame: bytes) -> None:
        head = read_head(frame)
        try:
            pdu = decode(frame)
        except Malformed as error:
            self._complain(head, error)
            return
        except Exception as error:
            # A mistake of ours must not cost the session: the next would be brought the same.
            self._log.exception("a PDU could not be decoded", command=head.command)
            if head.command not in _WITH_ID:
                reason = f"decoding it raised {type(error).__name__}"
                self._complain(head, Malformed(statuses.SYSTEM_ERROR, reason))
                return
            pdu = undecoded(frame)
        if head.command & RESPONSE:
            self._settle(pdu)
        elif head.command == Command.ENQUIRE_LINK:
            self.answer(head)
        elif head.command == Command.UNBIND:
            self.answer(head)
            self.end("the SMSC unbound us")
        elif head.command in _WITH_ID and not self._leaving:
            self._take_request(pdu)
        elif head.command in _WITH_ID:
            self.answer(head, statuses.TRY_LATER)
        elif head.command not in _UNANSWERED:
            self.answer(head, statuses.BAD_COMMAND)

    def _settle(self, pdu: Pdu) -> None:
        """Give an answer to whoever waits for it; it proves what the SMSC has read before."""
        read = self._pending.settle(pdu)
        if read is not None:
            self._proofs.prove(read)

    def _complain(self, head: Head, error: Malformed) -> None:
        """Tell the sender of a PDU what is wrong with it."""
        self._log.warning("a PDU cannot be understood", command=head.command, reason=str(error))
        if head.command & RESPONSE:
            if (kind := BODY_OF.get(head.command)) is not None:
                # Its status stands, whatever else is wrong with it: what was taken was taken.
                self._settle(Pdu(**head._asdict(), body=kind()))
        elif head.command not in BODY_OF:
            nack = Pdu(command=Command.GENERIC_NACK, status=error.status, sequence=head.sequence)
            self._write(nack)
        elif head.command not in _UNANSWERED:
            self.answer(head, error.status)
