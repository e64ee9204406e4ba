"""What an operator tells Omnigate about a door for the company's own mail server."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, IPvAnyNetwork, model_validator

import omnigate

_LISTEN: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):(\d{1,5})")


def check_listen(text: str) -> str:
    """Return ``host:port``; raises ``ValueError`` for what is not that."""
    found = _LISTEN.fullmatch(text)
    if not found or int(found[2]) > 65_535:
        raise ValueError("an address to listen on is written host:port, for example 127.0.0.1:2424")
    return text


class ListenerConfig(omnigate.Model):
    """A door for your own mail server, which hands over each mail as it comes. Not for the open internet."""

    listen: Annotated[str, AfterValidator(check_listen)] = Field(
        description="Address and port to listen on, for example 127.0.0.1:2424. Keep it off the internet.",
        examples=["127.0.0.1:2424"],
    )
    allow: list[IPvAnyNetwork] = Field(
        [IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")],
        min_length=1,
        description="Networks (CIDR) that your mail server connects from; everybody else is turned away.",
    )
    max_message_bytes: int = Field(
        25 * 1024 * 1024,
        ge=64 * 1024,
        le=150 * 1024 * 1024,
        description="Larger mails are refused. 25 MiB is what most providers let through.",
    )
    max_connections: int = Field(
        20, ge=1, le=1000, description="Connections at a time; more are told to come later."
    )
    timeout_seconds: float = Field(
        300.0,
        gt=0,
        le=600,
        description="Longest wait for a command, and for a whole mail until it is stored.",
    )
    tls_cert: str | None = Field(
        None, description="PEM file with a certificate; with it STARTTLS is offered."
    )
    tls_key: str | None = Field(
        None, description="PEM file with the certificate's key, if it is not in the same file."
    )

    @property
    def host(self) -> str:
        """The host of ``listen``, without the brackets of IPv6."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of ``listen``; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])

    @model_validator(mode="after")
    def _key_of_something(self) -> Self:
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("tls_key is of no use without tls_cert")
        return self
