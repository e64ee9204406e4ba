"""Why calls end, as ITU-T Q.850 numbers it and Asterisk words it."""

from __future__ import annotations

from typing import Final, NamedTuple


class Cause(NamedTuple):
    """A number and its words."""

    number: int
    text: str


NORMAL: Final = Cause(16, "Normal Clearing")
BUSY: Final = Cause(17, "User busy")
NO_ANSWER: Final = Cause(19, "User alerting, no answer")
REJECTED: Final = Cause(21, "Call Rejected")
REASONS: Final = {
    "normal": NORMAL,
    "busy": BUSY,
    "no_answer": NO_ANSWER,
    "timeout": NO_ANSWER,
    "rejected": REJECTED,
}
"""Reasons that DELETE /channels/{id} knows, as far as they are emulated."""
