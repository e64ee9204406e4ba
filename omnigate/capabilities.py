"""What a channel declares of its platform, and what a message would come to there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from omnigate.model.outbound import ChangeAction

TextUnits = Literal["characters", "utf16", "bytes"]

OnUncertain = Literal["resend", "native", "lookup", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one outbound part may carry; the host renders messages to fit and records every loss."""

    text_limit: int | None = None
    """Longest text of one part, in ``text_units``; None: no limit."""
    text_units: TextUnits = "characters"
    measure: Callable[[str], int] | None = None
    """How long a text is, where none of ``text_units`` tells: pure, and a longer text is never shorter."""
    buttons: frozenset[str] = frozenset()
    """Kinds of buttons it shows (``reply``, ``url`` …); others become numbered lines of text."""
    attachments: int = 0
    """How many files one part may carry; 0: files become signed links in the text."""
    attachment_kinds: frozenset[str] = frozenset(
        {"image", "video", "audio", "voice", "file", "sticker"}
    )
    attachment_limit_bytes: int | None = None
    """Largest file it takes; larger ones become signed links."""
    caption_limit: int | None = None
    """Longest text beside files, in ``text_units``; None: as ``text_limit``."""
    albums: tuple[frozenset[str], ...] | None = None
    """Which kinds of files may stand together in one part; a kind in none of the sets stands alone.
    None: all may stand together. Buttons never stand under several files then."""
    location: bool = False
    """It can show a point on a map; without, a point becomes a link."""
    subject: bool = False
    author: bool = False
    """It can show who answers (name, picture)."""
    typing: bool = False
    """It can show that an agent is typing."""
    changes: frozenset[ChangeAction] = frozenset()
    """What it can do to a message that is there: ``edit``, ``delete``, ``react``. See `Channel.change`."""
    send_seconds: float = 60.0
    """How long sending a part may take; more where large files go over slow lines."""
    one_each: frozenset[str] = frozenset()
    """Schemes of addresses of which a person has one: two proven ones of such a scheme are two people,
    whatever else they share."""
    on_uncertain: OnUncertain = "resend"
    """What to do when a send may have happened: ``native`` send again with the same id, which the
    platform recognises; ``resend`` send once more after 30 s, flagged ``possible_duplicate``;
    ``lookup`` ask the platform first, see `Channel.lookup`; ``hold`` keep as ``unknown`` because a
    duplicate costs money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What sending a part would come to, told without sending it."""

    segments: int
    """How many messages the platform counts, and charges for."""
    encoding: str
    """What the platform will carry the text in, for example ``gsm7`` or ``ucs2``."""
    length: int
    """Of the text, in the units that the platform counts."""
    room: int
    """How much more would fit before another segment is needed, in the same units."""
    cost: Decimal | None = None
    """In ``currency``, as far as the channel knows prices."""
    currency: str | None = None
