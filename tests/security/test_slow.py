"""S17: clients that take their time, in crowds: others are served at once, and the slow are cut off."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from typing import Any

import pytest

from tests.security.daemon import TOKEN, Crm, Daemon, wait_until
from tests.security.watch import MEGABYTE, SLOWEST_SECONDS, Watchman

CROWD = 100
READERS = 12
IMPATIENT = """
from omnigate.server import stalls
stalls.LOOK_SECONDS, stalls.STALLED_SECONDS = 0.2, 1.5
"""
POST = f"POST /channels/app/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
HEADS: dict[str, bytes] = {
    "heads": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "lines": b"GET ",
    "blank lines": b"\r\n",
    "bodies": f"{POST}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n".encode(),
    "chunks": f"{POST}Transfer-Encoding: chunked\r\n\r\nfff\r\n".encode(),
    "sizes of chunks": f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode(),
}
DRIPS = {"sizes of chunks": b"0", "blank lines": b"\r\n"}


@contextmanager
def crowd(daemon: Any, begin: bytes, drip: bytes) -> Iterator[Callable[[], int]]:
    """Open many connections that each send a beginning and then a little at a time.

    Gives a function that returns how many of them are still open.
    """
    stop = Event()
    with ExitStack() as streams:
        selector = streams.enter_context(selectors.DefaultSelector())
        for _ in range(CROWD):
            stream = streams.enter_context(daemon.connect())
            stream.sendall(begin)
            selector.register(stream, selectors.EVENT_READ, stream)

        def keep_dripping() -> None:
            while not stop.wait(0.1):
                for key in list(selector.get_map().values()):
                    with suppress(OSError):
                        key.data.send(drip)

        def still_open() -> int:
            for key, _ in selector.select(0):
                ended = True
                with suppress(OSError):
                    ended = not key.data.recv(65536)
                if ended:
                    selector.unregister(key.fileobj)
            return len(selector.get_map())

        dripping = Thread(target=keep_dripping)
        dripping.start()
        try:
            yield still_open
        finally:
            stop.set()
            dripping.join()


@pytest.mark.parametrize("what", HEADS)
def test_a_crowd_that_sends_slowly_is_cut_off_and_keeps_nobody_waiting(
    daemon: Any, until: Any, what: str
) -> None:
    before = daemon.open_files()
    with (
        crowd(daemon, HEADS[what], DRIPS.get(what, b"a")) as still_open,
        Watchman(daemon) as watchman,
    ):
        assert daemon.say(f"beside {what}", "hello").status == 202
        until(lambda: still_open() == 0, "all of them have been cut off")
    assert watchman.longest_seconds < SLOWEST_SECONDS
    assert watchman.grown_bytes < 40 * MEGABYTE
    until(lambda: daemon.open_files() <= before + 5, "nothing is left open")


PATIENT = """
from omnigate.server import bodies
bodies.Watch._look = lambda self: None
"""


def test_who_waits_for_ever_for_a_body_is_found(new_daemon: Any) -> None:
    """Sabotage twin: the same crowd is still there long after the deadline of two seconds."""
    patient = new_daemon(prelude=PATIENT)
    with crowd(patient, HEADS["bodies"], b"a") as still_open:
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            time.sleep(0.1)
            assert still_open() == CROWD


def hoard(daemon: Any) -> dict[str, bytes]:
    """Give the daemon much to say; return requests for it."""
    one = {"conversation": "much", "sender": {"address": "app:much"}, "text": "x" * 60_000}
    batch = [{**one, "external_id": f"much-{number}"} for number in range(120)]
    assert daemon.post("/channels/app/messages", batch, token=TOKEN).status == 202
    file = daemon.call(
        "POST",
        "/v1/media",
        b"x" * 10 * MEGABYTE,
        {"Content-Type": "text/plain"},
        token=daemon.token,
    ).json()
    path = file["url"].partition(f":{daemon.port}")[2]
    proof = f"Host: x\r\nAuthorization: Bearer {daemon.token}\r\n\r\n"
    return {
        "a page": f"GET /v1/events?limit=100 HTTP/1.1\r\n{proof}".encode(),
        "a stream": f"GET /v1/events/stream?after=WzBd HTTP/1.1\r\n{proof}".encode(),
        "a file": f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        "pages, one after the other": f"GET /v1/messages?limit=50 HTTP/1.1\r\n{proof}".encode()
        * 20,
    }


@contextmanager
def deaf(daemon: Any, request: bytes) -> Iterator[Callable[[], int]]:
    """Ask on many connections for something large and read nothing of it.

    Gives a function that returns how many of them the daemon still serves.
    """
    before = daemon.open_sockets()
    with ExitStack() as streams:
        for _ in range(READERS):
            stream = streams.enter_context(socket.socket())
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.connect(("127.0.0.1", daemon.port))
            stream.sendall(request)
        wait_until(lambda: daemon.open_sockets() >= before + READERS, "all of them are served")
        yield lambda: daemon.open_sockets() - before


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A daemon as it is, but that it gives clients a second and a half where it would give thirty."""
    crm = Crm()
    daemon = Daemon(tmp_path_factory.mktemp("slow"), crm, prelude=IMPATIENT, is_sabotaged=False)
    yield daemon
    daemon.end()
    crm.end()
    assert daemon.errors == []


@pytest.fixture(scope="module")
def requests(impatient: Any) -> dict[str, bytes]:
    return hoard(impatient)


@pytest.mark.parametrize("what", ["a page", "a stream", "a file", "pages, one after the other"])
def test_a_crowd_that_does_not_read_is_cut_off_and_keeps_nobody_waiting(
    impatient: Any, requests: Any, until: Any, what: str
) -> None:
    with deaf(impatient, requests[what]) as still_served, Watchman(impatient) as watchman:
        assert impatient.say(f"beside {what}", "hello").status == 202
        until(lambda: still_served() <= 2, "all of them have been cut off")
    assert watchman.longest_seconds < SLOWEST_SECONDS
    assert watchman.grown_bytes < 200 * MEGABYTE


def test_a_slow_reader_gets_all_of_it(impatient: Any, requests: Any) -> None:
    """Who reads, if only slowly, is no attacker."""
    received = 0
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        stream.connect(("127.0.0.1", impatient.port))
        stream.sendall(requests["a file"].replace(b"Host: x", b"Host: x\r\nConnection: close"))
        began = time.monotonic()
        while chunk := stream.recv(65536):
            received += len(chunk)
            if time.monotonic() - began < 4:
                time.sleep(0.05)
    assert received > 10 * MEGABYTE


def test_who_waits_for_ever_for_a_reader_is_found(new_daemon: Any) -> None:
    """Sabotage twin."""
    patient = new_daemon(
        prelude=IMPATIENT + "stalls._waiting_for = lambda transport: None", level="warning"
    )
    request = hoard(patient)["a file"]
    with deaf(patient, request) as still_served:
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            time.sleep(0.1)
            assert still_served() >= READERS - 3
