"""One signed POST: what its outcome means, and that a hostile receiver cannot hold or fill us."""

from __future__ import annotations

import asyncio
import resource
import struct
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from socket import SO_LINGER, SOL_SOCKET

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

import omnigate
from omnigate.exchange import Receiver, judge, parse_retry_after
from omnigate.flow.egress import guarded_session
from omnigate.signing import Signer, new_secret
from omnigate.testing import loopback_receiver
from omnigate.unanswered import why_no_answer

pytestmark = pytest.mark.anyio

SECRET = new_secret()
NOW = 1_800_000_000.0


@pytest.fixture
async def session(anyio_backend):
    async with guarded_session(allow_private=["127.0.0.0/8"]) as session:
        yield session


@pytest.fixture
async def there(anyio_backend):
    async with loopback_receiver() as there:
        yield there


def receiver(url: str, timeout_seconds: float = 2.0) -> Receiver:
    return Receiver(url, Signer([SECRET]), timeout_seconds=timeout_seconds)


async def test_the_receiver_can_verify_what_it_gets(session, there):
    there.answer(200, b"thanks")
    assert (
        await receiver(there.url).post(session, "evt_1", b'{"a":1}', {"x-more": "1"}) == b"thanks"
    )
    request = there.requests[0]
    assert Webhook(SECRET).verify(request.body, dict(request.headers)) == {"a": 1}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-more"] == "1"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_success(session, there, status):
    there.answer(status)
    assert await receiver(there.url).post(session, "evt_1", b"{}") == b""


@pytest.mark.parametrize(
    "status",
    [
        300,
        301,
        302,
        303,
        304,
        307,
        308,
        401,
        403,
        404,
        405,
        408,
        410,
        425,
        429,
        500,
        502,
        503,
        504,
        599,
    ],
)
async def test_these_statuses_concern_the_whole_destination(session, there, status):
    there.answer(status, headers={"location": "/elsewhere", "retry-after": "7"})
    with pytest.raises(omnigate.DestinationUnavailable) as caught:
        await receiver(there.url).post(session, "evt_1", b"{}")
    assert caught.value.status == status
    assert caught.value.pause == (status == 410)
    assert caught.value.retry_after_seconds == (7 if status in (429, 503) else None)
    assert len(there.requests) == 1


@pytest.mark.parametrize(
    "status", [400, 402, 406, 409, 411, 413, 414, 415, 418, 422, 431, 451, 499]
)
async def test_these_statuses_concern_the_one_item(session, there, status):
    there.answer(status)
    with pytest.raises(omnigate.RetryLater) as caught:
        await receiver(there.url).post(session, "evt_1", b"{}")
    assert caught.value.status == status


async def test_nobody_listening_is_said_plainly(session):
    with pytest.raises(
        omnigate.DestinationUnavailable, match=r"127\.0\.0\.1:9: connection refused"
    ):
        await receiver("http://127.0.0.1:9/x?token=canary").post(session, "evt_1", b"{}")


async def test_an_error_does_not_show_path_and_query(session):
    """S37: tokens stand there."""
    with pytest.raises(omnigate.DestinationUnavailable) as caught:
        await receiver("http://127.0.0.1:9/canary?token=canary").post(session, "evt_1", b"{}")
    assert "canary" not in str(caught.value)


async def test_an_address_that_the_guard_refuses_is_explained():
    async with guarded_session() as session:
        with pytest.raises(omnigate.DestinationUnavailable, match="allow_private"):
            await receiver("https://127.0.0.1/").post(session, "evt_1", b"{}")


@pytest.mark.parametrize(
    ("host", "said"),
    [("127.0.0.1", "it is not a public address"), ("localhost", "is not a public address")],
)
async def test_an_address_that_is_refused_is_named_once(host, said):
    async with guarded_session() as guarded:
        with pytest.raises(aiohttp.ClientError) as caught:
            await guarded.get(f"https://{host}:9/")
    told = f"{host}: {why_no_answer(caught.value)}"
    assert told.count(host) == 1
    assert said in told


async def test_a_name_that_does_not_resolve_is_said_plainly(session):
    with pytest.raises(omnigate.DestinationUnavailable, match="does not resolve"):
        await receiver("https://crm.invalid/").post(session, "evt_1", b"{}")


