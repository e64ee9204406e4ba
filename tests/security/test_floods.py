"""Much of everything: memory stays where it is, and everybody else is served."""

from __future__ import annotations

import gzip
import socket
import time
from contextlib import ExitStack, suppress
from threading import Thread

MEGABYTE = 1024 * 1024
BODY_BYTES = 15 * MEGABYTE
STRANGERS = 40
TOKEN = "canary-token-of-the-application"


def pour(stream: socket.socket, path: str, declared_bytes: int, sent_bytes: int) -> None:
    """Begin a request that never ends, with a signature that only the whole body can prove wrong."""
    proof = f"webhook-id: x\r\nwebhook-timestamp: {int(time.time())}\r\nwebhook-signature: v1,x\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {declared_bytes}\r\n{proof}\r\n"
    with suppress(OSError):
        stream.sendall(head.encode())
        for _ in range(sent_bytes // 65536):
            stream.sendall(b"x" * 65536)


def test_strangers_with_large_bodies_do_not_fill_the_memory(daemon, until):
    before = daemon.memory_bytes()
    most = 0
    with ExitStack() as streams:
        pouring = []
        for _ in range(STRANGERS):
            stream = socket.create_connection(("127.0.0.1", daemon.port), timeout=10)
            streams.enter_context(stream)
            path = "/channels/app/messages"
            pouring.append(Thread(target=pour, args=(stream, path, BODY_BYTES + 1, BODY_BYTES)))
        for thread in pouring:
            thread.start()

        def are_done() -> bool:
            nonlocal most
            most = max(most, daemon.memory_bytes())
            return not any(thread.is_alive() for thread in pouring)

        assert daemon.say("meanwhile", "hello").status == 202
        until(are_done, "the strangers have been cut off")
    # 128 MiB of room, what the kernel hands over at once, and the allocator's share.
    assert most - before < 300 * MEGABYTE
    assert 2 * (most - before) < STRANGERS * BODY_BYTES
    assert daemon.say("afterwards", "hello").status == 202


def test_compressed_bodies_are_never_unpacked(daemon):
    bomb = gzip.compress(b" " * 100 * MEGABYTE)
    before = daemon.memory_bytes()
    for path, token in (("/channels/app/messages", TOKEN), ("/v1/messages", daemon.token)):
        answer = daemon.call("POST", path, bomb, {"Content-Encoding": "gzip"}, token=token)
        answer.assert_refused()
    assert daemon.memory_bytes() - before < 20 * MEGABYTE
