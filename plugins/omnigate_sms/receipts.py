"""What operators write in the body of a delivery receipt, and what its states mean.

The form is only a custom of one vendor that everybody took up: fields are missing, added, renamed and
spelled in any case, so that everything here is optional and nothing raises.

Source: SMPP 3.4 issue 1.2, appendix B and section 5.2.28 (values compared with two libraries, 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from omnigate_sms.link import State

BODY_LIMIT: Final = 4096
"""Characters of a body that are looked at: real ones have about 120."""

BY_WORD: Final[Mapping[str, State]] = {
    "SCHEDULED": "sent",
    "ENROUTE": "sent",
    "ACCEPTD": "sent",
    "DELIVRD": "delivered",
    "EXPIRED": "failed",
    "DELETED": "failed",
    "UNDELIV": "failed",
    "REJECTD": "failed",
    "SKIPPED": "failed",
    "UNKNOWN": "unknown",
    # Not in the standard; spelled out by some.
    "ACCEPTED": "sent",
    "DELIVERED": "delivered",
    "UNDELIVERED": "failed",
    "UNDELIVERABLE": "failed",
    "REJECTED": "failed",
    "FAILED": "failed",
}
"""By the word after ``stat:``, in capitals."""

BY_NUMBER: Final[Mapping[int, State]] = {
    0: "sent",
    1: "sent",
    2: "delivered",
    3: "failed",
    4: "failed",
    5: "failed",
    6: "sent",
    7: "unknown",
    8: "failed",
    9: "failed",
}
"""By the TLV ``message_state``."""

WORDS: Final = (
    "SCHEDULED",
    "ENROUTE",
    "DELIVRD",
    "EXPIRED",
    "DELETED",
    "UNDELIV",
    "ACCEPTD",
    "UNKNOWN",
    "REJECTD",
    "SKIPPED",
)
"""The word of each number."""

_TEXT: Final = re.compile(r"(?<![^\s])text\s?:", re.IGNORECASE)
_FIELD: Final = re.compile(
    r"(?<![^\s])(submit[ _]date|done[ _]date|[a-z]\w{0,40}):[ ]?(?![a-z]\w{0,40}:)(\S*)",
    re.IGNORECASE,
)
_WITH_SECONDS: Final = 12
_WITHOUT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a receipt says; None for what it does not."""

    id: str | None = None
    """Of the text it is about, as the operator spells it there."""
    stat: str | None = None
    """The operator's word, in capitals."""
    err: str | None = None
    submitted_at: datetime | None = None
    """By the operator's own clock: it names no time zone."""
    done_at: datetime | None = None
    text: str | None = None
    """The beginning of what was sent, as a rule."""

    @property
    def state(self) -> State | None:
        """What the word means; ``unknown`` for one that nobody agreed on, None where there is none."""
        return None if self.stat is None else BY_WORD.get(self.stat, "unknown")


def read(body: str) -> Body:
    """Return what a receipt's body says; of what stands there twice the first. Never raises."""
    body = body[:BODY_LIMIT]
    text = None
    if said := _TEXT.search(body):
        body, text = body[: said.start()], body[said.end() :]
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(body):
        fields.setdefault(name.lower().replace(" ", "_"), value)
    stat = fields.get("stat")
    return Body(
        id=fields.get("id") or None,
        stat=stat.upper() if stat else None,
        err=fields.get("err") or None,
        submitted_at=_moment(fields.get("submit_date", "")),
        done_at=_moment(fields.get("done_date", "")),
        text=text,
    )


def _moment(digits: str) -> datetime | None:
    """Return a moment written as ``YYMMDDhhmm`` or ``YYMMDDhhmmss``; None for anything else."""
    if not digits.isascii() or not digits.isdigit():
        return None
    if len(digits) == _WITHOUT_SECONDS:
        digits += "00"
    if len(digits) != _WITH_SECONDS:
        return None
    year, month, day, hour, minute, second = (
        int(digits[at : at + 2]) for at in range(0, _WITH_SECONDS, 2)
    )
    try:
        return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 - told without
    except ValueError:
        return None
