"""How far long texts have come, so that none of their segments is paid for twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from omnigate_sms.link import Text
from omnigate_sms.smpp.submitting import Submit

KEPT_LIMIT: Final = 1000


@dataclass(slots=True)
class Progress:
    """One text on its way."""

    text: Text
    submits: Sequence[Submit]
    ids: list[str] = field(default_factory=list)
    """What the operator calls the segments that it took, in order."""

    @property
    def complete(self) -> bool:
        """All segments were taken."""
        return len(self.ids) == len(self.submits)

    def __str__(self) -> str:
        return f"segment {len(self.ids) + 1} of {len(self.submits)}"


class Unfinished:
    """Texts that were begun and wait for another attempt, none of them with a segment in doubt.

    The oldest are forgotten, and nothing outlives the process.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Progress] = OrderedDict()

    def keep(self, progress: Progress) -> None:
        """Remember how far a text has come."""
        self._kept[progress.text.id] = progress
        self._kept.move_to_end(progress.text.id)
        if len(self._kept) > KEPT_LIMIT:
            self._kept.popitem(last=False)

    def resume(self, text: Text) -> Progress | None:
        """Return and forget how far this very text has come, if it is known."""
        known = self._kept.pop(text.id, None)
        return known if known is not None and _alike(known.text, text) else None


def _alike(one: Text, other: Text) -> bool:
    return (one.to, one.sender, one.text) == (other.to, other.sender, other.text)
