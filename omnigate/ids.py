"""Prefixed, time-ordered identifiers: ``evt_06f9…``.

A prefix and a UUIDv7 in lower-case base32 with the extended-hex alphabet, without padding, so that
the text sorts as the time does. Identifiers are never secrets.
Source: RFC 9562 section 5.7 (UUIDv7), RFC 4648 section 7 (base32hex).
"""

from __future__ import annotations

import re
from typing import Final

import uuid_utils

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuv"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_PATTERN: Final = re.compile(r"[a-z]{3}_[0-9a-v]{26}")


def new(prefix: str) -> str:
    """Return a fresh identifier with the given three-letter prefix.

    Identifiers made by one process sort strictly in the order they were made.
    """
    return _written(prefix, uuid_utils.uuid7().int << 2)


def just_before(prefix: str, identifier: str) -> str:
    """Return the identifier with the given prefix that sorts right before one made by `new`.

    For what has to be told before something that has its identifier already. Always the same for the same
    one; like no other, since two that were made are never neighbours but by chance.
    """
    return _written(prefix, int(identifier.partition("_")[2], 32) - 4)


def _written(prefix: str, number: int) -> str:
    # 128 bits and 2 bits of padding make 13 groups of 10 bits, two characters each.
    pairs = _PAIRS
    return (
        f"{prefix}_{pairs[number >> 120]}{pairs[number >> 110 & 1023]}{pairs[number >> 100 & 1023]}"
        f"{pairs[number >> 90 & 1023]}{pairs[number >> 80 & 1023]}{pairs[number >> 70 & 1023]}"
        f"{pairs[number >> 60 & 1023]}{pairs[number >> 50 & 1023]}{pairs[number >> 40 & 1023]}"
        f"{pairs[number >> 30 & 1023]}{pairs[number >> 20 & 1023]}{pairs[number >> 10 & 1023]}"
        f"{pairs[number & 1023]}"
    )


def event_id() -> str:
    """Return a new event identifier."""
    return new("evt")


def message_id() -> str:
    """Return a new message identifier."""
    return new("msg")


def conversation_id() -> str:
    """Return a new conversation identifier."""
    return new("cnv")


def contact_id() -> str:
    """Return a new contact identifier."""
    return new("ctc")


def attachment_id() -> str:
    """Return a new attachment identifier."""
    return new("att")


def call_id() -> str:
    """Return a new call identifier."""
    return new("cal")


def handover_id() -> str:
    """Return a new handover identifier."""
    return new("hnd")


def is_id(text: str, prefix: str) -> bool:
    """Tell whether the text has the shape of an identifier with this prefix."""
    return text.startswith(f"{prefix}_") and _PATTERN.fullmatch(text) is not None
