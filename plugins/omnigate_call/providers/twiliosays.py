"""What Twilio's words mean: for phones, for recordings, for what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import omnigate
from omnigate_call.driver import BUSY, NORMAL, Step, ended
from omnigate_call.providers import meanings
from omnigate_call.providers.hooks import maybe, need, seconds
from omnigate_call.providers.provider import step_of
from omnigate_call.providers.tries import Try

ERRORS: Final[Mapping[int, omnigate.Meaning]] = {  # unverified, all of them
    20003: omnigate.Meaning.NO_RIGHT,
    20429: omnigate.Meaning.TOO_MANY,
    21201: omnigate.Meaning.BAD_NUMBER,
    21210: meanings.BAD_CALLER,
    21211: omnigate.Meaning.BAD_NUMBER,
    21212: meanings.BAD_CALLER,
    21214: omnigate.Meaning.BAD_NUMBER,
    21215: omnigate.Meaning(
        "refused", "region_not_allowed", "allow the country in the account's settings"
    ),
    21216: omnigate.Meaning.BLOCKED,
    21217: omnigate.Meaning.BAD_NUMBER,
    21219: omnigate.Meaning("refused", "bad_number", "trial accounts call only verified numbers"),
    21220: omnigate.Meaning.REFUSED,
}
"""By Twilio's code."""
CAUSES: Final[Mapping[str, int]] = {"busy": BUSY, "no-answer": 19, "failed": 41, "canceled": NORMAL}
"""``CallStatus`` of a phone that was never answered, as Q.850 has it."""


def leg_of(text: str | None) -> omnigate.Leg:
    """Return whose phone a call is about. Raises `omnigate.BadPayload`."""
    if text == "agent":
        return "agent"
    if text == "customer":
        return "customer"
    raise omnigate.BadPayload("the call does not say which phone it is about")


def unanswered(
    tried: Try, leg: omnigate.Leg, status: str, *, at: datetime, ids: Mapping[str, str]
) -> Step:
    """Return the end of an attempt whose phone was not answered; ``status`` is one of `CAUSES`."""
    cause = CAUSES[status]
    state = ended(leg, cause, was_ringing=status != "failed")
    return step_of(tried, state, at=at, leg=leg, cause=cause, cause_text=status, provider_ids=ids)


def recorded(tried: Try, said: Mapping[str, str], at: datetime) -> list[Step]:
    """Return the recording that a call brings; none while it is not ready."""
    if said.get("RecordingStatus", "completed") != "completed":
        return []
    sid = need(said, "RecordingSid")
    recording = omnigate.AttachmentRef(
        kind="audio",
        mime="audio/mpeg",
        name=f"{tried.call_id}.mp3",
        duration_seconds=seconds(maybe(said, "RecordingDuration")),
        ref={"recording": sid},
    )
    return [step_of(tried, None, at=at, recording=recording, key="recording")]


def refused(said: Mapping[str, Any], answer: omnigate.Answer) -> omnigate.OmnigateError:
    """Return what it means that Twilio did not do what it was asked for."""
    code = said.get("code")
    if not isinstance(code, int):
        return meanings.of_status(answer)
    words = f"Twilio error {code}: {omnigate.one_line(said.get('message') or 'no reason given')}"
    if code in ERRORS:
        return ERRORS[code].error(words, answer.status)
    if answer.status < 500 and answer.status not in (401, 408, 429):
        return omnigate.Meaning.REFUSED.error(words)
    return meanings.of_status(answer)


def not_told(answer: omnigate.Answer) -> omnigate.OmnigateError:
    """Return what it means that Twilio does not say what became of a call."""
    if answer.status == 429 or answer.status >= 500:
        return omnigate.judge(answer.status, answer.retry_after)
    return omnigate.Uncertain(f"Twilio answered {answer.status} when asked about the call")
