"""Steps of drivers: made, and as the daemon takes them in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, get_args

import omnigate
from omnigate_call.driver import Attempt, Step

_UNDER_WAY: Final = frozenset(
    {
        "requested",
        "queued",
        "dialling",
        "agent_ringing",
        "agent_answered",
        "customer_ringing",
        "customer_answered",
        "bridged",
        "unknown",
    }
)
_ENDS: Final = frozenset(get_args(omnigate.CallState)) - _UNDER_WAY
_LONGEST: Final = 500


def is_end(step: Step) -> bool:
    """Tell whether a step ends its attempt."""
    return step.state in _ENDS


def update_of(step: Step, *, agent: str | None, retry_at: datetime | None) -> omnigate.CallUpdate:
    """Return a step as an item; the same step of the same attempt always has the same external id."""
    what = step.state or "details"
    parts = [step.call_id, str(step.attempt), what, step.leg or "", step.key]
    return omnigate.CallUpdate(
        external_id=":".join(parts).rstrip(":"),
        conversation=step.call_id,
        occurred_at=step.at,
        call=step.call_id,
        attempt=step.attempt,
        state=step.state,
        leg=step.leg,
        cause=step.cause,
        cause_text=step.cause_text[:_LONGEST] if step.cause_text else None,
        sip_code=step.sip_code,
        agent=agent,
        ring_seconds=step.ring_seconds,
        talk_seconds=step.talk_seconds,
        recording=step.recording,
        provider_ids=dict(step.provider_ids),
        error=step.error[:_LONGEST] if step.error else None,
        retry_at=retry_at if is_end(step) else None,
    )


def step_of(
    attempt: Attempt,
    state: omnigate.CallState,
    *,
    leg: omnigate.Leg | None = None,
    error: str | None = None,
    provider_ids: Mapping[str, str] | None = None,
) -> Step:
    """Return what just happened in an attempt."""
    return Step(
        call_id=attempt.call_id,
        attempt=attempt.number,
        state=state,
        leg=leg,
        at=datetime.now(UTC),
        error=error,
        provider_ids=provider_ids or {},
    )
