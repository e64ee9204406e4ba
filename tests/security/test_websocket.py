"""S19, S20: strangers at the WebSocket of a site: who may open one, and what a crowd of them costs."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from tests.security.daemon import ORIGIN, SECTIONS, Crm, Daemon
from tests.security.watch import MEGABYTE, SLOWEST_SECONDS, Watchman

PATH = "/channels/site/socket"
LIMITS = "limits = {{ sessions_per_minute = 1000, messages_per_10_seconds = 1000 }}"
STRICT = SECTIONS.replace(
    LIMITS,
    "limits = {{ sessions_per_minute = 1000, messages_per_10_seconds = 5, connections_per_visitor = 4 }}",
)
TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
WRONG = ["", "null", "https://evil.example", f"{ORIGIN}.evil.example", f"{ORIGIN}/", ORIGIN.upper()]
WRONG += [f"{ORIGIN}:443", f"{ORIGIN}\t.evil", f"https://evil.example#{ORIGIN}", "http://localhost"]


class Socket:
    """A WebSocket client that does what it likes. Source: RFC 6455."""

    def __init__(self, daemon: Daemon, origin: str | None = ORIGIN, more: str = "") -> None:
        self.stream = daemon.connect(10)
        key = base64.b64encode(os.urandom(16)).decode()
        fields = (
            f"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        )
        fields += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: omni.v1\r\n" + more
        fields += f"Origin: {origin}\r\n" if origin is not None else ""
        self.stream.sendall(f"GET {PATH} HTTP/1.1\r\n{fields}\r\n".encode())
        self.head, self._rest = self._until(b"\r\n\r\n")
        self.status = int(self.head[9:12] or 0)

    def _until(self, mark: bytes) -> tuple[bytes, bytes]:
        received = b""
        while mark not in received and (chunk := self.stream.recv(65536)):
            received += chunk
        head, _, rest = received.partition(mark)
        return head, rest

    def send(
        self, data: bytes, opcode: int = TEXT, *, final: bool = True, masked: bool = True
    ) -> None:
        mask = os.urandom(4)
        first = opcode | (0x80 if final else 0)
        bit = 0x80 if masked else 0
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", first, bit | size)
        elif size < 65536:
            head = struct.pack("!BBH", first, bit | 126, size)
        else:
            head = struct.pack("!BBQ", first, bit | 127, size)
        if masked:
            pad = (mask * (size // 4 + 1))[:size]
            body = (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")
            self.stream.sendall(head + mask + body)
        else:
            self.stream.sendall(head + data)

    def say(self, frame: dict[str, Any]) -> None:
        self.send(json.dumps(frame).encode())

    def frames(self, seconds: float = 10.0) -> Iterator[tuple[int, bytes]]:
        """Yield what comes until the connection ends; raises ``TimeoutError`` when it does not."""
        self.stream.settimeout(seconds)
        data = self._rest
        with suppress(ConnectionError):
            while True:
                while len(data) < 2 or len(data) < (need := self._need(data)):
                    chunk = self.stream.recv(65536)
                    if not chunk:
                        return
                    data += chunk
                start = need - self._size(data)[0]
                self._rest = data[need:]
                yield data[0] & 15, data[start:need]
                data = self._rest

    def _size(self, data: bytes) -> tuple[int, int]:
        size = data[1] & 127
        if size == 126:
            return struct.unpack("!H", data[2:4])[0] if len(data) >= 4 else 0, 4
        if size == 127:
            return struct.unpack("!Q", data[2:10])[0] if len(data) >= 10 else 0, 10
        return size, 2

    def _need(self, data: bytes) -> int:
        size, start = self._size(data)
        return start + size

    def code(self, seconds: float = 10.0) -> int:
        """Read to the end; return the code that the connection was closed with, 0 without one."""
        found = 0
        for opcode, data in self.frames(seconds):
            if opcode == CLOSE:
                found = struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
                with suppress(OSError):
                    self.send(data, CLOSE)
        return found

    def close(self) -> None:
        self.stream.close()


@contextmanager
def opened(daemon: Daemon, **more: Any) -> Iterator[Socket]:
    client = Socket(daemon, **more)
    try:
        yield client
    finally:
        client.close()


def pass_of(daemon: Daemon) -> str:
    answer = daemon.post("/channels/site/session", {}, Origin=ORIGIN)
    return str(answer.json()["connection_token"])


@contextmanager
def visiting(daemon: Daemon, token: str | None = None) -> Iterator[Socket]:
    """Open a socket that has said hello and was welcomed."""
    with opened(daemon) as client:
        assert client.status == 101, client.head
        greeting = {"connection_token": token or pass_of(daemon), "after": 0}
        client.say({"t": "hello", "d": greeting})
        opcode, data = next(client.frames())
        assert (opcode, json.loads(data)["t"]) == (TEXT, "welcome"), data
        yield client


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon whose site has narrow limits."""
    crm = Crm()
    daemon = Daemon(tmp_path_factory.mktemp("strict"), crm, sections=STRICT)
    yield daemon
    daemon.end()
    crm.end()
    assert daemon.errors == []


