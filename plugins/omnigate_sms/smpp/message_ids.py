"""Ids of texts, spelled alike in answers to submit_sm and in receipts.

Operators give an id in one form when they take a text and in another in its receipt: hexadecimal and
decimal, with zeros before it and without, in small letters and in capitals.
"""

from __future__ import annotations

import string
from typing import Final

from omnigate_sms.smpp.config import IdForm

LONGEST: Final = 255
"""Longer than the standard allows, as much as `omnigate_sms.smpp.bodies` reads."""


def of_answer(told: str, form: IdForm) -> str:
    """Return the id that an answer to submit_sm gives; empty when it gives none."""
    plain = _plain(told)
    if form == "hex_to_dec" and _all_in(plain, string.hexdigits):
        return str(int(plain, 16))
    if form == "dec_to_hex" and _all_in(plain, string.digits):
        return f"{int(plain):x}"
    return plain


def of_receipt(told: str) -> str:
    """Return the id that a receipt gives; empty when it gives none."""
    return _plain(told)


def _plain(told: str) -> str:
    text = "".join(one if one.isprintable() else "?" for one in told.strip()[:LONGEST])
    if _all_in(text, string.hexdigits):
        return text.lower().lstrip("0") or "0"
    return text


def _all_in(text: str, letters: str) -> bool:
    return bool(text) and all(letter in letters for letter in text)
