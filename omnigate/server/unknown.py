"""Saying that nobody has a name, and who there is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from omnigate.server.problems import Denied
from omnigate.store.destinations import Direction

_MOST_NAMES: Final = 10


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
    return Denied(404, f"No {direction} is called {name!r}: {there}.")
