"""One POST over a kept connection: what goes out, what comes back, and when a connection serves again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.connector import Connection
from yarl import URL

from omnigate.flow.egress import guarded_session
from omnigate.posting import Poster

pytestmark = pytest.mark.anyio

ANSWERED = b"HTTP/1.1 204 No Content\r\n\r\n"
HEADERS = {"content-type": "application/json", "x-api-key": "canary"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def session(anyio_backend):
    async with guarded_session(allow_private=["127.0.0.0/8"], own_urls_only=True) as session:
        yield session


class Peer:
    """A server that says what it is told to, whatever it hears."""

    def __init__(self, *says: bytes, reads: bool = True) -> None:
        self.heard: list[bytes] = []
        self.connections = 0
        self._says = list(says)
        self._reads = reads
        self.url = URL()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self._reads:
                    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    self.heard.append(head + await reader.readexactly(size))
                writer.write(self._says.pop(0) if len(self._says) > 1 else self._says[0])
                if not self._reads:
                    await asyncio.Event().wait()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(peer: Peer) -> Any:
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a%20b?c=d")
    try:
        yield Poster(peer.url, HEADERS, connect_seconds=5)
    finally:
        server.close()


async def said(poster: Poster, session: Any, body: bytes = b"{}", **headers: Any) -> Any:
    """Post; return the status and the body of the answer."""
    async with asyncio.timeout(10):
        answer = await poster.post(session, headers, body)
        try:
            return answer.status, await answer.read(1000)
        finally:
            answer.release()


async def test_the_request_is_whole_and_the_connection_serves_again(session):
    peer = Peer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    async with listening(peer) as poster:
        for number in ("1", "2", "3"):
            assert await said(poster, session, b"body" * 5000, number=number) == (200, b"ok")
    assert peer.connections == 1
    lines = peer.heard[1].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert lines[0] == "POST /a%20b?c=d HTTP/1.1"
    named = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert len(named) == len(lines) - 1, "no header twice"
    wanted = {"number": "2", "content-length": "20000", "host": f"127.0.0.1:{peer.url.port}"}
    assert named.items() >= (HEADERS | wanted).items()
    assert peer.heard[1].endswith(b"\r\n\r\n" + b"body" * 5000)


async def test_a_header_that_adds_lines_is_refused_before_anything_is_sent(session):
    async with listening(peer := Peer(ANSWERED)) as poster:
        for headers in ({"a": "b\r\nx-evil: 1"}, {"a\n": "b"}, {"a": "b\0"}, {"a": "b\x85c"}):
            with pytest.raises(ValueError, match="control character"):
                await said(poster, session, b"{}", **headers)
    assert peer.connections == 0


async def test_interim_answers_are_read_over(session):
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with listening(Peer(early + ANSWERED)) as poster:
        assert await said(poster, session) == (204, b"")


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n" + b"x" * 1001, (200, None)),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001,
            (200, None),
        ),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", (200, b"")),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", (200, b"")),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            (101, b""),
        ),
        (ANSWERED + ANSWERED, (204, b"")),
    ],
    ids=["too long", "too long in chunks", "closing", "old", "another protocol", "one too many"],
)
async def test_after_an_odd_answer_the_connection_serves_no_more(session, answer, result):
    async with listening(peer := Peer(answer)) as poster:
        assert await said(poster, session) == result
        assert await said(poster, session) == result
    assert peer.connections == 2


async def test_an_answer_before_the_request_is_out_counts_and_cuts_the_connection(session):
    peer = Peer(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n", reads=False)
    async with listening(peer) as poster:
        assert await said(poster, session, b"x" * 30_000_000) == (413, b"")
        assert await said(poster, session, b"x" * 30_000_000) == (413, b"")
    assert peer.connections == 2


async def test_who_stops_waiting_leaves_no_connection_behind(session):
    """Or the next POST would take this one's answer for its own."""
    assert await connections_of_two_posts(session) == 2


async def test_who_keeps_it_is_found(session, monkeypatch):
    """Sabotage twin."""
    monkeypatch.setattr(Connection, "close", Connection.release)
    assert await connections_of_two_posts(session) == 1


async def connections_of_two_posts(session: Any) -> int:
    """POST twice, the first time without waiting for the end."""
    async with listening(peer := Peer(b"HTTP/1.1 102 Processing\r\n\r\n", ANSWERED)) as poster:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await poster.post(session, {}, b"{}")
        assert await said(poster, session) == (204, b"")
    return peer.connections


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"],
    ids=["another protocol", "half a body"],
)
async def test_what_is_no_answer_is_an_error_of_the_client(session, answer):
    peer = Peer(answer)
    serve: Callable[..., Any] = peer.serve

    async def and_leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asyncio.get_running_loop().call_later(0.1, writer.close)
        await serve(reader, writer)

    peer.serve = and_leave  # type: ignore[method-assign]
    async with listening(peer) as poster:
        with pytest.raises(aiohttp.ClientError):
            await said(poster, session)


async def test_a_closed_session_says_so(session):
    async with listening(Peer(ANSWERED)) as poster:
        await session.close()
        with pytest.raises(RuntimeError, match="closed"):
            await said(poster, session)
