"""Attempts at calling: claimed with the intent on disk, settled by what the platform said.

An attempt is counted when it is claimed. One that surely was not begun is taken back, so that the next
has the same number, and with it whatever a platform takes for the name of the attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from sqlalchemy import bindparam, or_, select

from omnigate import failpoints
from omnigate.model.call import ENDED, Call, CallState
from omnigate.model.event import EventType
from omnigate.store.callfacts import Given
from omnigate.store.calls import Calls, StoredCall, moment
from omnigate.store.callstates import TOO_LONG, Told, begin_attempt, end_told
from omnigate.store.ledger import Ledger
from omnigate.store.prepared import Query
from omnigate.store.record import Recorder
from omnigate.store.schema import call as call_table
from omnigate.store.transaction import Transaction

BLOCKED_CODES: Final = frozenset(
    {
        "blocked",
        "do_not_call",
        "limit_reached",
        "no_agent",
        "no_consent",
        "not_allowed",
        "number_type",
        "own_number",
    }
)
"""Refusals of an attempt that come of a rule: the call ends ``blocked``, otherwise ``failed``."""


class Claim(NamedTuple):
    """So many calls of a channel are to be tried."""

    channel: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOutcome:
    """What came of telling the platform about an attempt."""

    call_id: str
    attempt: int
    came: Literal["taken", "refused", "not_begun", "unknown"]
    provider_ids: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    """Of a refusal."""
    error: str | None = None
    due_at: int | None = None
    """When to try what was not begun; None: at once."""
    is_news: bool = False
    """Backends are to hear that what was not begun waits now: not at every try."""


def begin_dials(transaction: Transaction, items: Sequence[Claim]) -> list[list[Call]]:
    """Begin the next attempt of calls that are due, in that order; commit it before they are dialled."""
    return [_begin(transaction, item) for item in items]


def settle_dials(transaction: Transaction, items: Sequence[DialOutcome]) -> list[Call | None]:
    """Note what came of attempts; return the calls as they are now, None for those that are gone.

    What was heard of an attempt meanwhile counts for more: only one of which nothing is known yet is
    refused, taken back or held.
    """
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    calls = Calls(transaction, ledger, recorder)
    for item in items:
        calls.want(item.call_id)
    calls.load()
    results: list[Call | None] = []
    for item in items:
        stored = calls.find(item.call_id)
        if stored is not None and stored.call.attempt == item.attempt:
            _settle(calls, stored, item, transaction.now)
        results.append(stored.call if stored else None)
    ledger.flush()
    recorder.flush()
    calls.flush()
    failpoints.reached("finish")
    return results


def _begin(transaction: Transaction, item: Claim) -> list[Call]:
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    calls = Calls(transaction, ledger, recorder)
    due = _due(transaction, item)
    for call_id in due:
        calls.want(call_id)
    calls.load()
    begun = []
    for call_id in due:
        if (stored := calls.find(call_id)) is not None:
            stored.given, stored.begun_at, stored.cut_at = Given(), transaction.now, None
            calls.change(stored, begin_attempt(stored.call))
            begun.append(stored.call)
    calls.flush()
    return begun


def _settle(calls: Calls, stored: StoredCall, item: DialOutcome, now: int) -> None:
    call = stored.call
    if item.provider_ids:
        ids = {**item.provider_ids, **call.provider_ids}
        call = call.model_copy(update={"provider_ids": ids})
        calls.change(stored, call, due_at=stored.due_at)
    if not stored.has_attempt(item.attempt) or item.came == "taken":
        return
    if item.came == "unknown":
        held = call.model_copy(update={"state": "unknown", "error": item.error})
        calls.change(stored, held, [Told(EventType.CALL_UNKNOWN)])
    elif item.came == "refused":
        state: CallState = "blocked" if item.code in BLOCKED_CODES else "failed"
        end(calls, stored, "cancelled" if stored.cancel_asked_at else state, now, item.error)
    elif stored.cancel_asked_at is not None:
        end(calls, stored, "cancelled", now)
    elif stored.cut_at is not None:
        end(calls, stored, "failed", now, TOO_LONG)
    else:
        due_at = max(now, item.due_at or now)
        news = {
            "state": "queued",
            "attempt": call.attempt - 1,
            "callback_at": moment(due_at) if due_at > now else None,
            "error": item.error,
        }
        told = [Told(EventType.CALL_QUEUED)] if item.is_news else []
        calls.change(stored, call.model_copy(update=news), told, due_at=due_at)


def end(
    calls: Calls, stored: StoredCall, state: CallState, now: int, error: str | None = None
) -> None:
    """End a call without anything that the platform says of it."""
    if state not in ENDED:
        raise ValueError(f"{state} is no end")
    news = {"state": state, "ended_at": moment(now), "callback_at": None, "error": error}
    calls.change(stored, stored.call.model_copy(update=news), [Told(end_told(state))])


def _due(transaction: Transaction, item: Claim) -> list[str]:
    values = {"channel": item.channel, "now": transaction.now, "limit": item.limit}
    return [row.id for row in _DUE.run(transaction.connection, values)]


_DUE: Final = Query(
    select(call_table.c.id)
    .where(
        call_table.c.channel == bindparam("channel"),
        call_table.c.ended_at.is_(None),
        call_table.c.due_at <= bindparam("now"),
        or_(call_table.c.expires_at.is_(None), call_table.c.expires_at > bindparam("now")),
    )
    .order_by(call_table.c.due_at, call_table.c.id)
    .limit(bindparam("limit"))
)
