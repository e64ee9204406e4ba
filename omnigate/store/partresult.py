"""What came of trying to send one part of a message, as the store is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from omnigate.store.schema import SEND

PartEnd = Literal["sent", "failed", "unknown", "queued"]
"""``queued``: surely not sent, to be tried again."""


@dataclass(frozen=True, slots=True)
class PartResult:
    """How sending a part ended. An external id that another part bears already is not taken over."""

    message_id: str
    index: int
    state: PartEnd
    external_id: str | None = None
    error: str | None = None
    action: str = SEND
    segments: Sequence[str] = ()
    """The platform's ids of what it was sent in, where receipts name each."""
