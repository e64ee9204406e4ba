"""What Mango Office's events of a call mean: of its phones, of its end, of its recording.

Source: "API MANGO OFFICE", manual of the virtual PBX, version 1.9 (section on events, read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import omnigate
from omnigate_call.driver import BUSY, NORMAL, REJECTED, Attempt, Step, ended
from omnigate_call.providers.hooks import digits, moment, need
from omnigate_call.providers.provider import answered, ringing, step_of
from omnigate_call.providers.tries import Try

CAUSES: Final[Mapping[int, int]] = {  # unverified but 1124
    1121: BUSY,
    1122: 19,
    1123: 20,
    1124: REJECTED,
    1130: 1,
    1131: 41,
    1170: 50,
}
"""``disconnect_reason`` of a phone that was never answered, as Q.850 has it.

All others, such as 1110 and 1120 for who hung up, do not tell whether anybody had answered.
"""
RANG: Final = frozenset({1121, 1122, 1124})
REPLACED: Final = 1000
"""``disconnect_reason`` of a leg that another one has taken the place of."""


def result_of(said: Mapping[str, Any]) -> int | None:
    """Return a result, which Mango writes as a number or as text."""
    text = str(said.get("result", "")).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def settled(tried: Try, said: Mapping[str, Any], at: datetime) -> list[Step]:
    """Return what the result of a command means, which is told once more after its answer."""
    result = result_of(said)
    if result is None:
        raise omnigate.BadPayload("the field result is missing")
    if result < 3000:  # the events tell what became of it
        return [step_of(tried, None, at=at, key="taken")]
    return [step_of(tried, "failed", at=at, error=f"Mango Office did not place it: {result}")]


def steps_of_leg(attempt: Attempt, said: Mapping[str, Any], told_at: datetime) -> list[Step]:
    """Return what an event of one phone means. Raises `omnigate.BadPayload`."""
    tried, leg, at = Try.of(attempt), _leg_of(attempt, said), moment(said.get("timestamp"), told_at)
    ids = {"leg_a" if leg == attempt.legs[0] else "leg_b": need(said, "call_id")}
    match said["call_state"]:
        case "Appeared":
            return [ringing(tried, leg, at=at, provider_ids=ids)]
        case "Connected":
            return answered(tried, leg, at=at, provider_ids=ids)
        case "OnHold":
            return []
        case "Disconnected":
            return _disconnected(attempt, leg, said, at, ids)
    raise omnigate.BadPayload("call_state is none that is known")


def summed_up(attempt: Attempt | None, said: Mapping[str, Any], told_at: datetime) -> list[Step]:
    """Return what a summary means for a call that has not ended yet."""
    if attempt is None:
        return []
    tried, at = Try.of(attempt), moment(said.get("end_time"), told_at)
    talk, end = _number(said.get("talk_time")), _number(said.get("end_time"))
    if str(said.get("entry_result")) == "1" and talk:
        talked = float(end - talk) if end and end >= talk else None
        return [step_of(tried, "completed", at=at, talk_seconds=talked)]
    second = attempt.state in ("agent_answered", "customer_ringing")
    leg = attempt.legs[1] if second else attempt.legs[0]
    reason = _number(said.get("disconnect_reason"))
    cause = CAUSES.get(reason or 0)
    state = ended(leg, cause, was_ringing=cause is None or reason in RANG)
    return [
        step_of(tried, state, at=at, leg=leg, cause=cause, cause_text=f"disconnect_reason {reason}")
    ]


def recorded(tried: Try, said: Mapping[str, Any], at: datetime) -> list[Step]:
    """Return the recording that an event brings; none while it is not ready."""
    if str(said.get("recording_state", "Completed")) != "Completed":
        return []
    named = need(said, "recording_id")
    recording = omnigate.AttachmentRef(
        kind="audio", mime="audio/mpeg", name=f"{tried.call_id}.mp3", ref={"recording": named}
    )
    return [step_of(tried, None, at=at, recording=recording, key="recording")]


def _leg_of(attempt: Attempt, said: Mapping[str, Any]) -> omnigate.Leg:
    """Return whose phone an event is about: the customer's if it rings that number."""
    number = digits(_party(said, "to").get("number", ""))
    return "customer" if number == attempt.digits else "agent"


def _party(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def _disconnected(
    attempt: Attempt,
    leg: omnigate.Leg,
    said: Mapping[str, Any],
    at: datetime,
    ids: Mapping[str, str],
) -> list[Step]:
    """Return what the end of a leg means; what its reason leaves open, the summary tells."""
    tried, reason = Try.of(attempt), _number(said.get("disconnect_reason"))
    if reason is not None and reason in CAUSES and not attempt.is_bridged:
        cause = CAUSES[reason]
        state = ended(leg, cause, was_ringing=reason in RANG)
        text = f"disconnect_reason {reason}"
        return [
            step_of(tried, state, at=at, leg=leg, cause=cause, cause_text=text, provider_ids=ids)
        ]
    down = step_of(tried, None, at=at, leg=leg, cause=NORMAL, provider_ids=ids, key="down")
    if attempt.is_bridged and reason != REPLACED:
        return [down, step_of(tried, "completed", at=at)]
    return [down]


def _number(value: Any) -> int | None:
    text = str(value).strip() if isinstance(value, (int, str)) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
