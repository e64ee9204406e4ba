"""How one owed item reaches its destination: an event a backend, a message a channel part by part.

A carrier raises what happened; the dispatcher decides what becomes of the item. Plugin code runs here
and nowhere else in the flow, under a time limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import structlog

from omnigate import failpoints
from omnigate.backend import Backend
from omnigate.channel import Channel, OnUncertain
from omnigate.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    NotReady,
    Refused,
    RetryLater,
    Uncertain,
)
from omnigate.flow.contained import PluginMisbehaved, contained
from omnigate.flow.tasks import is_told_to_end
from omnigate.model.event import Event, EventType
from omnigate.model.outbound import OutboundChange, Reply
from omnigate.store.lanes import Item, Lease
from omnigate.store.parts import PartJob, PartResult, settle_part
from omnigate.store.schema import SEND
from omnigate.store.writer import Writer

DELIVER_SECONDS: Final = 25.0
"""A backend keeps its own time limit; this one is for those that do not."""
SEND_SECONDS: Final = 60.0
RESEND_AFTER_SECONDS: Final = 30.0

MOST_REPLIES: Final = 10
"""Of a plugin that goes round the limit of `Reply`."""

ANSWERABLE: Final = frozenset(
    {
        EventType.MESSAGE_RECEIVED,
        EventType.MESSAGE_EDITED,
        EventType.BUTTON_PRESSED,
        EventType.REACTION_CHANGED,
        EventType.CONVERSATION_STARTED,
        EventType.CONVERSATION_REOPENED,
        EventType.CONVERSATION_RATED,
    }
)
"""What a customer did. A bot that answered its own ``message.sent`` would never stop."""


GivenT = TypeVar("GivenT")
ResultT = TypeVar("ResultT")

log = structlog.get_logger("carriers")


class Unproven(Refused):
    """An end that the destination had no known part in: it says nothing of whether it works."""


class InDoubt(RetryLater):
    """A send that may have gone through, to be made once more."""


class Carrier(Protocol):
    """What the dispatcher needs to know of a destination's kind."""

    depth: int
    """How many items of a lane are worked on under one lease."""

    async def carry(self, lease: Lease, item: Item) -> None:
        """Bring one item there; return when the destination has it, raise otherwise."""

    async def give_up(self, item: Item, reason: str) -> None:
        """Tell whom it concerns that the item will not be tried again."""

    async def put_off(self, item: Item, reason: str) -> None:
        """Note that the item was not tried, although it was claimed."""


class BackendCarrier:
    """Delivers events to a backend and sends what it replies."""

    depth = 8

    def __init__(
        self,
        backend: Backend,
        present: Callable[[str], str],
        reply: Callable[[str, Reply], Awaitable[None]],
    ) -> None:
        self._backend = backend
        self._present = present
        self._reply = reply

    async def carry(self, lease: Lease, item: Item) -> None:
        """Deliver one event; a reply is queued, once, before the event counts as delivered."""
        body = self._present(item.body) if item.media else item.body
        if lease.gap:
            numbers = ",".join(str(number) for number in lease.gap)
            body = body.replace('"gap":[]', f'"gap":[{numbers}]', 1)
        event = Event(
            id=item.event_id,
            type=EventType(item.event_type),
            body=body.encode(),
            sequence=item.sequence,
            attempt=item.attempts + 1,
            replay=item.replay,
        )
        try:
            reply = await _within(DELIVER_SECONDS, self._backend.deliver, event)
        except TimeoutError:
            raise DestinationUnavailable(f"no answer within {DELIVER_SECONDS:.0f} s") from None
        if reply is None or not reply.messages:
            return
        if len(reply.messages) > MOST_REPLIES:
            log.warning("reply cut: too many messages", item=event.id, count=len(reply.messages))
            reply = Reply.model_construct(messages=reply.messages[:MOST_REPLIES])
        if event.type in ANSWERABLE and _is_customers(event):
            await self._reply(item.event_id, reply)
        else:
            log.warning("reply left out: no customer asked", item=event.id, type=event.type.value)

    async def give_up(self, item: Item, reason: str) -> None:
        """Do nothing: the dead letter says it."""

    async def put_off(self, item: Item, reason: str) -> None:
        """Do nothing: a claim leaves no trace on an event."""


def _is_customers(event: Event) -> bool:
    """Tell whether it was the customer who did it: messages are edited by the company too."""
    said = event.envelope.data.get("message") or event.envelope.data.get("reaction") or {}
    return said.get("direction") != "outbound" and said.get("by") != "company"


