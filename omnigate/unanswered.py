"""Requests over HTTP that get no answer: why, and whether anything of them can have arrived.

* Nothing was sent, for there was no connection: `DestinationUnavailable`, it may be made again.
* It was sent, and no answer came to go by: `NoAnswer`, which is `Uncertain`.

What they say never holds the address that was asked: a token may stand in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from omnigate.errors import DestinationUnavailable, NoAnswer


@asynccontextmanager
async def answer_to(
    session: aiohttp.ClientSession, method: str, url: URL | str, *, place: str, **options: Any
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Make a request and lend its answer, whatever its status; the block reads it.

    ``place`` tells the operator who was asked, ``options`` are those of the HTTP client. The client
    repeats what it takes for harmless (GET, PUT): what must not be made twice is for `omnigate.ask_once`.

    Raises, also for what happens while the block reads:
        DestinationUnavailable: nothing was sent: no connection, or not allowed.
        NoAnswer: it may have arrived; no answer came in time, or not all of it.
    """
    is_connected = False
    try:
        async with session.request(method, url, **options) as answer:
            is_connected = True
            yield answer
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is one
        raise failure(error, place, is_connected=is_connected) from None


async def read_body(answer: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """Return the body of an answer, whole; raises `NoAnswer` for one that is longer than the limit."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit_bytes:
            raise NoAnswer(f"{answer.url.host}: the answer is too long")
    return bytes(body)


def failure(
    error: aiohttp.ClientError | OSError, place: str, *, is_connected: bool
) -> DestinationUnavailable | NoAnswer:
    """Return what it means for a delivery that a request failed, once it was connected or before."""
    if isinstance(error, PermissionError):  # the egress guard
        return DestinationUnavailable(str(error))
    why = f"{place}: {why_no_answer(error) or type(error).__name__}"
    if is_connected or not surely_not_sent(error):
        return NoAnswer(why)
    return DestinationUnavailable(why)


def why_no_answer(error: Exception) -> str:
    """Return in words for the operator why a request got no answer; empty when there are none for it.

    They never hold the address, in which a token may stand: those of the HTTP client may.
    """
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name does not resolve; check its spelling and the name server"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return "connection refused; is anything running there?"
        why = error.os_error.strerror or str(error.os_error)
        # Who asks says which host it is; the egress guard names the address, which may be the same.
        return f"it{why.removeprefix(error.host)}" if why.startswith(f"{error.host} ") else why
    if isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        return "the connection was closed before the answer"
    return ""


def surely_not_sent(error: Exception) -> bool:
    """Tell whether a request failed before anything of it was sent: there was no connection."""
    return isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError))
