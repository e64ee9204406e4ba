"""What a call comes to: worked out from what was told of it, in whatever order and however often.

Theory of operation. A call is tried in attempts, one after the other. Of an attempt *facts* are kept, in
whatever order they come (`omnigate.store.callfacts`).

* Where an attempt under way stands is the latest of its facts; two of the same moment are told apart by
  `omnigate.store.callfacts.RANKS`. What comes late therefore fills in its leg and never takes the call back.
* The first end that is told ends the attempt: with it the call is over, or waits for the next one. What
  comes later about that attempt still fills in its legs and its seconds.
* What is about an earlier attempt changes nothing.
* An attempt that lasted too long, and was to be ended for that, is the last by itself; held as ``unknown`` it
  stays so until an end is told.
* Seconds are the platform's where it has said any, otherwise they follow from the facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from omnigate.model.attachment import Attachment
from omnigate.model.call import (
    CONNECTED,
    ENDED,
    MISSED,
    WAITING,
    Call,
    CallState,
    CallUpdate,
    Leg,
)
from omnigate.model.event import EventType
from omnigate.store.callfacts import (
    Given,
    leg_of,
    leg_told,
    more_given,
    standing,
    with_facts,
    with_seconds,
)

TOO_LONG: Final = "it was ended, since it lasted longer than any call may"
TOO_LONG_CODE: Final = "too_long"
TIMER_EXPIRED: Final = 102
"""Source: ITU-T Q.850 (05/2018), table 1: recovery on timer expiry."""


class Told(NamedTuple):
    """An event that follows from a change, and whose phone it is about."""

    type: EventType
    leg: Leg | None = None


class Change(NamedTuple):
    """A call after something was told of it."""

    call: Call
    given: Given
    told: Sequence[Told] = ()
    due_at: datetime | None = None
    """When it is to be tried again; only while it waits."""


def begin_attempt(call: Call) -> Call:
    """Return the call at the beginning of its next attempt: nothing is known of that yet."""
    return call.model_copy(
        update={
            "state": "dialling",
            "attempt": call.attempt + 1,
            "callback_at": None,
            "legs": [],
            "bridged_at": None,
            "ring_seconds": None,
            "talk_seconds": None,
            "ended_at": None,
            "cause": None,
            "cause_text": None,
            "error": None,
            "provider_ids": {},
        }
    )


def end_told(state: CallState) -> EventType:
    """Return the event by which an end is told."""
    return EventType.CALL_ENDED if state in CONNECTED else EventType.CALL_MISSED


def advance(
    call: Call,
    given: Given,
    update: CallUpdate,
    *,
    recording: Attachment | None = None,
    cancel_asked: bool = False,
    is_cut: bool = False,
) -> Change:
    """Return what becomes of a call by an update that concerns it.

    ``recording`` is the file of the update, if it brought one; ``is_cut``: the attempt lasted too long.
    """
    if update.attempt != call.attempt:
        call, given, is_cut = begin_attempt(call), Given(), False
    before = call
    is_over = call.state in ENDED or call.state in WAITING
    call, given = with_facts(call, update), more_given(given, update)
    told: list[Told] = []
    due_at = None
    if not is_over and update.state in ENDED:
        call, due_at = _ended(call, update, update.state, cancel_asked=cancel_asked, is_cut=is_cut)
        told.append(_end_of(call, leg_told(update)))
    elif not is_over and not (is_cut and call.state == "unknown"):
        call, step = _moved(before, call, update)
        told += step
    call = with_seconds(call, given)
    if recording is not None and call.recording is None:
        call = call.model_copy(update={"recording": recording})
        told.append(Told(EventType.CALL_RECORDED))
    return Change(call, given, told, due_at)


def concerns(call: Call, update: CallUpdate) -> bool:
    """Tell whether an update is about the call's latest attempt.

    While it waits that may be the next one: it was begun, whatever was said when it was dialled, and a
    second one beside it must not be.
    """
    is_next = call.state in WAITING and update.attempt == call.attempt + 1
    return update.attempt > 0 and (update.attempt == call.attempt or is_next)


def _end_of(call: Call, leg: Leg | None) -> Told:
    if call.state in WAITING:
        return Told(EventType.CALL_QUEUED, leg)
    return Told(end_told(call.state), leg)


def _ended(
    call: Call, update: CallUpdate, state: CallState, *, cancel_asked: bool, is_cut: bool
) -> tuple[Call, datetime | None]:
    """End the attempt, and the call with it unless it is to be tried again in time."""
    news: dict[str, Any] = {
        "cause": update.cause,
        "cause_text": update.cause_text,
        "error": update.error,
    }
    if cancel_asked and state in MISSED:
        state = "cancelled"  # nobody has to call back
    elif is_cut and not cancel_asked and state in CONNECTED:
        state = "failed" if state == "cancelled" else state  # nobody has taken it back
        news = {"cause": TIMER_EXPIRED, "cause_text": TOO_LONG_CODE, "error": TOO_LONG}
    retry_at = update.retry_at if state in MISSED and not is_cut else None
    if retry_at is not None and (call.expires_at is None or retry_at < call.expires_at):
        news |= {"state": "queued", "callback_at": retry_at}
        return call.model_copy(update=news), retry_at
    news |= {"state": state, "ended_at": update.occurred_at}
    return call.model_copy(update=news), None


def _moved(before: Call, call: Call, update: CallUpdate) -> tuple[Call, list[Told]]:
    """Bring the state of an attempt under way in line with its facts; ``call`` has the new ones."""
    if update.state == "unknown":
        if before.state == "unknown":
            return call, []
        news = {"state": "unknown", "error": update.error}
        return call.model_copy(update=news), [Told(EventType.CALL_UNKNOWN)]
    if before.state == "unknown" and update.state is None:
        return call, []
    # Whatever the platform says of an attempt shows that it knows of it.
    error = None if before.state == "unknown" else call.error
    news = {"state": standing(call), "error": error}
    return call.model_copy(update=news), _steps_told(before, call)


def _steps_told(before: Call, call: Call) -> list[Told]:
    """Return the events of what is new; what was overtaken already is not told any more."""
    if before.bridged_at is not None:
        return []
    told = []
    for leg in ("agent", "customer"):
        old, new = leg_of(before, leg), leg_of(call, leg)
        if new is None or (old is not None and old.answered_at is not None):
            continue
        if new.answered_at is not None:
            told.append(Told(EventType.CALL_ANSWERED, leg))
        elif new.ringing_at is not None and (old is None or old.ringing_at is None):
            told.append(Told(EventType.CALL_RINGING, leg))
    answered = [known for known in call.legs if known.answered_at is not None]
    if call.bridged_at is not None and len(answered) < 2 and not told:
        # A platform that tells only that they talk.
        told.append(Told(EventType.CALL_ANSWERED))
    return told
