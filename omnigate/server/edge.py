"""The one middleware: who really calls, and what is answered when a handler raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from omnigate import failpoints
from omnigate.server.bodies import Handler
from omnigate.server.problems import Denied, note_unexpected, response_to

Network = IPv4Network | IPv6Network

UNAUTHORIZED: Final = 401

_MOST_HOPS: Final = 20


def edge(
    trusted_proxies: Sequence[Network], unauthorized: Callable[[web.Request], None]
) -> Middleware:
    """Return the middleware around every handler of a listener.

    ``unauthorized`` is told of every request that was answered with 401.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if "Transfer-Encoding" in request.headers and "Content-Length" in request.headers:
            return _ambiguous()
        try:
            if trusted_proxies:
                request = _behind_proxies(request, trusted_proxies)
            failpoints.reached("verify")
            answered = await handler(request)
            failpoints.reached("answer")
        except Exception as error:  # the supervision point of all HTTP endpoints
            if request.transport is None:
                raise ConnectionResetError("the caller is gone") from error
            if request.writer.output_size > 0:
                if not isinstance(error, ConnectionError):
                    note_unexpected(error)
                raise ConnectionResetError("the answer was under way already") from error
            answered = response_to(error)
        if answered.status == UNAUTHORIZED:
            unauthorized(request)
        return answered

    return answer


def _ambiguous() -> web.StreamResponse:
    """Refuse a request whose end a proxy may see elsewhere, and all that follows it on its connection.

    The parser refuses most of them; an empty Transfer-Encoding it overlooks. Source: RFC 9112 section 6.3.
    """
    refused = Denied(400, "Send Content-Length or Transfer-Encoding, not both.").response()
    refused.force_close()
    return refused


def _behind_proxies(request: web.Request, trusted: Sequence[Network]) -> web.Request:
    """Return the request with the address and scheme that the nearest untrusted hop is known by."""
    peer = request.remote
    if peer is None or not _is_trusted(peer, trusted):
        return request
    named = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    remote = peer
    for hop in reversed(named[-_MOST_HOPS:]):
        text = hop.strip()
        if not _is_address(text):
            break
        remote = text
        if not _is_trusted(text, trusted):
            break
    scheme = request.headers.get("X-Forwarded-Proto", "").lower()
    if scheme not in ("http", "https"):
        scheme = request.scheme
    return request.clone(remote=remote, scheme=scheme)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(text: str, trusted: Sequence[Network]) -> bool:
    address = ip_address(text.partition("%")[0])
    return any(address in network for network in trusted)
