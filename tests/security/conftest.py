"""A real daemon on loopback, and strangers who send it whatever they like, byte by byte."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

SECONDS = 20.0
TOKEN = "canary-token-of-the-application"
SECRET = "whsec_" + base64.b64encode(b"canary signing secret, 32 bytes.").decode()
ORIGIN = "https://shop.example.org"
SCOPES = ("messages:send", "messages:read", "events:read", "contacts:write", "media")
CONFIG = f"""
[server]
listen = "127.0.0.1:{{port}}"
body_timeout_seconds = 2
keepalive_timeout_seconds = 2
[store]
url = "sqlite:///store.db"
min_free_bytes = 1048576
[retry]
schedule_seconds = [0.1]
jitter = 0
[log]
format = "json"
level = "info"
[channels.app]
kind = "http"
token = "{TOKEN}"
secret = "{SECRET}"
[channels.site]
kind = "webchat"
allowed_origins = ["{ORIGIN}"]
limits = {{{{ sessions_per_minute = 1000, messages_per_10_seconds = 1000 }}}}
[backends.crm]
kind = "webhook"
url = "http://127.0.0.1:{{crm}}/crm"
secret = "{SECRET}"
allow_private = ["127.0.0.0/8"]
timeout_seconds = 2
[[routes]]
backends = ["crm"]
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], what: str) -> Any:
    """Return the condition's first true value; fails after the deadline."""
    deadline = time.monotonic() + SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(0.02)
    return value


@dataclass(frozen=True)
class Answer:
    """What came back, to the last byte."""

    raw: bytes

    @property
    def status(self) -> int:
        return int(self.raw[9:12]) if self.raw.startswith(b"HTTP/1.") else 0

    @property
    def head(self) -> str:
        return self.raw.partition(b"\r\n\r\n")[0].decode("latin1").lower()

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    def json(self) -> Any:
        return json.loads(self.body)

    def assert_refused(self) -> None:
        """Fail unless this is a refusal in the form that all refusals have."""
        assert 400 <= self.status < 500, self.raw[:2000]
        if self.status != 401 or self.body:
            assert "content-type: application/problem+json" in self.head, self.raw[:2000]
            assert self.json()["status"] == self.status


class Crm:
    """A receiver of webhooks that answers 200 with whatever it was told to, each answer once."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.says: list[bytes] = []
        crm = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                event = json.loads(body)
                crm.events.append(event)
                said = b""
                if event["type"] == "message.received" and crm.says:
                    said = crm.says.pop(0)
                with suppress(OSError):  # it may not want all of it
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)

            def log_message(self, *about: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self._thread = Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(10)


class Daemon:
    """The daemon as a process, seen from outside."""

    def __init__(self, folder: Path, crm: Crm) -> None:
        self.folder, self.crm = folder, crm
        self.port = free_port()
        config = folder / "omnigate.toml"
        config.write_text(CONFIG.format(port=self.port, crm=crm.port))
        config.chmod(0o600)
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "omnigate", "run", "--config", str(config)],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONDEVMODE": ""},
            )
        wait_until(self._is_ready, "the daemon is ready")
        self.token = self.new_token("crm", *SCOPES)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        with suppress(OSError):
            return self.call("GET", "/readyz").status == 200
        return False

    def new_token(self, name: str, *scopes: str, channel: str | None = None) -> str:
        """Make an API token."""
        asked = [word for scope in scopes for word in ("--scope", scope)]
        asked += ["--channel", channel] if channel else []
        done = subprocess.run(
            [sys.executable, "-m", "omnigate", "token", "create", name, *asked],
            cwd=self.folder, capture_output=True, text=True, timeout=SECONDS, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def send(self, data: bytes, seconds: float = SECONDS) -> Answer:
        """Send bytes and return everything until we are hung up on."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as stream:
            with suppress(ConnectionError):
                stream.sendall(data)
            with suppress(ConnectionError):
                while chunk := stream.recv(65536):
                    received += chunk
        return Answer(received)

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str | bytes] | None = None,
        *,
        token: str | None = None,
    ) -> Answer:
        """Make one request, exactly as it is given."""
        fields: dict[str, str | bytes] = {
            "Host": "chat.example.org",
            "Connection": "close",
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
        }
        if token is not None:
            fields["Authorization"] = f"Bearer {token}"
        fields |= headers or {}
        head = f"{method} {path} HTTP/1.1\r\n".encode()
        for name, value in fields.items():
            text = value if isinstance(value, bytes) else value.encode()
            head += name.encode() + b": " + text + b"\r\n"
        return self.send(head + b"\r\n" + body)

    def post(self, path: str, body: object, *, token: str | None = None, **headers: str) -> Answer:
        """POST JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", path, content, fields, token=token)

    def say(self, external_id: str, text: str, **more: object) -> Answer:
        """Be a customer of the channel ``app``."""
        message = {
            "external_id": external_id,
            "conversation": "c-1",
            "sender": {"address": "app:c-1"},
            "text": text,
            **more,
        }
        return self.post("/channels/app/messages", message, token=TOKEN)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def errors(self) -> list[str]:
        """Lines of the log that nobody outside should be able to cause."""
        marks = ("Traceback", '"exception":', '"level": "critical"')
        return [line for line in self.log().splitlines() if any(mark in line for mark in marks)]

    def memory_bytes(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> None:
        """Stop in order; anything but success fails the test."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(SECONDS)
        finally:
            self.process.kill()
        assert code == 0, self.log()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for all attacks of a module; at the end it has nothing to complain of, and no secrets."""
    crm = Crm()
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), crm)
    yield daemon
    daemon.end()
    crm.end()
    assert daemon.errors == []
    for canary in ("canary", SECRET, daemon.token):
        assert canary not in daemon.log()


@pytest.fixture
def until() -> Callable[[Callable[[], object], str], Any]:
    """Wait for a condition."""
    return wait_until
