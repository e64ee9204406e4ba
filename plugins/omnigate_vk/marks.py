"""How what we send is known again: by the platform, so that it is not sent twice, and by us.

The platform sends nothing twice that has the same ``random_id`` for about an hour: it is made of the id of
the part, the same on every attempt. It tells of our messages too, as it does of those that somebody else
wrote for the community: ours carry a mark in their ``payload`` that only this installation can make.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from typing import Any, Final

from pydantic_core import from_json, to_json

import omnigate

KEY: Final = "omnigate"
LONGEST_PAYLOAD: Final = 1000
_REMEMBERED: Final = 10_000
_DIGITS: Final = 16


def random_id(part_id: str) -> int:
    """Return the number of a part: signed 32 bits, the same every time, never 0 (no number at all)."""
    digest = hashlib.sha256(part_id.encode()).digest()
    return int.from_bytes(digest[:4], "big", signed=True) or 1


class Marks:
    """Marks what goes out and knows it again."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._numbers: OrderedDict[tuple[int, int], None] = OrderedDict()

    def payload(self, part_id: str, given: Any = None) -> str:
        """Return the payload of a message of ours, with what a CRM wants to stand there too.

        Raises `Refused` when that is no object, or too long.
        """
        if given is not None and not isinstance(given, dict):
            raise omnigate.Refused("bad_extension", "extensions.vk.payload must be an object")
        text = to_json({**(given or {}), KEY: self._mark(part_id)}).decode()
        if len(text) > LONGEST_PAYLOAD:
            raise omnigate.Refused(
                "bad_extension",
                f"extensions.vk.payload is too long: VK keeps {LONGEST_PAYLOAD} characters",
            )
        return text

    def remember(self, peer_id: int, number: int) -> None:
        """Note a random_id before it is sent: should the platform lose the payload, it tells this."""
        self._numbers[peer_id, number] = None
        if len(self._numbers) > _REMEMBERED:
            self._numbers.popitem(last=False)

    def is_ours(self, peer_id: int, payload: Any, number: Any) -> bool:
        """Tell whether a message that the platform tells of was sent by us."""
        if isinstance(number, int) and (peer_id, number) in self._numbers:
            return True
        if not isinstance(payload, str) or KEY not in payload:
            return False
        try:
            said = from_json(payload)
        except ValueError:
            return False
        mark = said.get(KEY) if isinstance(said, dict) else None
        if not isinstance(mark, str):
            return False
        return omnigate.secrets_match(mark, self._mark(mark.rpartition("/")[0]))

    def _mark(self, part_id: str) -> str:
        proof = hmac.digest(self._secret, part_id.encode("utf-8", "replace"), "sha256").hex()
        return f"{part_id}/{proof[:_DIGITS]}"
