"""A real Kannel on loopback: bearerbox, smsbox, and its own fakesmsc as the operator with its phones.

Kannel is started once and kept; what it calls is served by whoever uses it. ``fakesmsc`` takes what phones
say as its arguments, so each thing said is a new one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit
from urllib.request import urlopen

import omnigate
from tests.ports import free_port

T = TypeVar("T")
SECONDS = 20.0
FAKESMSC = "/usr/lib/kannel/test/fakesmsc"
PROGRAMS = ("bearerbox", "smsbox", FAKESMSC)
USER, PASSWORD = "tester", "kannel-password"

CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
smsbox-port = {box}
box-allow-ip = "127.0.0.1"
log-file = "{directory}/bearerbox.log"
log-level = 0

group = smsc
smsc = fake
smsc-id = FAKE
port = {smsc}
connect-allow-ip = 127.0.0.1
denied-prefix = "999"

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
http-request-retry = 10
http-queue-delay = 1
log-file = "{directory}/smsbox.log"
log-level = 0

group = sendsms-user
username = {user}
password = {password}
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = true
post-url = "{hook}{separator}id=%I&from=%p&to=%P&at=%T&charset=%C"
max-messages = 0
"""
_CONNECTED = "Fakesmsc client connected"
_RECEIVED = "smsc_fake: new message received"
_GOT = re.compile(r"Got message \d+: <(\S+) (\S+) (?:udh (\S+) )?(\S+) (.*)>$", re.MULTILINE)


