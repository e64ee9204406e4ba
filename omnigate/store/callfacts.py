"""Facts of an attempt at calling, and what follows from them.

When each leg began to ring, was answered and ended, and when the two heard each other. Facts are only ever
added, and of two tellings of the same thing the earlier one counts, so their order does not matter. What a
call comes to by them is in `omnigate.store.callstates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from omnigate.model.call import ENDED, Call, CallLeg, CallState, CallUpdate, Leg

RANKS: Final[dict[CallState, int]] = {
    "requested": 0,
    "queued": 0,
    "dialling": 1,
    "agent_ringing": 2,
    "agent_answered": 3,
    "customer_ringing": 4,
    "customer_answered": 5,
    "bridged": 6,
}
"""How far a call is, in the usual order of the phones: decides between facts of one moment."""

_STEPS: Final[dict[CallState, tuple[Leg, str]]] = {
    "agent_ringing": ("agent", "ringing_at"),
    "agent_answered": ("agent", "answered_at"),
    "customer_ringing": ("customer", "ringing_at"),
    "customer_answered": ("customer", "answered_at"),
}
"""What each step is a fact of."""
_ENDS_LEG: Final[dict[CallState, Leg]] = {
    "agent_no_answer": "agent",
    "agent_busy": "agent",
    "customer_no_answer": "customer",
    "customer_busy": "customer",
    "customer_rejected": "customer",
}
_STATES: Final[dict[tuple[Leg, str], CallState]] = {fact: state for state, fact in _STEPS.items()}


class Given(NamedTuple):
    """Seconds that the platform itself has said."""

    ring_seconds: float | None = None
    talk_seconds: float | None = None


def leg_of(call: Call, leg: Leg) -> CallLeg | None:
    """Return what is known of one of the two phones."""
    return next((known for known in call.legs if known.leg == leg), None)


def with_facts(call: Call, update: CallUpdate) -> Call:
    """Return a call with what an update says of its legs, and of the two as a pair."""
    news: dict[str, Any] = {}
    if update.provider_ids:
        news["provider_ids"] = {**call.provider_ids, **update.provider_ids}
    if update.agent is not None:
        news["agent"] = update.agent
    if update.state == "bridged":
        news["bridged_at"] = _earlier(call.bridged_at, update.occurred_at)
    leg = leg_told(update)
    if leg is not None:
        known = leg_of(call, leg) or CallLeg(leg=leg)
        others = [each for each in call.legs if each.leg != leg]
        news["legs"] = sorted([*others, _leg_with(known, update)], key=_begun_at)
    return call.model_copy(update=news) if news else call


def standing(call: Call) -> CallState:
    """Return where an attempt under way stands: at the latest of its facts."""
    if call.bridged_at is not None:
        return "bridged"
    facts = _facts(call)
    return facts[-1][1] if facts else "dialling"


def leg_told(update: CallUpdate) -> Leg | None:
    """Return whose phone an update is about, if it is about one."""
    if update.state in _STEPS:
        return _STEPS[update.state][0]
    return update.leg or (_ENDS_LEG.get(update.state) if update.state is not None else None)


def more_given(given: Given, update: CallUpdate) -> Given:
    """Return the seconds that the platform has said, those of an update among them."""
    return Given(
        _larger(given.ring_seconds, update.ring_seconds),
        _larger(given.talk_seconds, update.talk_seconds),
    )


def with_seconds(call: Call, given: Given) -> Call:
    """Return a call with its seconds: the platform's, else those that follow from the facts."""
    ring = given.ring_seconds if given.ring_seconds is not None else _ring_seconds(call)
    talk = given.talk_seconds if given.talk_seconds is not None else _talk_seconds(call)
    if (ring, talk) == (call.ring_seconds, call.talk_seconds):
        return call
    return call.model_copy(update={"ring_seconds": ring, "talk_seconds": talk})


def _facts(call: Call) -> list[tuple[datetime, CallState]]:
    """Return what has happened in the attempt, with the times."""
    found = [
        (moment, _STATES[known.leg, name])
        for known in call.legs
        for name in ("ringing_at", "answered_at")
        if (moment := getattr(known, name)) is not None
    ]
    return sorted(found, key=lambda fact: (fact[0], RANKS[fact[1]]))


def _leg_with(known: CallLeg, update: CallUpdate) -> CallLeg:
    news: dict[str, Any] = {}
    if update.state in _STEPS:
        _, name = _STEPS[update.state]
        news[name] = _earlier(getattr(known, name), update.occurred_at)
    elif update.state in ENDED or update.cause is not None or update.sip_code is not None:
        end = (update.occurred_at, update.cause, update.cause_text, update.sip_code)
        if known.ended_at is None or _order(end) < _order(_end(known)):
            news = dict(zip(("ended_at", "cause", "cause_text", "sip_code"), end, strict=True))
    if (provider_id := update.provider_ids.get(known.leg)) is not None:
        news["provider_id"] = provider_id
    return known.model_copy(update=news) if news else known


def _end(leg: CallLeg) -> tuple[Any, ...]:
    return leg.ended_at, leg.cause, leg.cause_text, leg.sip_code


def _order(end: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    """Return what ends of a leg are ordered by: the earlier first, and what says more."""
    return [(each is None, each) for each in end]


def _begun_at(leg: CallLeg) -> tuple[bool, float, str]:
    """Return what legs are ordered by: the first thing that is known of each."""
    moments = [at for at in (leg.ringing_at, leg.answered_at, leg.ended_at) if at is not None]
    return not moments, min(moments).timestamp() if moments else 0.0, leg.leg


def _ring_seconds(call: Call) -> float | None:
    customer = leg_of(call, "customer")
    if customer is None or customer.ringing_at is None or customer.answered_at is None:
        return None
    return _between(customer.ringing_at, customer.answered_at)


def _talk_seconds(call: Call) -> float | None:
    """Return how long they talked; None until it is over, and where they did not."""
    answered = [leg.answered_at for leg in call.legs if leg.answered_at is not None]
    began = call.bridged_at or (max(answered) if len(answered) == 2 else None)
    if began is None or call.ended_at is None:
        return None
    return _between(began, min(_ends(call), default=call.ended_at))


def _ends(call: Call) -> Iterator[datetime]:
    if call.ended_at is not None:
        yield call.ended_at
    yield from (leg.ended_at for leg in call.legs if leg.ended_at is not None)


def _between(began: datetime, ended: datetime) -> float:
    return max(0.0, round((ended - began).total_seconds(), 3))


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _larger(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)
