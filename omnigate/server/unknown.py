"""Saying that nobody has a name and who there is, or that there is no such thing and where to look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from omnigate.server.problems import Denied
from omnigate.store.destinations import Direction

_MOST_NAMES: Final = 10
_LONGEST: Final = 60
_LISTINGS: Final = {
    "message": "omnigate message list",
    "conversation": "omnigate conversation list",
    "call": "omnigate call list",
    "handover": "omnigate conversation handover --help",
    "event": "omnigate events tail --no-follow",
    "contact": "omnigate contact list",
    "conflict": "omnigate contact conflicts --all",
}


def nobody(direction: Direction, name: str, known: Iterable[str]) -> Denied:
    """Return a 404 that names the channels or backends there are, the first ten of them."""
    names = sorted(known)
    listing = f"omnigate {direction} list"
    if not names:
        there = f"none is configured; see {listing}"
    else:
        more = " …" if len(names) > _MOST_NAMES else ""
        are = "are" if len(names) > 1 else "is"
        there = f"there {are} {', '.join(names[:_MOST_NAMES])}{more}; see {listing}"
    return Denied(404, f"No {direction} is called {name!r}: {there}.", code=f"no_{direction}")


def not_enabled(channel: str) -> Denied:
    """Return a 404 for a channel that the configuration names and has switched off."""
    detail = f"Channel {channel!r} is not enabled: set enabled = true, then omnigate reload."
    return Denied(404, detail, code="no_channel")


def gone() -> Denied:
    """Return a 410 for a contact that was erased."""
    return Denied(410, "The contact was erased.", code="gone")


def missing(what: str, identifier: str) -> Denied:
    """Return a 404 for a thing that is not there, or not for the caller."""
    shown = identifier[:_LONGEST]
    return Denied(404, f"There is no such {what}: {shown!r}; see {_LISTINGS[what]}.")
