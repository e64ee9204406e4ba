"""Calls that somebody takes back, holds or decides about, and those whose time is over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from sqlalchemy import bindparam, select

from omnigate.model.call import ENDED, Call
from omnigate.model.event import EventType
from omnigate.store.calls import Calls, StoredCall, moment
from omnigate.store.callstates import Told
from omnigate.store.dials import end
from omnigate.store.ledger import Ledger
from omnigate.store.prepared import Query
from omnigate.store.record import Recorder
from omnigate.store.schema import call as call_table
from omnigate.store.transaction import Transaction

AGAIN_SECONDS: Final = 3600.0
"""What is to be tried again has at least so long."""
NOT_IN_TIME: Final = "it could not be tried in time"
NO_CHANNEL: Final = (
    "it could not be tried: no channel {channel} calls people any more;"
    " omnigate channel list tells what became of it; call the customer back"
)


class Cancellation(NamedTuple):
    """Somebody takes a call back."""

    call_id: str
    asked_in: str | None = None
    """Only if it was asked for in this conversation."""


class Cancelled(NamedTuple):
    """What became of that."""

    call: Call | None
    """None: there is no such call."""
    outcome: Literal["cancelled", "asked", "ended", "unknown"]
    """``asked``: it is under way, and will be ended; ``ended``: it had ended before."""


class Resolution(NamedTuple):
    """Somebody has found out about a call that was held as unknown."""

    call_id: str
    state: Literal["completed", "failed", "again"]
    error: str | None = None


class Resolved(NamedTuple):
    """What became of that."""

    call: Call | None
    is_done: bool
    """False: nothing about it was unknown."""


class Held(NamedTuple):
    """Nobody will tell what becomes of a call under way."""

    call_id: str
    error: str
    """Why, and what to do."""
    heard_at: int | None = None
    """Only if nothing was heard of it after this moment."""


class Cut(NamedTuple):
    """An attempt under way lasts longer than any may."""

    call_id: str
    attempt: int


class Expiry(NamedTuple):
    """Calls that were not tried in time are to end."""

    limit: int
    """So many at most."""
    channels: Collection[str]
    """Names of the channels that call people now: another's calls end for want of it."""


def cancel_calls(transaction: Transaction, items: Sequence[Cancellation]) -> list[Cancelled]:
    """Take calls back: what waits ends now; what is under way is marked, to be hung up."""
    desk = _Desk(transaction, [item.call_id for item in items])
    results = [desk.cancel(item) for item in items]
    desk.flush()
    return results


def resolve_calls(transaction: Transaction, items: Sequence[Resolution]) -> list[Resolved]:
    """End calls that were held as unknown, or have them tried again as a further attempt."""
    desk = _Desk(transaction, [item.call_id for item in items])
    results = [desk.resolve(item) for item in items]
    desk.flush()
    return results


def hold_calls(transaction: Transaction, items: Sequence[Held]) -> list[Call | None]:
    """Hold calls as unknown at whatever stage they are; None where nothing was under way, or held before.

    What a channel tells of one later still counts.
    """
    desk = _Desk(transaction, [item.call_id for item in items])
    results = [desk.hold(item) for item in items]
    desk.flush()
    return results


def cut_calls(transaction: Transaction, items: Sequence[Cut]) -> list[Call | None]:
    """Mark calls that are to be hung up because they last too long, and are never tried again by themselves.

    None where the attempt is over or held, or was marked before.
    """
    desk = _Desk(transaction, [item.call_id for item in items])
    results = [desk.cut(item) for item in items]
    desk.flush()
    return results


def expire_calls(transaction: Transaction, items: Sequence[Expiry]) -> list[list[Call]]:
    """End calls that were not tried in time; return them."""
    due = [
        [row.id for row in _LATE.run(transaction.connection, _late(transaction, item.limit))]
        for item in items
    ]
    desk = _Desk(transaction, [call_id for some in due for call_id in some])
    results = [
        [call for call_id in some if (call := desk.expire(call_id, item.channels))]
        for some, item in zip(due, items, strict=True)
    ]
    desk.flush()
    return results


class _Desk:
    def __init__(self, transaction: Transaction, call_ids: Sequence[str]) -> None:
        self._now = transaction.now
        self._ledger, self._recorder = Ledger(transaction), Recorder(transaction)
        self._calls = Calls(transaction, self._ledger, self._recorder)
        for call_id in call_ids:
            self._calls.want(call_id)
        self._calls.load()

    def flush(self) -> None:
        self._ledger.flush()
        self._recorder.flush()
        self._calls.flush()

    def cancel(self, item: Cancellation) -> Cancelled:
        stored = self._calls.find(item.call_id)
        if stored is None or item.asked_in not in (None, stored.call.from_conversation):
            return Cancelled(None, "unknown")
        if stored.call.state in ENDED:
            return Cancelled(stored.call, "ended")
        if stored.is_waiting:
            end(self._calls, stored, "cancelled", self._now)
            return Cancelled(stored.call, "cancelled")
        if stored.cancel_asked_at is None:
            stored.cancel_asked_at = self._now
            self._calls.touch(stored)
        return Cancelled(stored.call, "asked")

    def resolve(self, item: Resolution) -> Resolved:
        stored = self._calls.find(item.call_id)
        if stored is None or stored.call.state != "unknown":
            return Resolved(stored.call if stored else None, is_done=False)
        if item.state == "again" and stored.cancel_asked_at is None:
            self._try_again(stored)
        elif item.state == "again":
            end(self._calls, stored, "cancelled", self._now)
        else:
            end(self._calls, stored, item.state, self._now, item.error)
        return Resolved(stored.call, is_done=True)

    def hold(self, item: Held) -> Call | None:
        stored = self._calls.find(item.call_id)
        is_over = stored is None or stored.call.state in ENDED or stored.is_waiting
        if stored is None or is_over or stored.call.state == "unknown":
            return None
        if item.heard_at is not None and stored.updated_at > item.heard_at:
            return None
        held = stored.call.model_copy(update={"state": "unknown", "error": item.error})
        self._calls.change(stored, held, [Told(EventType.CALL_UNKNOWN)])
        return stored.call

    def cut(self, item: Cut) -> Call | None:
        stored = self._calls.find(item.call_id)
        is_over = stored is None or stored.call.state in ENDED or stored.is_waiting
        if stored is None or is_over or stored.call.state == "unknown":
            return None
        if stored.call.attempt != item.attempt or stored.cut_at is not None:
            return None
        stored.cut_at = self._now
        self._calls.touch(stored)
        return stored.call

    def expire(self, call_id: str, channels: Collection[str]) -> Call | None:
        stored = self._calls.find(call_id)
        if stored is None or not stored.is_waiting:
            return None
        why = stored.call.error or NOT_IN_TIME
        if stored.channel not in channels:
            why = NO_CHANNEL.format(channel=stored.channel)
        end(self._calls, stored, "expired", self._now, why)
        return stored.call

    def _try_again(self, stored: StoredCall) -> None:
        least = moment(self._now) + timedelta(seconds=AGAIN_SECONDS)
        news = {
            "state": "queued",
            "callback_at": None,
            "expires_at": max(least, stored.call.expires_at or least),
        }
        self._calls.change(stored, stored.call.model_copy(update=news), due_at=self._now)


def _late(transaction: Transaction, limit: int) -> dict[str, int]:
    return {"now": transaction.now, "limit": limit}


_LATE: Final = Query(
    select(call_table.c.id)
    .where(call_table.c.due_at.is_not(None), call_table.c.expires_at <= bindparam("now"))
    .order_by(call_table.c.expires_at)
    .limit(bindparam("limit"))
)
