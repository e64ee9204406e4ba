"""What the lanes of a destination are called: after whom they are about, with a mark if they stand apart.

``cnv_…`` is the live lane of a conversation, ``cnv_…#replay`` the one beside it for dead letters that are
offered again, ``cnv_…#4711`` one for a single item whose destination wants no order, and
``replay-3#cnv_…`` what a window of history has for it. Contacts and the gateway itself have the like.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from omnigate.store.schema import APART

REPLAY_LANE: Final = f"{APART}replay"
HISTORY: Final = "replay-"
"""How lanes begin that carry a window of history; what stands after the mark is whom they are about."""
REPLAY_PRIORITY: Final = 1000
"""Behind everything that is live."""


class Stream(NamedTuple):
    """The name of a lane, taken apart."""

    subject: str
    """The conversation or contact that it is about."""
    replay_id: int | None = None
    """Of the window of history that it belongs to."""


def stream_of(name: str) -> Stream:
    """Take the name of a lane apart."""
    before, mark, after = name.partition(APART)
    number = before.removeprefix(HISTORY)
    if mark and before.startswith(HISTORY) and number.isdigit():
        return Stream(after, int(number))
    return Stream(before)


def is_replay(name: str) -> bool:
    """Tell whether what a lane carries is sent again on an operator's request."""
    return name.endswith(REPLAY_LANE) or stream_of(name).replay_id is not None


def lane_prefix(number: int) -> str:
    """Return what the names of a replay's lanes begin with; what they are about comes after it."""
    return f"{HISTORY}{number}{APART}"
