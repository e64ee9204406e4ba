"""What a provider's call says: its fields, whichever way they come, and how it is proven unsigned."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr

import omnigate
from omnigate_sms.links.config import UnsignedConfig

TOKEN: Final = "token"  # noqa: S105 - the name of a parameter
"""The parameter of our address that proves a call."""
PART: Final = "part"
"""The parameter of our address that names the part a receipt is about."""
LONGEST_NUMBER: Final = 100
"""Characters; names have 11 and numbers 15, some gateways add a word."""

_PART_ID: Final = re.compile(r"msg_[0-9a-v]{26}\.\d{1,4}")
_NUMBER: Final = re.compile(r"\+?[0-9]{1,20}")


def fields(request: omnigate.Request, *, also: str | None = None) -> Mapping[str, str]:
    """Return the fields of a call: those of its address, and over them those of its form or JSON.

    See `omnigate.Request.fields`. Raises `omnigate.BadPayload`.
    """
    found = {name: value for name, value in request.query.items() if name != TOKEN}
    return {**found, **request.fields(also=also)}


def need(found: Mapping[str, str], *names: str) -> str:
    """Return the first of these fields that is there. Raises `omnigate.BadPayload`."""
    for name in names:
        if found.get(name, "").strip():
            return found[name].strip()
    raise omnigate.BadPayload(f"the field {names[0]} is missing")


def number(text: str) -> str:
    """Return a number without its plus; a name or a short code as it stands.

    Raises `omnigate.BadPayload` for what is too long to be any of them.
    """
    text = text.strip()
    if len(text) > LONGEST_NUMBER:
        raise omnigate.BadPayload("a number or name is too long to be one")
    return text.lstrip("+") if _NUMBER.fullmatch(text) else text


def part_of(found: Mapping[str, str], name: str = PART) -> str | None:
    """Return the part that a call names, if it names one of ours."""
    said = found.get(name, "")
    return said if _PART_ID.fullmatch(said) else None


def moment(text: str | None, otherwise_seconds: float) -> datetime:
    """Return when something was: POSIX seconds, or a date and time of UTC; otherwise when we were told."""
    otherwise = datetime.fromtimestamp(otherwise_seconds, UTC)
    if not text or len(text) > 40:
        return otherwise
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        said = datetime.fromisoformat(text)
        return said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise


# ---- who calls ----------------------------------------------------------------------------------


def admit(config: UnsignedConfig, token: SecretStr, request: omnigate.Request) -> None:
    """Raise `omnigate.Unauthorized` unless a call bears the token or the password, from where it may."""
    admit_from(config, request)
    if omnigate.secrets_match(request.query.get(TOKEN), token):
        return
    if config.callback_password is not None and _basic(request, config):
        return
    raise omnigate.Unauthorized("the token in the address is missing or wrong")


def admit_from(config: UnsignedConfig, request: omnigate.Request) -> None:
    """Raise `omnigate.Unauthorized` unless a call comes from where calls may come from."""
    if config.callback_networks and not request.comes_from(config.callback_networks):
        raise omnigate.Unauthorized("the call comes from outside callback_networks")


def _basic(request: omnigate.Request, config: UnsignedConfig) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        user, _, password = base64.b64decode(given.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    # Both are compared, so that the time tells nothing of which is wrong.
    knows_user = omnigate.secrets_match(user, config.callback_user)
    return omnigate.secrets_match(password, config.callback_password) and knows_user