# ---- S19 ------------------------------------------------------------------------------------------


def let_in(daemon: Daemon) -> list[str]:
    """Return the origins, not allowed, that got a socket."""
    found = []
    for origin in (None, *WRONG):
        with opened(daemon, origin=origin) as client:
            if client.status == 101:
                found.append(repr(origin))
    with opened(daemon, more="Origin: https://evil.example\r\n") as client:
        if client.status == 101:
            found.append("two origins")
    return found


def test_only_pages_of_the_site_get_a_socket(daemon: Daemon) -> None:
    """S19."""
    assert let_in(daemon) == []
    with opened(daemon) as client:
        assert client.status == 101
        assert b"permessage-deflate" not in client.head.lower()


def test_a_socket_that_asks_for_compression_gets_none(daemon: Daemon) -> None:
    """S15: a frame that unpacks to a thousand times its size is no frame."""
    more = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    with opened(daemon, more=more) as client:
        assert b"permessage-deflate" not in client.head.lower()
        client.stream.sendall(bytes([0xC1, 0x80]) + os.urandom(4))
        assert client.code() in (1002, 1003, 4010)


def test_a_socket_for_everybody_is_found(new_daemon: Any) -> None:
    """Sabotage twin of S19: what the framework does by itself."""
    prelude = "from omnigate_webchat import gate\ngate.Gate.check = lambda *_, **__: None"
    assert len(let_in(new_daemon(prelude=prelude))) > len(WRONG)


# ---- S20 ------------------------------------------------------------------------------------------

HELLO = json.dumps({"t": "hello", "d": {"connection_token": "x", "after": 0}}).encode()


def broken_frames(client: Socket, what: str) -> None:
    """Send what no client sends."""
    match what:
        case "a frame of a megabyte":
            client.send(b"x" * MEGABYTE)
        case "a frame that says it is huge":
            client.stream.sendall(struct.pack("!BBQ", 0x81, 0xFF, 2**62) + b"mask")
        case "pieces without end":
            client.send(b"x" * 60_000, TEXT, final=False)
            for _ in range(50):
                client.send(b"x" * 60_000, CONTINUATION, final=False)
        case "a piece of nothing":
            client.send(b"x", CONTINUATION)
        case "no mask":
            client.send(HELLO, masked=False)
        case "a long ping":
            client.send(b"x" * 200, PING)
        case "a ping in pieces":
            client.send(b"x", PING, final=False)
        case "an opcode that is none":
            client.send(b"x", 5)
        case "reserved bits":
            client.stream.sendall(bytes([0xF1, 0x80]) + b"mask")
        case "text that is none":
            client.send(b"\xed\xa0\x80\xff")
        case "a close code that is none":
            client.send(struct.pack("!H", 1), CLOSE)
        case "a close with half a code":
            client.send(b"x", CLOSE)
        case "no hello":
            client.send(b"{}")
        case "binary":
            client.send(HELLO, BINARY)
        case "depth":
            client.send(b'{"t":"hello","d":' + b"[" * 60_000)
        case "another pass":
            client.send(HELLO)


BROKEN = [
    "a frame of a megabyte",
    "a frame that says it is huge",
    "pieces without end",
    "a piece of nothing",
]
BROKEN += ["no mask", "a long ping", "a ping in pieces", "an opcode that is none", "reserved bits"]
BROKEN += ["text that is none", "a close code that is none", "a close with half a code", "no hello"]
BROKEN += ["binary", "depth", "another pass"]


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_frame_ends_the_connection(daemon: Daemon, what: str) -> None:
    """S20: at once, in bounded memory, and nobody else's."""
    with opened(daemon) as bystander, opened(daemon) as client, Watchman(daemon) as watchman:
        with suppress(ConnectionError):
            broken_frames(client, what)
        assert client.code() != 1000
        bystander.send(b"", PING)
        assert next(bystander.frames())[0] == PONG
    assert watchman.grown_bytes < 20 * MEGABYTE


