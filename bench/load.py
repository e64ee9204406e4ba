"""A load generator: many connections, each posting one message after the other.

usage: python bench/load.py ADDRESS PATH TOKEN SHAPE COUNT CONNECTIONS CONVERSATIONS RATE

SHAPE is ``omnigate`` (a message in the model's terms) or ``floor`` (a bare update). RATE is messages
per second over all connections, 0 for as fast as answers come. Prints one line of JSON: seconds, refused,
and the acknowledgement's 50th and 99th percentile in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import cast

Shape = Callable[[int, int], bytes]


def omnigate_body(number: int, conversation: int) -> bytes:
    """Return one message for the generic HTTP channel."""
    return (
        b'{"external_id":"m%d","conversation":"c%d","sender":{"address":"user:%d",'
        b'"display_name":"Customer %d"},"text":"Hello, is the bicycle number %d still in stock?"}'
        % (number, conversation, conversation, conversation, number)
    )


def floor_body(number: int, conversation: int) -> bytes:
    """Return one update of about the same size for the floor program."""
    return (
        b'{"update_id":%d,"message":{"chat":{"id":%d},"from":{"name":"Customer %d"},'
        b'"text":"Hello, is the bicycle number %d still in stock?"}}'
        % (number, conversation, conversation, number)
    )


class Load:
    """What is to be posted, and how posting went."""

    def __init__(
        self, head: bytes, body: Shape, count: int, conversations: int, rate: float
    ) -> None:
        self.done = asyncio.Event()
        self.latencies: list[float] = []
        self.refused = 0
        self._head = head
        self._body = body
        self._count = count
        self._conversations = conversations
        self._rate = rate
        self._next = 0
        self._started = time.perf_counter()

    def take(self) -> tuple[bytes, float] | None:
        """Return the next request and how long to wait before sending it; None when all are out."""
        number = self._next
        if number >= self._count:
            return None
        self._next += 1
        body = self._body(number, number % self._conversations)
        due = self._started + number / self._rate if self._rate else 0.0
        return self._head % len(body) + body, max(0.0, due - time.perf_counter())

    def answered(self, status: bytes, seconds: float) -> None:
        """Take in an answer."""
        self.latencies.append(seconds)
        if not status.startswith(b"2"):
            self.refused += 1
        if len(self.latencies) == self._count:
            self.done.set()


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._sent_at = 0.0
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to post."""
        self._transport = cast(asyncio.Transport, transport)
        self._post()

    def data_received(self, data: bytes) -> None:
        """Take in an answer, which always comes with a content-length."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + size:
            return
        self._buffer = self._buffer[end + 4 + size :]
        self._load.answered(head[9:12], time.perf_counter() - self._sent_at)
        self._post()

    def _post(self) -> None:
        taken = self._load.take()
        if taken is None:
            return
        request, wait = taken
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._send, request)
        else:
            self._send(request)

    def _send(self, request: bytes) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def main(arguments: list[str]) -> None:
    """Post everything and print how it went."""
    address, path, token, shape, count, connections, conversations, rate = arguments
    host, _, port = address.rpartition(":")
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n"
        "content-type: application/json\r\ncontent-length: %d\r\n\r\n"
    ).encode()
    body = omnigate_body if shape == "omnigate" else floor_body
    load = Load(head, body, int(count), int(conversations), float(rate))
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    for _ in range(int(connections)):
        await loop.create_connection(lambda: Connection(load), host, int(port))
    await load.done.wait()
    seconds = time.perf_counter() - started
    ordered = sorted(load.latencies)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "refused": load.refused,
                "p50_ms": ordered[len(ordered) // 2] * 1000,
                "p99_ms": ordered[len(ordered) * 99 // 100] * 1000,
            }
        )
    )


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main(sys.argv[1:]))
    except ImportError:
        asyncio.run(main(sys.argv[1:]))
