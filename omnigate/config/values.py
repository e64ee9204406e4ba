"""Shapes of single values in the file: each says what it expects when it gets something else."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

SQLITE: Final = "sqlite:///"

_LISTEN: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.%]+\]|[^:\[\]\s/]+):(?P<port>\d{1,5})")

_NOT_OF_ADDRESSES: Final = re.compile(r"""[^\x21-\x7e]|["<>\\^`{|}]""")
"""RFC 3986 knows none of these; addresses are put into JSON and into pages."""


def _listen(text: str) -> str:
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("expected host:port, for example 127.0.0.1:8080 or [::1]:8080")
    return text


def _loopback(text: str) -> str:
    host = _listen(text).rpartition(":")[0].strip("[]")
    try:
        is_here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise ValueError(
            "expected an address of this machine alone, such as 127.0.0.1:9464 or [::1]:9464: "
            "nobody is asked for a password there"
        )
    return text


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if (
        _NOT_OF_ADDRESSES.search(text)
        or parts.scheme not in ("http", "https")
        or not parts.hostname
    ):
        raise ValueError("expected an address such as https://chat.example.org")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("expected scheme, host and perhaps a path, nothing else")
    return text.rstrip("/")


def _store_url(text: str) -> str:
    if not text.startswith(SQLITE) or len(text) == len(SQLITE) or "?" in text:
        raise ValueError(
            "expected sqlite:///file.db (beside this file) or sqlite:////var/lib/omnigate/omnigate.db"
        )
    return text


def _network(value: Any) -> Any:
    try:
        return ip_network(value)
    except ValueError as error:
        reason = "has bits set beyond its prefix" if "host bits" in str(error) else "is none"
        raise ValueError(
            f"expected a network such as 10.0.0.0/8 or ::1/128: this {reason}"
        ) from None


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
"""A network in CIDR notation, of either family."""

Listen = Annotated[str, AfterValidator(_listen)]
"""``host:port``; an IPv6 address stands in brackets."""

LoopbackListen = Annotated[str, AfterValidator(_loopback)]
"""``host:port`` of an address that only this machine can reach."""

PublicUrl = Annotated[str, AfterValidator(_public_url)]
"""Scheme, host and perhaps a path, without a slash at the end."""

StoreUrl = Annotated[str, AfterValidator(_store_url)]
"""``sqlite:///`` and a path."""