async def test_a_receiver_that_dribbles_is_cut_off(session, there):
    """R19: one byte now and then would hold an attempt for ever."""

    async def dribble(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.05)

    there.answer_with(dribble)
    began = time.monotonic()
    with pytest.raises(omnigate.DestinationUnavailable, match=r"no complete answer within 0\.5 s"):
        await receiver(there.url, 0.5).post(session, "evt_1", b"{}")
    assert time.monotonic() - began < 10


async def test_a_receiver_that_never_answers_is_cut_off(session, there):
    """R19."""
    there.answer_with(lambda request: asyncio.sleep(60, web.Response()))
    with pytest.raises(omnigate.DestinationUnavailable, match="no complete answer"):
        await receiver(there.url, 0.3).post(session, "evt_1", b"{}")


@pytest.mark.parametrize("status", [200, 500])
async def test_a_receiver_that_sends_a_gigabyte_is_cut_off(session, there, status):
    """R19: what it says counts, its body does not, and memory stays flat."""

    async def flood(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=status)
        await answer.prepare(request)
        for _ in range(1024):
            await answer.write(bytes(1024 * 1024))
        return answer

    there.answer_with(flood)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if status == 200:
        assert await receiver(there.url).post(session, "evt_1", b"{}") is None
    else:
        with pytest.raises(omnigate.DestinationUnavailable):
            await receiver(there.url).post(session, "evt_1", b"{}")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # kibibytes


async def test_a_compressed_answer_is_not_unpacked(session, there):
    """S15."""
    there.answer(200, b"\x1f\x8b" + bytes(100), {"content-encoding": "gzip"})
    answer = await receiver(there.url).post(session, "evt_1", b"{}")
    assert answer == b"\x1f\x8b" + bytes(100)
    assert there.requests[0].headers["accept-encoding"] == "identity"


class Counting(asyncio.Protocol):
    """A receiver that closes each connection after one answer, without saying so beforehand."""

    connections = 0
    rudely = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Counting.connections += 1
        self.transport = transport
        self.answered = False

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        if self.answered and self.rudely:
            linger = struct.pack("ii", 1, 0)  # closing then sends a reset
            self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
            self.transport.abort()
        elif self.answered:
            self.transport.close()
        elif data.endswith(b"}"):
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            self.answered = True


@pytest.mark.parametrize("rudely", [False, True])
async def test_a_connection_that_went_stale_costs_no_attempt(session, monkeypatch, rudely):
    monkeypatch.setattr(Counting, "rudely", rudely)
    monkeypatch.setattr(Counting, "connections", 0)
    server = await asyncio.get_running_loop().create_server(Counting, "127.0.0.1", 0)
    async with server:
        post = receiver(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/").post
        for _ in range(3):
            assert await post(session, "evt_1", b"{}") == b""
    assert Counting.connections == 3


async def test_a_receiver_that_always_hangs_up_is_unavailable(session, there):
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    there.answer_with(hang_up)
    with pytest.raises(omnigate.DestinationUnavailable, match="without answering"):
        await receiver(there.url).post(session, "evt_1", b"{}")
    assert len(there.requests) == 2


async def test_answers_that_are_not_http_are_a_failure_of_the_destination(session):
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(omnigate.DestinationUnavailable):
            await receiver(f"http://127.0.0.1:{port}/").post(session, "evt_1", b"{}")


def http_date(seconds: float) -> str:
    return format_datetime(
        datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds), usegmt=True
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        ("120", 120),
        (" 5 ", 5),
        ("3601", 3600),
        ("9" * 60, 3600),
        ("9" * 65, None),
        (http_date(90), 90),
        (http_date(86400), 3600),
        (http_date(-90), 0),
        ("-1", None),
        ("1.5", None),
        ("١٢", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Fri, 99 Foo 99999 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_understood_or_ignored(value, expected):
    """R16."""
    assert parse_retry_after(value, NOW) == expected


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=70) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [-+\w]{1,5}"))
def test_no_retry_after_breaks_us(value):
    """R16."""
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 3600


@given(st.integers(300, 999))
def test_every_status_has_a_meaning(status):
    assert judge(status).status == status