class ChannelCarrier:
    """Sends outbound messages through a channel, resuming at the first part not sent."""

    depth = 1

    def __init__(self, channel: Channel, writer: Writer) -> None:
        self._channel = channel
        self._writer = writer

    async def carry(self, lease: Lease, item: Item) -> None:
        """Send all parts that are left; each result is stored before the next part goes out."""
        if item.ended:
            raise Unproven("failed", item.ended)
        while (job := item.job) is not None:
            try:
                item.job = await self._send(job, item.attempts + 1)
            except Refused:
                item.job = None
                raise
            except InDoubt:
                item.job = replace(job, doubts=job.doubts + 1)
                raise

    async def give_up(self, item: Item, reason: str) -> None:
        """Let the message fail, so that the CRM learns of it; what may have been sent is unknown."""
        if item.job is not None:
            state = "unknown" if item.job.doubts else "failed"
            await self._settle(item.job, state, error=reason)

    async def put_off(self, item: Item, reason: str) -> None:
        """Take back that the next part was begun: it was surely not sent."""
        if item.job is not None:
            await self._settle(item.job, "queued", error=reason)

    async def _send(self, job: PartJob, attempt: int) -> PartJob | None:
        rule = self._rule(job)
        if job.doubts and (rule == "hold" or (rule == "resend" and job.doubts > 1)):
            await self._unknown(job, "it may have been sent before the daemon stopped")
        try:
            external_id = await self._tell(job, attempt)
        except (RetryLater, DestinationUnavailable, CredentialsRejected, NotReady) as error:
            # Surely not sent.
            await self._settle(job, "queued", error=str(error))
            raise
        except Refused as error:
            await self._settle(job, "failed", error=str(error))
            raise
        except (Uncertain, TimeoutError) as error:
            doubt = str(error) or f"no answer within {SEND_SECONDS:.0f} s"
            if rule == "hold":
                await self._unknown(job, doubt)
            # The part stays in state ``sending``: whoever claims it next knows that it is in doubt.
            after = RESEND_AFTER_SECONDS if rule == "resend" else None
            raise InDoubt(f"may have been sent: {doubt}", after_seconds=after) from error
        return await self._settle(job, "sent", external_id=external_id)

    async def _tell(self, job: PartJob, attempt: int) -> str | None:
        """Have the channel send the part or make the change; return what the platform calls it now."""
        if isinstance(job.part, OutboundChange):
            change = job.part.model_copy(update={"attempt": attempt})
            await _within(SEND_SECONDS, self._channel.change, change)
            return None
        is_repeated = job.doubts > 0 and self._rule(job) == "resend"
        part = job.part.model_copy(update={"attempt": attempt, "possible_duplicate": is_repeated})
        sent = await _within(SEND_SECONDS, self._channel.send, part)
        return sent.external_id

    def _rule(self, job: PartJob) -> OnUncertain:
        # What is changed twice is changed once.
        is_change = isinstance(job.part, OutboundChange)
        return "native" if is_change else self._channel.capabilities.on_uncertain

    async def _unknown(self, job: PartJob, doubt: str) -> None:
        """Hold the part as unknown; raises `Unproven`, since it will not be tried again."""
        await self._settle(job, "unknown", error=doubt)
        raise Unproven("unknown", doubt)

    async def _settle(
        self,
        job: PartJob,
        state: str,
        *,
        external_id: str | None = None,
        error: str | None = None,
    ) -> PartJob | None:
        part = job.part
        action = part.action if isinstance(part, OutboundChange) else SEND
        result = PartResult(part.message, part.index, state, external_id, error, action)  # type: ignore[arg-type]  # one of the four, by the callers above
        return await self._writer.do(settle_part, result)


async def _within(
    seconds: float, method: Callable[[GivenT], Awaitable[ResultT]], given: GivenT
) -> ResultT:
    """Call a plugin's method in the attempt's own task; raises `TimeoutError` after so long.

    A plugin that cancels that task does not end the attempt: a cancellation that reaches it is its
    failure, as `PluginMisbehaved`; one that would reach the host after it returned is taken back.
    """
    task = asyncio.current_task()
    try:
        async with asyncio.timeout(seconds):
            failpoints.reached("send")
            with contained:
                result = await method(given)
            failpoints.reached("sent")
    except asyncio.CancelledError as error:
        if task is None or is_told_to_end(task):
            raise
        await _take_back(task)
        raise PluginMisbehaved("the plugin cancelled the attempt") from error
    if task is not None and task.cancelling() and not is_told_to_end(task):
        await _take_back(task)
    return result


async def _take_back(task: asyncio.Task[object]) -> None:
    """Have the current task go on as if nobody had cancelled it; what is still to come comes here."""
    while task.cancelling():
        task.uncancel()
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    if is_told_to_end(task):
        raise asyncio.CancelledError
