"""One POST over a session's connections, without what a client for everything does for each request.

The session's connector does what is hard: it resolves, connects (there stands the egress guard),
encrypts and keeps connections; the framework's protocol parses what comes back. Left out are redirects,
cookies, proxies, forms, compression and hooks, none of which has a part in a signed POST. They are four
fifths of the work that the framework's client makes of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

_SWITCHING: Final = 101


class Answer:
    """The head of an answer; its body waits on the connection until `release`."""

    __slots__ = ("_connection", "_payload", "headers", "status")

    def __init__(
        self,
        connection: Connection,
        status: int,
        headers: Mapping[str, str],
        payload: StreamReader,
    ) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._payload = payload

    async def read(self, limit_bytes: int) -> bytes | None:
        """Return the body; None, and the connection is cut, when it is longer than the limit.

        Raises `aiohttp.ClientError` when the connection ends before the body.
        """
        length = self.headers.get("content-length")
        if length is not None and int(length) > limit_bytes:
            self._connection.close()
            return None
        received = await self._payload.read(limit_bytes + 1)
        while not self._payload.at_eof() and len(received) <= limit_bytes:
            received += await self._payload.read(limit_bytes + 1)
        if len(received) > limit_bytes:
            self._connection.close()
            return None
        return received

    def release(self) -> None:
        """Let the connection serve again; what was not read to its end, or not sent, is cut."""
        transport = self._connection.transport
        if transport is not None and transport.get_write_buffer_size():
            self._connection.close()
        else:
            self._connection.release()


class Poster:
    """POSTs bodies to one address."""

    def __init__(self, url: URL, headers: Mapping[str, str], *, connect_seconds: float) -> None:
        """Take the headers that are the same every time."""
        self._url = url
        self._headers = headers
        self._timeout = aiohttp.ClientTimeout(connect=connect_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._request: ClientRequest
        self._head = b""

    async def post(
        self, session: aiohttp.ClientSession, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Send the body with these headers besides; return the head of the answer, to be released.

        Keeps no time but that of connecting. Raises `aiohttp.ClientError`, and ``ValueError`` for
        headers that would be more than they seem.
        """
        if not ("".join(headers) + "".join(headers.values())).isprintable():
            raise ValueError("a header's name or value has a control character")
        if session is not self._session:
            self._prepare(session)
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        connection = await self._connect(session)
        try:
            protocol = connection.protocol
            transport = connection.transport
            if protocol is None or transport is None or transport.is_closing():
                raise aiohttp.ClientConnectionResetError("the connection is closing")
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            # Whole, whatever its size: it is in memory anyway, and an answer may come before its end.
            transport.write(
                b"%b%bcontent-length: %d\r\n\r\n%b" % (self._head, lines.encode(), len(body), body)
            )
            return await _answer(connection, protocol)
        except BaseException:
            connection.close()
            raise

    def _prepare(self, session: aiohttp.ClientSession) -> None:
        """Make what is the same for every request that goes over this session."""
        loop = asyncio.get_running_loop()
        request = ClientRequest("POST", self._url, headers=self._headers, loop=loop)
        lines = [f"POST {self._url.raw_path_qs} HTTP/1.1"]
        lines += (
            f"{name}: {value}"
            for name, value in request.headers.items()
            if name.lower() != "content-length"
        )
        self._head = "".join(f"{line}\r\n" for line in lines).encode()
        self._session, self._request = session, request

    async def _connect(self, session: aiohttp.ClientSession) -> Connection:
        connector = session.connector
        if connector is None:
            raise RuntimeError("the session is closed")
        try:
            return await connector.connect(self._request, [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("no connection in time") from error


async def _answer(connection: Connection, protocol: ResponseHandler) -> Answer:
    """Wait for the head of an answer that is not an interim one."""
    while True:
        try:
            message, payload = await protocol.read()
        except HttpProcessingError as error:
            raise aiohttp.ClientPayloadError(f"the answer is not HTTP: {error.message}") from error
        if message.code >= 200 or message.code == _SWITCHING:
            return Answer(connection, message.code, message.headers, payload)
