"""Lists in pages: a limit, and an opaque cursor that says where the next page begins."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final

from pydantic import Field
from pydantic_core import from_json, to_json

from omnigate.model.text import Model
from omnigate.server.problems import Denied

MAX_LIMIT: Final = 200
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""A page of events ends before it would become longer; one event may be longer by itself."""
_LARGEST: Final = 2**63 - 1

Cursor = Annotated[
    str | None,
    Field(max_length=300, description="Where to go on: ``next`` of the page before."),
]


class PageQuery(Model):
    """What every list can be asked."""

    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="How many items at most.")
    cursor: Cursor = None


def seal(*place: int | str) -> str:
    """Return a place in a list as a cursor."""
    return base64.urlsafe_b64encode(to_json(place)).decode().rstrip("=")


def unseal(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """Return the place that a cursor stands for, None without one; raises 400 for junk."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = from_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise _junk() from None
    if not isinstance(place, list) or [type(step) for step in place] != list(kinds):
        raise _junk()
    # What is no number that a row can have is nobody's cursor.
    if any(isinstance(step, int) and not 0 <= step <= _LARGEST for step in place):
        raise _junk()
    return tuple(place)


def _junk() -> Denied:
    return Denied(
        400, "The cursor is none of this list; give the one that came with the page before."
    )