def missing() -> list[str]:
    """Return which programs are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def until(holds: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """Return what a condition gives once it is true; fails after a generous while."""
    deadline = time.monotonic() + seconds
    while not (given := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)
    return given


@dataclass(frozen=True)
class Arrived:
    """A segment as a phone gets it."""

    source: str
    to: str
    header: bytes
    """Of a segment of a long text; empty otherwise."""
    data: bytes
    is_ucs2: bool
    """Of a text that is whole; of segments fakesmsc does not tell."""

    @property
    def text(self) -> str:
        """What a whole one says."""
        return self.data.decode("utf-16-be" if self.is_ucs2 else "latin-1")


@dataclass
class Kannel:
    """Kannel at work."""

    directory: Path
    hook: str
    ports: dict[str, int] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _phones: int = 0

    @property
    def url(self) -> str:
        """Where smsbox takes texts."""
        return f"http://127.0.0.1:{self.ports['sendsms']}/cgi-bin/sendsms"

    def start(self) -> None:
        """Write the configuration and start all of it."""
        self.ports = {name: free_port() for name in ("admin", "box", "smsc", "sendsms")}
        (self.directory / "kannel.conf").write_text(
            CONFIGURATION.format(
                **self.ports,
                directory=self.directory,
                user=USER,
                password=PASSWORD,
                hook=self.hook,
                separator="&" if "?" in self.hook else "?",
            )
        )
        self.start_bearerbox()
        self.start_smsbox()
        self.phones()

    def start_bearerbox(self) -> None:
        """Start the part that speaks with the operator, and wait for it."""
        self._start("bearerbox", "bearerbox", "kannel.conf")
        until(lambda: _answers(f"http://127.0.0.1:{self.ports['admin']}/status.txt"), "bearerbox")

    def start_smsbox(self) -> None:
        """Start the part that we speak with, and wait until it is connected."""
        self._start("smsbox", "smsbox", "kannel.conf")
        until(lambda: _answers(self.url), "smsbox")
        status = f"http://127.0.0.1:{self.ports['admin']}/status.txt?password={PASSWORD}"
        until(lambda: "smsbox:" in _read(status), "smsbox at bearerbox")

    def phones(self, said: str | None = None) -> None:
        """Connect the operator anew; one of its phones says ``<from> <to> text <words>``, once."""
        self.stop("fakesmsc")
        connected, received = self._logged(_CONNECTED), self._logged(_RECEIVED)
        self._phones += 1
        arguments = [FAKESMSC, "-H", "127.0.0.1", "-r", str(self.ports["smsc"]), "-i", "0.05"]
        # It has to be given something to say even where it is to say nothing.
        arguments += ["-m", "0" if said is None else "1", said or "0 0 text nothing"]
        with self._log(self._phones).open("wb") as output:
            self._running["fakesmsc"] = subprocess.Popen(arguments, stdout=output, stderr=output)
        until(lambda: self._logged(_CONNECTED) > connected, "fakesmsc at bearerbox")
        if said is not None:
            until(lambda: self._logged(_RECEIVED) > received, "what a phone says at bearerbox")

    def arrived(self) -> list[Arrived]:
        """Return what phones got since they were connected last."""
        said = self._log(self._phones).read_text("utf-8", "replace")
        return [
            Arrived(
                source,
                to,
                unquote_to_bytes(header),
                data.encode() if kind == "text" else unquote_to_bytes(data.replace("+", " ")),
                kind == "ucs-2",
            )
            for source, to, header, kind, data in _GOT.findall(said)
        ]

    def stop(self, name: str) -> None:
        """End one of the programs; it may not be running."""
        program = self._running.pop(name, None)
        if program is not None:
            program.kill()
            program.wait(SECONDS)

    def close(self) -> None:
        """End all of them."""
        for name in ("fakesmsc", "smsbox", "bearerbox"):
            self.stop(name)

    def _start(self, name: str, *command: str) -> None:
        self._running[name] = subprocess.Popen(
            command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _logged(self, words: str) -> int:
        """Return how often bearerbox has noted something."""
        return (self.directory / "bearerbox.log").read_text("utf-8", "replace").count(words)

    def _log(self, number: int) -> Path:
        return self.directory / f"fakesmsc-{number}.log"


def _answers(url: str) -> bool:
    try:
        _read(url, raising=True)
    except OSError as error:  # an answer with an error's status is one too
        return getattr(error, "code", None) is not None
    return True


def _read(url: str, *, raising: bool = False) -> str:
    try:
        with urlopen(url, timeout=5) as answer:
            return str(answer.read().decode("utf-8", "replace"))
    except OSError:
        if raising:
            raise
        return ""


@contextmanager
def running_kannel(directory: Path, hook: str) -> Iterator[Kannel]:
    """Give a Kannel that calls ``hook`` with what phones say."""
    kannel = Kannel(directory, hook)
    try:
        kannel.start()
        yield kannel
    finally:
        kannel.close()


@dataclass
class Hook:
    """Takes down every call, as the requests that a link is given."""

    url: str
    calls: list[omnigate.Request] = field(default_factory=list)
    refuses: int = 0
    """So many calls are answered with 503, as where the store cannot take more."""
    answer: bytes = b""
    """What the others are answered with."""

    def until(
        self, holds: Callable[[omnigate.Request], bool], number: int = 1
    ) -> list[omnigate.Request]:
        """Return calls of which something holds, once there are so many."""

        def found() -> list[omnigate.Request] | None:
            known = [call for call in list(self.calls) if holds(call)]
            return known if len(known) >= number else None

        given = until(found, f"{number} such calls among {self.calls!r}")
        assert given is not None
        return given


@contextmanager
def running_hook() -> Iterator[Hook]:
    """Serve a hook in a thread of its own, for as long as a whole module."""
    port = free_port()
    hook = Hook(f"http://127.0.0.1:{port}/hook")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            address = urlsplit(self.path)
            hook.calls.append(
                omnigate.Request(
                    method=self.command,
                    path=address.path,
                    query=dict(parse_qsl(address.query, keep_blank_values=True)),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=body,
                    remote=self.client_address[0],
                    received_at_seconds=time.time(),
                )
            )
            hook.refuses, is_refused = max(0, hook.refuses - 1), hook.refuses > 0
            self.send_response(503 if is_refused else 200)
            self.send_header("content-length", str(len(hook.answer)))
            self.end_headers()
            self.wfile.write(hook.answer)

        do_POST = do_GET  # noqa: N815 - the server's word

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
