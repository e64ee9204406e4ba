"""What an operator tells Omnigate about a receiver of signed POSTs, checked before anything starts."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr
from yarl import URL

from omnigate.asked import Asked
from omnigate.channel import PluginConfig
from omnigate.signing import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SigningSecret,
    new_secret,
)

_OURS: Final = frozenset(
    {ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER, "content-type", "content-length", "host"}
    | {"accept-encoding", "connection", "transfer-encoding", "expect", "te", "trailer", "upgrade"}
)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110 section 5.6.2
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]{0,4096}")


def check_url(text: str) -> str:
    """Return the URL if requests may go there; raises ``ValueError`` saying what is wrong."""
    if re.search(r"[\x00-\x20\x7f\\]", text):
        raise ValueError("a URL has no spaces, control characters or backslashes")
    url = URL(text)
    if url.scheme not in ("https", "http") or not url.host:
        raise ValueError(
            "a receiver's address starts with https:// (or http:// inside allow_private)"
        )
    if url.raw_user is not None or url.raw_password is not None:
        raise ValueError("a URL carries no user name or password; use a header")
    return text


def check_network(text: str) -> str:
    """Return the network (CIDR) as it is; raises ``ValueError`` when it is none."""
    try:
        ip_network(text)
    except ValueError as error:
        raise ValueError(f"not a network such as 10.1.2.0/24: {error}") from None
    return text


def check_authorities(path: str) -> str:
    """Return the path of a PEM file that certificates can be verified with; raises ``ValueError``."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # SSLError is one
        raise ValueError(f"{path} cannot be used as certificate authorities: {error}") from None
    return path


def check_headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Return extra headers unless one is malformed or ours; raises ``ValueError``."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no header name")
        if name.lower() in _OURS or name.lower().startswith("omnigate-"):
            raise ValueError(f"the header {name} is set by Omnigate itself")
        # unwrapped to be checked; the error does not show it
        if not _HEADER_VALUE.fullmatch(value.get_secret_value()):
            raise ValueError(f"the value of {name} must be printable ASCII on one line")
    return headers


ReceiverUrl = Annotated[str, AfterValidator(check_url)]
"""A field of a configuration: an http or https address without credentials in it."""

PrivateNetwork = Annotated[str, AfterValidator(check_network)]
"""A field of a configuration: a network in CIDR notation."""

AuthoritiesFile = Annotated[str, AfterValidator(check_authorities)]
"""A field of a configuration: a PEM file with certificate authorities."""

ExtraHeaders = Annotated[dict[str, SecretStr], AfterValidator(check_headers)]
"""A field of a configuration: headers that do not replace ours. Values may be secrets."""


class ReceiverConfig(PluginConfig):
    """What every plugin that POSTs to a receiver can be told; derive from it beside your own base."""

    secret: Annotated[
        SigningSecret | None,
        Asked(needed=True, when=("url",), unless=("secrets",), fresh=new_secret),
    ] = Field(None, description="Signing secret: whsec_ and the base64 of 24 to 64 random bytes.")
    secrets: list[SigningSecret] = Field(
        [],
        max_length=4,
        description="Several signing secrets, the current one first, while one replaces another.",
    )
    headers: ExtraHeaders = Field(
        {}, description="Headers added to every request, such as an authorization of your proxy."
    )
    timeout_seconds: float = Field(
        20.0,
        gt=0,
        le=120,
        description="One exchange to the last byte of the answer; connecting gets 5 seconds of it.",
    )
    allow_private: Annotated[list[PrivateNetwork], Asked(again=True)] = Field(
        [],
        description=(
            "Networks (CIDR) besides the public internet where the receiver may be; only there is "
            "http:// accepted."
        ),
    )
    ca_file: AuthoritiesFile | None = Field(
        None, description="PEM file with the authorities that vouch for the receiver's certificate."
    )

    def signing_secrets(self) -> Sequence[SecretStr]:
        """Return all signing secrets, the current one first."""
        return [*([self.secret] if self.secret else []), *self.secrets]
