"""Where a mail server is and how it is spoken to, whatever it does: checked before anything starts."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

import omnigate

Tls = Literal["implicit", "starttls", "none"]
"""TLS from the first byte, TLS after STARTTLS, or everything readable by whoever is on the way."""

NAME: Final = r"^[^\s\x00-\x20@/<>\x7f]+$"
"""Of a host, or of ourselves."""

OF_ANOTHER_NAME: Final = frozenset({62, 64})
"""What OpenSSL says of a certificate that is good, but not of the host or the address that was wanted.

Source: X509_verify_cert_error_string, OpenSSL 3.0, read 2026-11-22."""


def check_host(host: str) -> str:
    """Return a host; raises ``ValueError`` when a port, a scheme or a user stands in it."""
    if not re.fullmatch(NAME, host):
        raise ValueError("a host is a name or an address alone, such as mail.example.com")
    try:
        ip_address(host)
    except ValueError:
        if ":" in host:
            raise ValueError(
                "a host is a name or an address alone; the port has a key of its own"
            ) from None
    return host


Host = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    AfterValidator(check_host),
]
"""A field of a configuration: a name or address, without a port."""


def is_loopback(host: str) -> bool:
    """Tell whether a name or address means this machine, without asking any name server."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_encryption(host: str, tls: Tls, *, plaintext: bool) -> None:
    """Raise ``ValueError`` when a host off this machine is to be spoken to in plain text by mistake."""
    if tls == "none" and not plaintext and not is_loopback(host):
        raise ValueError(
            f'tls = "none" would send the password and all mail readable to {host}; use "implicit" or '
            '"starttls", or set plaintext = true to do it all the same'
        )


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what server certificates are verified with; blocks while it reads the authorities."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8997
    return context


def distrust(error: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate is not trusted, and what to look at."""
    advice = (
        "it is of another server: check host"
        if error.verify_code in OF_ANOTHER_NAME
        else "name the authority that vouches for it in ca_file"
    )
    return f"{error.verify_message.rstrip('.')}; {advice}"


class ServerConfig(omnigate.Model):
    """One mail server: name and usual port are the protocol's."""

    usual_ports: ClassVar[Mapping[Tls, int]]

    host: Host
    port: Annotated[int | None, omnigate.Asked(again=True)] = None
    tls: Annotated[Tls, omnigate.Asked(again=True)] = Field(
        "implicit",
        description=(
            "implicit: TLS from the first byte. starttls: TLS before anything else is said. none: no "
            "encryption, only for a server on this machine."
        ),
    )
    plaintext: bool = Field(
        False,
        description='Allow tls = "none" to another machine. Everybody on the way can read everything.',
    )
    ca_file: Annotated[omnigate.AuthoritiesFile | None, omnigate.Asked(again=True)] = Field(
        None, description="PEM file with the authorities that vouch for the server's certificate."
    )

    @property
    def reached_port(self) -> int:
        """The port, given or usual."""
        return self.port or self.usual_ports[self.tls]

    @property
    def server(self) -> str:
        """What is said of the server to the operator: host and port."""
        return f"{self.host}:{self.reached_port}"

    @model_validator(mode="after")
    def _safe(self) -> Self:
        check_encryption(self.host, self.tls, plaintext=self.plaintext)
        return self
