"""What Twilio is asked to do with a phone that was answered, in its markup.

Source: Twilio's client for Python 9.13, ``twiml/voice_response.py`` (names of attributes, read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

import omnigate
from omnigate_call.driver import Attempt
from omnigate_call.providers.tries import Try

EVENTS: Final = ("initiated", "ringing", "answered", "completed")
"""What of a phone Twilio is to tell."""
MARK: Final = "try"
"""Our mark of the attempt, in the address that Twilio calls."""
LEG: Final = "leg"
"""Whose phone a call is about, likewise."""


def twiml(attempt: Attempt, caller: str, callback: Callable[..., str]) -> str:
    """Return what the first phone does once it is answered: it dials the second one.

    ``caller`` is shown where the attempt names no other number; ``callback`` makes the addresses that
    Twilio is to call.
    """
    second = attempt.legs[1]
    shown = attempt.caller_id if second == "customer" else None
    dial = {
        "callerId": shown or caller,
        "timeout": str(int(attempt.ring_seconds)),
        "timeLimit": str(int(attempt.max_seconds)),
        "answerOnBridge": "true",
    }
    mark = Try.of(attempt).mark
    if attempt.is_recorded:
        dial["record"] = "record-from-answer-dual"
        dial["recordingStatusCallback"] = callback(**{MARK: mark})
    number = {
        "statusCallback": callback(**{MARK: mark, LEG: second}),
        "statusCallbackEvent": " ".join(EVENTS),
    }
    called = f"<Number {_attributes(number)}>{phone_of(attempt, second)}</Number>"
    return f"<Response><Dial {_attributes(dial)}>{called}</Dial></Response>"


def phone_of(attempt: Attempt, leg: omnigate.Leg) -> str:
    """Return the number of the phone to be dialled. Raises `omnigate.Refused` where there is none."""
    if leg == "customer":
        return attempt.customer
    if attempt.agent.number is None:
        raise omnigate.Refused("no_agent", f"{attempt.agent_name} has no number; add it")
    return attempt.agent.number


def _attributes(named: Mapping[str, str]) -> str:
    return " ".join(f"{name}={quoteattr(value)}" for name, value in named.items())
