"""Events of an application as what happened to one of our phones; everything else is let be.

Source: Asterisk 22 "REST data models", Events (docs.asterisk.org, read 2026-11-22); the sequences that 16.28
and 22.10 send were recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from omnigate_call.phone import Happened, What

REPLACED: Final = "ApplicationReplaced"

_STATES: Final[Mapping[str, What]] = {"Ringing": "ringing", "Up": "up"}
_DIALS: Final[Mapping[str, What]] = {"RINGING": "ringing", "PROGRESS": "ringing", "BUSY": "busy"}
_OF_CHANNEL: Final[Mapping[str, What]] = {
    "StasisStart": "here",
    "StasisEnd": "left",
    "ChannelDestroyed": "gone",
    "ChannelEnteredBridge": "joined",
}
_OF_RECORDING: Final[Mapping[str, What]] = {
    "RecordingFinished": "recorded",
    "RecordingFailed": "not_recorded",
}
_LONGEST: Final = 200


def happened(event: object) -> Happened | None:
    """Return what an event says of a channel or a recording; None for all others and for nonsense."""
    if not isinstance(event, dict):
        return None
    kind = str(event.get("type"))
    at = moment(event.get("timestamp"))
    if kind in _OF_RECORDING:
        return _recording(_OF_RECORDING[kind], _object(event, "recording"), at)
    if kind == "Dial":
        what = _DIALS.get(str(event.get("dialstatus")))
        channel = _object(event, "peer")
    elif kind == "ChannelStateChange":
        channel = _object(event, "channel")
        what = _STATES.get(str(channel.get("state")))
    else:
        channel = _object(event, "channel")
        what = _OF_CHANNEL.get(kind)
    name = _text(channel.get("id"))
    if what is None or name is None:
        return None
    return Happened(
        what=what,
        name=name,
        bridge=_text(_object(event, "bridge").get("id")),
        at=at,
        cause=_cause(event.get("cause")) if what == "gone" else None,
        cause_text=_text(event.get("cause_txt")) if what == "gone" else None,
    )


def moment(text: object) -> datetime:
    """Return when something happened, as the switch says; now where it does not."""
    now = datetime.now(UTC)
    if not isinstance(text, str) or len(text) > _LONGEST:
        return now
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return now
    return found.astimezone(UTC) if found.tzinfo is not None else now


def _recording(what: What, recording: Mapping[str, Any], at: datetime) -> Happened | None:
    name = _text(recording.get("name"))
    if name is None:
        return None
    duration = recording.get("duration")
    seconds = float(duration) if isinstance(duration, int) and 0 <= duration < 10**7 else None
    return Happened(
        what=what,
        name=name,
        at=at,
        duration_seconds=seconds,
        cause_text=_text(recording.get("cause")),
    )


def _object(event: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = event.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None


def _cause(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value <= 1000 else None
