"""A call as its visitor sees it: in plain stages, without what is the company's own business."""

from __future__ import annotations

from typing import Any, Final, Literal

import omnigate

Shown = Literal[
    "waiting",
    "starting",
    "ringing",
    "connecting",
    "talking",
    "unsure",
    "ended",
    "cancelled",
    "missed",
    "failed",
]

_SHOWN: Final[dict[omnigate.CallState, Shown]] = {
    "requested": "starting",
    "queued": "waiting",
    "dialling": "starting",
    "agent_ringing": "starting",
    "agent_answered": "starting",
    "customer_ringing": "ringing",
    "customer_answered": "connecting",
    "bridged": "talking",
    "completed": "ended",
    "agent_no_answer": "failed",
    "agent_busy": "failed",
    "customer_no_answer": "missed",
    "customer_busy": "missed",
    "customer_rejected": "missed",
    "failed": "failed",
    "cancelled": "cancelled",
    "blocked": "failed",
    "expired": "failed",
    "unknown": "unsure",
}
_OVER: Final = frozenset({"ended", "cancelled", "missed", "failed"})


def shown_state(call: omnigate.Call) -> Shown:
    """Return the stage a visitor is told of."""
    shown = _SHOWN[call.state]
    if shown == "starting" and _has_answered(call):
        return "connecting"  # where the customer is rung first, the agent's phone rings after that
    return shown


def is_open(call: omnigate.Call) -> bool:
    """Tell whether the call is still to come, or going on."""
    return _SHOWN[call.state] not in _OVER


def view_of(call: omnigate.Call, seconds_left: float | None) -> dict[str, Any]:
    """Return what is shown; ``seconds_left`` is of the time within which it is to ring."""
    state = shown_state(call)
    return {
        "id": call.id,
        "state": state,
        "open": state not in _OVER,
        "number": call.customer,
        "callback_at": _moment(call) if state == "waiting" else None,
        "seconds_left": (
            None if state != "starting" or seconds_left is None else round(seconds_left)
        ),
        "tag": f"{call.id}.{call.attempt}.{state}.{_moment(call) or ''}",
    }


def _moment(call: omnigate.Call) -> str | None:
    return None if call.callback_at is None else omnigate.rfc3339(call.callback_at)


def _has_answered(call: omnigate.Call) -> bool:
    return any(leg.leg == "customer" and leg.answered_at and not leg.ended_at for leg in call.legs)
