"""What we call channels, bridges and recordings on the switch: made of the attempt, to be found again.

The switch refuses a second channel of the same id while the first lives, and after a restart of the daemon
the ids tell whose a channel is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import omnigate


class Place(NamedTuple):
    """Whose something on the switch is."""

    call_id: str
    number: int
    leg: omnigate.Leg | None
    """None for what belongs to both."""


class Names:
    """The names of one application."""

    def __init__(self, app: str) -> None:
        self.app = app
        self._ours = re.compile(
            rf"{re.escape(app)}-(cal_[0-9a-v]{{26}})-([1-9][0-9]{{0,5}})(?:-(agent|customer))?",
            re.ASCII,
        )

    def channel(self, call_id: str, number: int, leg: omnigate.Leg) -> str:
        """Return the id of a channel."""
        return f"{self.app}-{call_id}-{number}-{leg}"

    def whole(self, call_id: str, number: int) -> str:
        """Return the id of an attempt's bridge, and the name of its recording."""
        return f"{self.app}-{call_id}-{number}"

    def place(self, name: str) -> Place | None:
        """Return whose a name is; None for what is not ours."""
        match = self._ours.fullmatch(name)
        if match is None:
            return None
        leg: omnigate.Leg | None = match[3]  # type: ignore[assignment]  # the pattern says so
        return Place(match[1], int(match[2]), leg)


def app_for(channel: str) -> str:
    """Return the application's name for a channel whose configuration names none."""
    return "omnigate_" + re.sub(r"[^A-Za-z0-9_]", "_", channel)[:30]
