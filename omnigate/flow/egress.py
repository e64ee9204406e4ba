"""The egress guard: which addresses the daemon may open a connection to.

Every URL that an operator, a CRM, a customer or a platform names is fetched through a session made
here. The guard stands where sockets are made, so it judges the address that is really connected to:
names, literals in any spelling, answers of a resolver that changes its mind, all alike.

Networks that are not the public internet are refused unless the configuration allows them, and only
there may a connection go without TLS. Nothing follows redirects, reads proxies from the environment
or keeps cookies.

Source: the special-purpose address registries of IANA (RFC 6890 and its successors).
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.tracing import Trace

from omnigate.flow.interim import InterimLimit
from omnigate.flow.overheard import listener

CONNECT_SECONDS: Final = 5.0
"""Name, connection and TLS together."""
TOTAL_SECONDS: Final = 20.0
"""One exchange to the last byte of the answer."""

Network = IPv4Network | IPv6Network

# An explicit list: `ipaddress.is_global` calls several of these public on Python 3.11.
DENIED: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches this machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        # Global unicast is 2000::/3 and nothing else: the rest holds ::, ::1, IPv4-compatible, -mapped
        # and -translated, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard, SRv6 (5f00::/16), unique local,
        # link-local, site-local (fec0::/10) and multicast.
        "::/3",
        "4000::/2",
        "8000::/1",
        "2001::/23",  # protocol assignments, Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries any IPv4 address
        "3fff::/20",  # documentation
    )
)


class AddressDenied(PermissionError):
    """The guard refused an address; the text says which and what to do.

    Where every address of a name is refused, the client joins them into one plain `PermissionError`.
    """

    def __init__(self, text: str) -> None:
        super().__init__(errno.EACCES, text)


class ExchangeDenied(aiohttp.ClientError):
    """The guard refused a request before anything was sent, or a redirect."""


class EgressGuard:
    """Judges addresses; makes the sockets of those that pass."""

    def __init__(self, allow_private: Sequence[str] = ()) -> None:
        """Let the given networks (CIDR) through; raises ``ValueError`` for one that is none."""
        self._allowed = tuple(ip_network(text) for text in allow_private)

    def judge(self, address: str, *, encrypted: bool) -> None:
        """Raise `AddressDenied` unless a connection to the address may be opened."""
        ip = ip_address(address)
        if any(ip in network for network in self._allowed):
            return
        if any(ip in network for network in DENIED):
            raise AddressDenied(
                f"{address} is not a public address; if it is meant, name its network in allow_private"
            )
        if not encrypted:
            raise AddressDenied(
                f"{address} would be spoken to without encryption; use https://, "
                "or name its network in allow_private"
            )

    def open_socket(self, address: AddrInfoType) -> socket.socket:
        """Make the socket for one resolved address: the connector's socket factory."""
        family, kind, protocol, _, where = address
        self.judge(str(where[0]), encrypted=_encrypted.get())
        return socket.socket(family, kind, protocol)


_encrypted: ContextVar[bool] = ContextVar("_encrypted", default=False)
"""Whether the connection being opened in this task will be TLS: the socket factory is not told."""


class _GuardedConnector(aiohttp.TCPConnector):
    allowed_protocol_schema_set = frozenset({"http", "https"})

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the overridden signature
    ) -> Connection:
        if req.proxy is not None:
            raise ExchangeDenied("a proxy would hide the destination from the egress guard")
        # Connections are pooled by scheme, so a plain one is never lent to https nor the other way.
        _encrypted.set(req.is_ssl())
        return await super().connect(req, traces, timeout)


def guarded_session(
    *,
    allow_private: Sequence[str] = (),
    ca_file: str | None = None,
    resolver: AbstractResolver | None = None,
    own_urls_only: bool = False,
) -> aiohttp.ClientSession:
    """Return a new session behind the guard; the caller closes it. Call inside the event loop.

    Connections are kept alive and not counted: who calls bounds how many exchanges run at once.
    ``ca_file`` replaces the system's certificate authorities. Raises ``ValueError`` for a network that
    is none, ``OSError`` for a file that cannot be read.

    ``own_urls_only`` promises that only addresses from the configuration, checked when it was read, are
    asked for, without following redirects: watching every request for that costs a fifth of it.
    """
    guard = EgressGuard(allow_private)
    context = ssl.create_default_context(cafile=str(Path(ca_file)) if ca_file else None)
    connector = _GuardedConnector(
        socket_factory=guard.open_socket, ssl=context, limit=0, resolver=resolver
    )
    # The client has no public way to name the protocol of its connections.
    connector._factory = partial(InterimLimit, loop=asyncio.get_running_loop())  # type: ignore[assignment]  # noqa: SLF001
    watch = listener()
    watch.on_request_start.append(_refuse_userinfo)
    watch.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        trace_configs=[] if own_urls_only else [watch],
        headers={"user-agent": "omnigate"},
    )


async def _refuse_userinfo(
    session: aiohttp.ClientSession, context: object, params: aiohttp.TraceRequestStartParams
) -> None:
    if params.url.raw_user is not None or params.url.raw_password is not None:
        raise ExchangeDenied("a URL must not carry a user name or a password")


async def _refuse_redirect(
    session: aiohttp.ClientSession, context: object, params: aiohttp.TraceRequestRedirectParams
) -> None:
    raise ExchangeDenied("redirects are not followed; configure the final address")
