"""Drafts that agents may see before they are sent: what looks like a bank card is masked."""

from __future__ import annotations

import re
from typing import Final

# Thirteen to nineteen digits, single blanks or dashes between them. Source: ISO/IEC 7812-1.
_CARD: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_DIGIT: Final = re.compile(r"\d")


def masked(draft: str) -> str:
    """Return the draft with the digits of card-like numbers replaced, all but the last four."""
    return _CARD.sub(_mask, draft)


def _mask(found: re.Match[str]) -> str:
    number = found.group()
    return _DIGIT.sub("•", number[:-4]) + number[-4:]
