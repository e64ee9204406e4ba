"""Handover tokens in addresses: a customer is brought here by a link that writes to such an address.

Mail servers fold the case of local parts. A token without capitals, as the daemon makes them, goes as it is
behind ``h1``; any other as base32 behind ``h0``. No token of a conversation has a one or a zero in it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from omnigate_email.meaning.tokens import LONGEST_LOCAL_PART
from omnigate_email.smtp import fields

_PLAIN_MARK: Final = "h1"
_PLAIN: Final = re.compile(r"[a-z0-9]{1,64}")
_MARK: Final = "h0"
_DETAIL: Final = re.compile(r"h0([a-z2-7]{2,110})")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def link(address: str, token: str, delimiter: str) -> str | None:
    """Return a ``mailto:`` that brings the token back; None when a local part has no room for it."""
    local, _, domain = address.rpartition("@")
    detailed = f"{local}{delimiter}{_detail_of(token)}"
    if len(detailed.encode()) > LONGEST_LOCAL_PART:
        return None
    return f"mailto:{quote(detailed)}@{fields.host(domain)}"


def token_in(addresses: Iterable[str], delimiter: str) -> str | None:
    """Return the first handover token that stands in these addresses."""
    for address in addresses:
        detail = address.rpartition("@")[0].rpartition(delimiter)[2].lower()
        plain = detail.removeprefix(_PLAIN_MARK)
        if plain != detail and _PLAIN.fullmatch(plain):
            return plain
        found = _DETAIL.fullmatch(detail)
        if found is not None and (token := _decoded(found[1])) is not None:
            return token
    return None


def _detail_of(token: str) -> str:
    if _PLAIN.fullmatch(token):
        return f"{_PLAIN_MARK}{token}"
    return _MARK + base64.b32encode(token.encode()).decode().rstrip("=").lower()


def _decoded(code: str) -> str | None:
    try:
        token = base64.b32decode(code.upper() + "=" * (-len(code) % 8)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return token if _TOKEN.fullmatch(token) else None
