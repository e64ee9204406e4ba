"""What a provider's call says: its fields, whichever way they come, and how it is proven unsigned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import SecretStr

import omnigate

TOKEN: Final = "token"  # noqa: S105 - the name of a parameter
"""The parameter of our address that proves a call."""
LONGEST_VALUE: Final = 200
"""Characters of an id, a number or a state."""
LONGEST_CALL_SECONDS: Final = 7 * 24 * 3600.0
_OWN_PREFIX: Final = re.compile(r"8(\d{10})")
"""Numbers of Russia and Kazakhstan as they are dialled at home."""


def fields(request: omnigate.Request) -> Mapping[str, str]:
    """Return the fields of a call: those of its address, and over them those of its form or JSON.

    See `omnigate.Request.fields`. Raises `omnigate.BadPayload`.
    """
    found = {name: value for name, value in request.query.items() if name != TOKEN}
    return {**found, **request.fields()}


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float))  # bool is an int


def need(found: Mapping[str, Any], *names: str) -> str:
    """Return the first of these fields that is there. Raises `omnigate.BadPayload`."""
    for name in names:
        value = found.get(name)
        if _is_plain(value) and (text := str(value).strip()):
            if len(text) > LONGEST_VALUE:
                raise omnigate.BadPayload(f"the field {name} is too long")
            return text
    raise omnigate.BadPayload(f"the field {names[0]} is missing")


def maybe(found: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these fields that is there, None where none is. Raises as `need`."""
    if any(_is_plain(found.get(name)) and str(found[name]).strip() for name in names):
        return need(found, *names)
    return None


def digits(text: object) -> str:
    """Return a number as digits with its country; extensions and names as they stand."""
    said = str(text).strip()[:LONGEST_VALUE] if _is_plain(text) else ""
    bare = re.sub(r"[\s()+.-]", "", said)
    if not (bare.isascii() and bare.isdigit()):
        return said
    own = _OWN_PREFIX.fullmatch(bare)
    return f"7{own[1]}" if own else bare


def seconds(value: object) -> float | None:
    """Return a duration; None for what is none."""
    try:
        said = float(str(value)) if _is_plain(value) else -1.0
    except ValueError:
        return None
    return said if 0 <= said <= LONGEST_CALL_SECONDS else None


def arrived(request: omnigate.Request) -> datetime:
    """Return when we were called."""
    return datetime.fromtimestamp(request.received_at_seconds, UTC)


def moment(value: object, otherwise: datetime) -> datetime:
    """Return POSIX seconds as a moment, never one to come; for anything else the other one."""
    text = str(value).strip() if _is_plain(value) else ""
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 10):
        return otherwise
    return min(datetime.fromtimestamp(int(text), UTC), otherwise)


# ---- who calls ----------------------------------------------------------------------------------


def admit_from(networks: Sequence[str], request: omnigate.Request) -> None:
    """Raise `omnigate.Unauthorized` for a call from outside the networks that are named, if any are."""
    if networks and not request.comes_from(networks):
        raise omnigate.Unauthorized("the call comes from outside callback_networks")


def admit_token(token: SecretStr, request: omnigate.Request) -> None:
    """Raise `omnigate.Unauthorized` unless a call bears the token."""
    if not omnigate.secrets_match(request.query.get(TOKEN), token):
        raise omnigate.Unauthorized("the token in the address is missing or wrong")