def flood(daemon: Daemon, what: str) -> int:
    """Send a flood over a good connection; return the code that ended it, 0 when it was all taken."""
    with visiting(daemon) as client:
        with suppress(ConnectionError, TimeoutError):
            client.stream.settimeout(5)
            for number in range(2000):
                match what:
                    case "frames":
                        client.say({"t": "typing", "d": {"active": True}})
                    case "junk":
                        client.send(b"{}")
                    case "empty frames":
                        client.send(b"")
                    case "answers":
                        client.say({"t": "read", "d": {"ids": [f"msg_{number:026d}"]}})
        try:
            return client.code(3.0)
        except TimeoutError:
            return 0


@pytest.mark.parametrize("what", ["frames", "junk", "empty frames", "answers"])
def test_a_flood_of_frames_ends_the_connection(strict: Daemon, what: str) -> None:
    """S20."""
    with Watchman(strict) as watchman:
        assert flood(strict, what) == 4008
    assert watchman.longest_seconds < SLOWEST_SECONDS
    assert watchman.grown_bytes < 20 * MEGABYTE


def test_a_flood_of_pings_costs_no_memory(daemon: Daemon) -> None:
    """S20: they are answered by the framework; who does not read the answers is cut off."""
    with opened(daemon) as client, Watchman(daemon) as watchman:
        client.stream.settimeout(2)
        with suppress(OSError):
            for _ in range(20_000):
                client.send(b"x" * 100, PING)
    assert watchman.longest_seconds < SLOWEST_SECONDS
    assert watchman.grown_bytes < 30 * MEGABYTE


def test_a_flood_of_messages_is_slowed_down(strict: Daemon) -> None:
    """S20: five within ten seconds are stored, the others are told to wait."""
    with visiting(strict) as client:
        for number in range(30):
            client.say({"t": "msg.send", "cid": f"flood{number:04d}", "d": {"text": "flood"}})
        answers: dict[str, str] = {}
        for _, data in client.frames():
            frame = json.loads(data)
            if "cid" in frame and frame["t"] in ("ack", "error"):
                answers[frame["cid"]] = frame["t"]
            if len(answers) == 30:
                break
    stored = [one for one in strict.get("/v1/messages")["items"] if one["text"] == "flood"]
    assert len(stored) == list(answers.values()).count("ack")
    assert 5 <= len(stored) <= 7


def test_one_visitor_and_one_network_have_only_so_many_connections(new_daemon: Any) -> None:
    """S20."""
    strict = new_daemon(sections=STRICT)
    token = pass_of(strict)
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(visiting(strict, token))
        with opened(strict) as fifth:
            fifth.say({"t": "hello", "d": {"connection_token": token, "after": 0}})
            assert fifth.code() == 4008
        statuses = []
        deadline = time.monotonic() + 30
        while 429 not in statuses and time.monotonic() < deadline:
            client = stack.enter_context(opened(strict))
            statuses.append(client.status)
        assert statuses.count(101) <= 700
        assert statuses[-1] == 429


def test_a_crowd_that_says_nothing_goes_by_itself(new_daemon: Any, until: Any) -> None:
    """S20: no hello, no connection; ten seconds, here one."""
    prelude = "from omnigate_webchat import socket\nsocket._HELLO_SECONDS = 1.0"
    daemon = new_daemon(prelude=prelude, is_sabotaged=False)
    before = daemon.open_sockets()
    with ExitStack() as stack, Watchman(daemon) as watchman:
        for _ in range(100):
            assert stack.enter_context(opened(daemon)).status == 101
        until(lambda: daemon.open_sockets() <= before + 5, "all have been sent off")
    assert watchman.grown_bytes < 20 * MEGABYTE


LIMITLESS = """
from omnigate_webchat import limits
limits.Buckets.wait_seconds = lambda *_, **__: 0.0
"""


def test_limits_that_do_not_hold_are_found(new_daemon: Any) -> None:
    """Sabotage twin of S20."""
    limitless = new_daemon(sections=STRICT, prelude=LIMITLESS)
    with pytest.raises((AssertionError, TimeoutError, socket.timeout)):
        assert flood(limitless, "frames") == 4008
    with pytest.raises(AssertionError):
        test_a_flood_of_messages_is_slowed_down(limitless)
