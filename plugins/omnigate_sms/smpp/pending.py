"""Requests of a session that wait for their answers: numbers, answers in time, and answers too late."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from omnigate_sms.smpp.bodies import RESPONSE, Command
from omnigate_sms.smpp.pdu import SEQUENCE_LIMIT, Pdu

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

OVERDUE_LIMIT: Final = 1000
"""Requests without an answer that are remembered in case it still comes."""


class NoAnswer(Exception):
    """The request has left, and whether it was carried out is not known."""


class Waiting(NamedTuple):
    """One request that has left, or is about to."""

    sequence: int
    command: Command
    answered: asyncio.Future[Pdu]
    after: int
    """How many answers of ours stood before it."""


class Pending:
    """The requests of one session; each waits under a number of its own."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._waiting: dict[int, Waiting] = {}
        self._overdue: OrderedDict[int, Callable[[Pdu], None]] = OrderedDict()
        self._sequence = 0

    def begin(self, command: Command, after: int) -> Waiting:
        """Give a request its number: the next that none waits under."""
        while True:
            self._sequence = self._sequence % SEQUENCE_LIMIT + 1
            if self._sequence not in self._waiting:
                break
        answered: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        waiting = Waiting(self._sequence, command, answered, after)
        self._waiting[waiting.sequence] = waiting
        return waiting

    async def wait(
        self, waiting: Waiting, seconds: float, late: Callable[[Pdu], None] | None = None
    ) -> Pdu:
        """Return the answer. Raises `NoAnswer`; ``late`` hears of one that comes after that."""
        try:
            async with asyncio.timeout(seconds):
                return await waiting.answered
        except TimeoutError:
            if late is not None:
                self._overdue[waiting.sequence] = late
                if len(self._overdue) > OVERDUE_LIMIT:
                    self._overdue.popitem(last=False)
            raise NoAnswer(f"no answer within {seconds:g} s") from None

    def forget(self, waiting: Waiting) -> None:
        """Wait no more: it is answered, or given up."""
        del self._waiting[waiting.sequence]

    def settle(self, pdu: Pdu) -> int | None:
        """Give an answer to whoever waits for it.

        Returns how many answers of ours the SMSC has surely read with that; None where it says nothing of
        it.
        """
        waiting = self._waiting.get(pdu.sequence)
        if waiting is not None:
            if pdu.command not in (waiting.command | RESPONSE, Command.GENERIC_NACK):
                self._log.warning("an answer to something else", command=pdu.command)
                return None
            if not waiting.answered.done():
                waiting.answered.set_result(pdu)
            return waiting.after
        if (late := self._overdue.pop(pdu.sequence, None)) is not None:
            late(pdu)
        else:
            self._log.debug("an answer to nothing", command=pdu.command, status=pdu.status)
        return None

    async def all_answered(self, seconds: float) -> None:
        """Wait until nothing waits any more, but no longer than so."""
        if self._waiting:
            due = [waiting.answered for waiting in self._waiting.values()]
            await asyncio.wait(due, timeout=seconds)

    def end(self, reason: str) -> None:
        """Tell whoever waits that no answer will come."""
        for waiting in self._waiting.values():
            if not waiting.answered.done():
                waiting.answered.set_exception(NoAnswer(reason))
