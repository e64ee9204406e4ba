"""Times as operators write them: ``2h`` ago, a date, a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from omnigate import rfc3339
from omnigate.cli.failure import WrongUsage

METAVAR: Final = "TIME|AGE"
HELP: Final = (
    "a time (2026-08-21, 2026-08-21T09:30Z; UTC unless it says otherwise) or an age (2h, 3d)"
)

_AGE: Final = re.compile(r"(\d{1,9})\s*(s|min|m|h|d|w)")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


LATER: Final = (
    "a time (2026-08-21T09:30+03:00; UTC unless it says otherwise) or a delay (30min, 2h)"
)


def later(option: str, text: str | None) -> str | None:
    """Return a time to come, or a delay from now, as the API takes it.

    Raises `WrongUsage` for anything else, and for what is past.
    """
    if text is None:
        return None
    try:
        if delay := _AGE.fullmatch(text.strip()):
            seconds = int(delay[1]) * _SECONDS[delay[2]]
            return rfc3339(datetime.now(UTC) + timedelta(seconds=seconds))
    except OverflowError:
        raise WrongUsage(f"{option} {text}: this is not a time.", f"Give {LATER}.") from None
    try:
        given = moment(option, text)
    except WrongUsage:
        raise WrongUsage(f"{option} {text}: this is not a time.", f"Give {LATER}.") from None
    if given is not None and datetime.fromisoformat(given) <= datetime.now(UTC):
        raise WrongUsage(f"{option} {text}: this is past.", f"Give {LATER}.")
    return given


def moment(option: str, text: str | None) -> str | None:
    """Return a time, or an age before now, as the API takes it; raises `WrongUsage` for anything else."""
    if text is None:
        return None
    text = text.strip()
    try:
        if age := _AGE.fullmatch(text):
            seconds = int(age[1]) * _SECONDS[age[2]]
            return rfc3339(datetime.now(UTC) - timedelta(seconds=seconds))
        given = datetime.fromisoformat(text)
        return rfc3339(given if given.tzinfo is not None else given.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise WrongUsage(f"{option} {text}: this is not a time.", f"Give {HELP}.") from None
