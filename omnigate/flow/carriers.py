"""How one owed item reaches its destination: an event a backend, a message a channel part by part.

A carrier raises what happened; the dispatcher decides what becomes of the item. Plugin code runs here
and nowhere else in the flow, under a time limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import structlog

from omnigate import failpoints
from omnigate.backend import Backend
from omnigate.capabilities import OnUncertain
from omnigate.channel import Channel
from omnigate.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    NotReady,
    Refused,
    RetryLater,
    Uncertain,
)
from omnigate.flow.patience import within
from omnigate.model.event import Event, EventType
from omnigate.model.outbound import OutboundChange, Reply, Sent
from omnigate.store.owing import Item, Lease
from omnigate.store.partresult import PartEnd, PartResult
from omnigate.store.parts import settle_part
from omnigate.store.schema import SEND
from omnigate.store.starting import PartJob
from omnigate.store.writer import Writer

DELIVER_SECONDS: Final = 25.0
"""A backend keeps its own time limit; this one is for those that do not."""
RESEND_AFTER_SECONDS: Final = 30.0

CUT_SHORT: Final = (
    "it may have been sent: an attempt ended, as by a kill, before its outcome was known"
)
UNWANTED: Final = "the customer has asked, before it was sent, not to be written to here"

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

    def give_up(self, item: Item, reason: str) -> None:
        """Note on the item what is to be stored now that it is not tried again."""

    def put_off(self, item: Item, reason: str) -> None:
        """Note on the item that it was not tried, although it was claimed."""


class BackendCarrier:
    """Delivers events to a backend and sends what it replies."""

    depth = 8

    def __init__(
        self,
        backend: Backend,
        present: Callable[[str], str],
        reply: Callable[[str, Reply, int], Awaitable[None]],
        now: Callable[[], int],
    ) -> None:
        """``reply`` takes an answer to an event, and since when the backend has worked on it.

        ``now`` returns milliseconds since 1970.
        """
        self._backend = backend
        self._present = present
        self._reply = reply
        self._now = now

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
        began_at = self._now()
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
            await self._reply(item.event_id, reply, began_at)
        else:
            log.warning("reply left out: no customer asked", item=event.id, type=event.type.value)

    def give_up(self, item: Item, reason: str) -> None:
        """Do nothing: the dead letter says it."""

    def put_off(self, item: Item, reason: str) -> None:
        """Do nothing: a claim leaves no trace on an event."""


def _is_customers(event: Event) -> bool:
    """Tell whether it was the customer who did it: messages are edited by the company too."""
    said = event.envelope.data.get("message") or event.envelope.data.get("reaction") or {}
    return said.get("direction") != "outbound" and said.get("by") != "company"


class ChannelCarrier:
    """Sends outbound messages through a channel, resuming at the first part not sent.

    A part that was sent is stored at once. What else came of one is noted on its item, to be stored in one
    transaction with what becomes of that.
    """

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
                item.job = await self._send(item, job)
            except InDoubt:
                item.job = replace(job, doubts=job.doubts + 1)
                raise

    def give_up(self, item: Item, reason: str) -> None:
        """Let the message fail, so that the CRM learns of it; what may have been sent is unknown."""
        is_over = item.tried is not None and item.tried.state in ("failed", "unknown")
        if item.job is not None and not is_over:
            item.tried = _result(item.job, "unknown" if item.job.doubts else "failed", error=reason)

    def put_off(self, item: Item, reason: str) -> None:
        """Take back that the next part was begun: it was surely not sent."""
        if item.job is not None:
            item.tried = _result(item.job, "queued", error=reason)

    async def _send(self, item: Item, job: PartJob) -> PartJob | None:
        rule, attempt = self._rule(job), item.attempts + 1
        if job.doubts and (rule == "hold" or (rule == "resend" and job.doubts > 1)):
            raise _unknown(item, job, CUT_SHORT)
        if job.doubts and rule == "lookup" and (found := await self._look_up(item, job, attempt)):
            return await self._settle_sent(job, found)
        if job.is_unwanted:
            raise _unwanted(item, job)
        try:
            sent = await self._tell(job, attempt)
        except (RetryLater, DestinationUnavailable, CredentialsRejected, NotReady) as error:
            # Surely not sent.
            item.tried = _result(job, "queued", error=str(error))
            raise
        except Refused as error:
            item.tried = _result(job, "failed", error=str(error))
            raise
        except (Uncertain, TimeoutError) as error:
            doubt = str(error) or f"no answer within {self._patience_seconds:.0f} s"
            if rule == "hold":
                raise _unknown(item, job, doubt) from error
            # The part stays in state ``sending``: whoever claims it next knows that it is in doubt.
            after = RESEND_AFTER_SECONDS if rule in ("resend", "lookup") else None
            raise InDoubt(f"may have been sent: {doubt}", after_seconds=after) from error
        except Exception as error:
            if rule != "hold":
                raise  # the part is in doubt, as above
            log.exception("plugin raised", channel=self._channel.kind, part=job.part.id)
            failed = f"the channel failed while it sent: {type(error).__name__}; see the log"
            raise _unknown(item, job, f"it may have been sent, for {failed}") from error
        return await self._settle_sent(job, sent)

    async def _look_up(self, item: Item, job: PartJob, attempt: int) -> Sent | None:
        """Ask the platform whether it has a part that may have been sent.

        Whatever else goes wrong meanwhile leaves the part in state ``sending``, and so in doubt.
        """
        if isinstance(job.part, OutboundChange):
            return None
        part = job.part.model_copy(update={"attempt": attempt})
        try:
            return await _within(self._patience_seconds, self._channel.lookup, part)
        except Uncertain as error:
            raise _unknown(item, job, str(error)) from error
        except Refused as error:
            # It had taken the part, and tells now that it will not be delivered.
            item.tried = _result(job, "failed", error=str(error))
            raise
        except TimeoutError as error:
            doubt = (
                f"the platform did not tell within {self._patience_seconds:.0f} s what became of it"
            )
            raise InDoubt(doubt, after_seconds=RESEND_AFTER_SECONDS) from error

    async def _tell(self, job: PartJob, attempt: int) -> Sent | None:
        """Have the channel send the part or make the change; return what the platform calls it now."""
        if isinstance(job.part, OutboundChange):
            change = job.part.model_copy(update={"attempt": attempt})
            await _within(self._patience_seconds, self._channel.change, change)
            return None
        is_repeated = job.doubts > 0 and self._rule(job) == "resend"
        part = job.part.model_copy(update={"attempt": attempt, "possible_duplicate": is_repeated})
        return await _within(self._patience_seconds, self._channel.send, part)

    @property
    def _patience_seconds(self) -> float:
        return self._channel.capabilities.send_seconds

    def _rule(self, job: PartJob) -> OnUncertain:
        # What is changed twice is changed once.
        is_change = isinstance(job.part, OutboundChange)
        return "native" if is_change else self._channel.capabilities.on_uncertain

    async def _settle_sent(self, job: PartJob, sent: Sent | None) -> PartJob | None:
        """Store that a part was sent; return the one that follows, begun."""
        result = _result(job, "sent")
        if sent is not None:
            result = replace(result, external_id=sent.external_id, segments=sent.segments)
        return await self._writer.do(settle_part, result)


def _result(job: PartJob, state: PartEnd, *, error: str | None = None) -> PartResult:
    part = job.part
    action = part.action if isinstance(part, OutboundChange) else SEND
    return PartResult(part.message, part.index, state, error=error, action=action)


def _unknown(item: Item, job: PartJob, doubt: str) -> Unproven:
    """Hold a part as unknown; return what to raise, since it will not be tried again."""
    item.tried = _result(job, "unknown", error=doubt)
    return Unproven("unknown", doubt)


def _unwanted(item: Item, job: PartJob) -> Unproven:
    """Let a part fail that nobody wants by now; return what to raise."""
    if job.doubts:
        return _unknown(item, job, f"it may have been sent; {UNWANTED}")
    error = Unproven("recipient_blocked", UNWANTED)
    item.tried = _result(job, "failed", error=str(error))
    return error


async def _within(
    seconds: float, method: Callable[[GivenT], Awaitable[ResultT]], given: GivenT
) -> ResultT:
    """Make an attempt: call a plugin's method as `within` does."""
    failpoints.reached("send")
    result = await within(seconds, method, given)
    failpoints.reached("sent")
    return result
