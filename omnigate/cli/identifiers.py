"""Identifiers as they are typed: one of another kind, or none at all, is said before anybody is asked."""

from __future__ import annotations

from typing import Final, NamedTuple

from omnigate import ids
from omnigate.cli.failure import WrongUsage


class _Kind(NamedTuple):
    named: str
    listing: str


_LENGTH: Final = 26
"""Of what follows the prefix."""
_KINDS: Final = {
    "evt": _Kind("an event", "omnigate events tail --no-follow"),
    "msg": _Kind("a message", "omnigate message list"),
    "cnv": _Kind("a conversation", "omnigate conversation list"),
    "cal": _Kind("a call", "omnigate call list"),
    "ctc": _Kind("a contact", "omnigate contact list"),
}


def identifier(text: str, prefix: str, option: str = "") -> str:
    """Return the text if it is an identifier of this kind; raises `WrongUsage` for any other text.

    ``option``: where it was given, when it is not the command's own argument.
    """
    if ids.is_id(text, prefix):
        return text
    kind = _KINDS[prefix]
    given = f"{option} {text}".strip() if text else option or "It"
    for other, known in _KINDS.items():
        if ids.is_id(text, other):
            raise WrongUsage(
                f"{given}: this is {known.named}, not {kind.named}.",
                f"{kind.named[:1].upper()}{kind.named[1:]} begins with {prefix}_: {kind.listing}",
            )
    raise WrongUsage(
        f"{given}: this is no identifier of {kind.named}.",
        f"They are {prefix}_ and {_LENGTH} characters more: {kind.listing}",
    )
