"""What all connections of a door share: who may come in, for whom mail is taken, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final, Protocol

from aiosmtpd.smtp import SMTP, Envelope, Session

import omnigate

MOST_RECIPIENTS: Final = 100

TOO_BUSY: Final = "421 4.3.2 Too many connections; try again later"
STRANGER: Final = "554 5.7.1 This server takes mail from its own mail server only"
STORED: Final = "250 2.0.0 Stored"
OUR_TROUBLE: Final = "451 4.3.0 Cannot store mail now; try again later"
TOO_MANY: Final = "452 4.5.3 Too many recipients"

Network = IPv4Network | IPv6Network


class Take(Protocol):
    """Who takes a mail in."""

    async def __call__(self, raw: bytes, recipients: Sequence[str], sender: str) -> None:
        """Return once the mail is stored durably; raises `Overloaded` or `StoreError` when it was not.

        Recipients and sender are the envelope's; the sender of reports is empty.
        """


class Connection(Protocol):
    """One that is open."""

    @property
    def is_taking(self) -> bool:
        """Whether a mail is on its way in."""

    def close(self) -> None:
        """End it, with a word to whoever is at the other end."""


class Desk:
    """What all connections of a door share; the library calls its ``handle_`` methods."""

    def __init__(
        self,
        take: Take,
        is_ours: Callable[[str], bool],
        allow: Collection[Network],
        max_connections: int,
        log: Any,
    ) -> None:
        self.take = take
        self.is_ours = is_ours
        self.allow = allow
        self.max_connections = max_connections
        self.log = log
        self.open: set[Connection] = set()

    async def handle_EHLO(  # noqa: N802  # named by the library
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Offer no AUTH: who may connect is a question of networks here."""
        session.host_name = hostname
        return [line for line in responses if not line.startswith("250-AUTH")]

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take addresses that are ours, with or without what follows the delimiter."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return TOO_MANY
        if not self.is_ours(address):
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def store(self, content: bytes, envelope: Envelope) -> str:
        """Store a mail; the answer holds for all its recipients, since it is stored for all or none."""
        try:
            sender = (envelope.mail_from or "").strip("<>")
            await self.take(content, tuple(envelope.rcpt_tos), sender)
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self.log.warning("a mail was put off", reason=str(error))
            return OUR_TROUBLE
        except Exception as error:
            # Whatever it is, each recipient of LMTP waits for an answer, and the mail must not be lost.
            return await self.handle_exception(error)
        return STORED

    async def handle_exception(self, error: Exception) -> str:
        """Answer what nobody expected so that the mail is kept where it is."""
        self.log.error("taking in a mail failed", exc_info=error)
        return OUR_TROUBLE

    def admits(self, peer: object) -> bool:
        """Tell whether a peer's network is one of those allowed."""
        if not isinstance(peer, tuple) or not peer:
            return False
        address = ip_address(str(peer[0]).partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.allow)
