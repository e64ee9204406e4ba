"""A real daemon on loopback as strangers see it, byte by byte, and a CRM that answers what it is told."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.ports import free_port

SECONDS = 60.0
TOKEN = "canary-token-of-the-application"
SECRET = "whsec_" + base64.b64encode(b"canary signing secret, 32 bytes.").decode()
ORIGIN = "https://shop.example.org"
SCOPES = ("messages:send", "messages:read", "events:read", "contacts:write", "calls", "media")
CLI = "from omnigate.cli import main; main()"
SERVER = """
[server]
listen = "127.0.0.1:{port}"
body_timeout_seconds = 2
keepalive_timeout_seconds = 5
{server}
[store]
url = "sqlite:///store.db"
min_free_bytes = 1048576
[retry]
schedule_seconds = [0.1]
jitter = 0
[log]
format = "{form}"
level = "{level}"
"""
SECTIONS = f"""
[channels.app]
kind = "http"
token = "{TOKEN}"
secret = "{SECRET}"
url = "http://127.0.0.1:{{crm}}/answers"
allow_private = ["127.0.0.0/8"]
timeout_seconds = 2
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


def wait_until(
    condition: Callable[[], object], what: str, seconds: float = SECONDS, every: float = 0.02
) -> Any:
    """Return the condition's first true value; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(every)
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


@dataclass(frozen=True)
class Said:
    """What the CRM answers to a request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """One request that the CRM got."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Crm:
    """A server that takes events and answers to customers, and serves files.

    ``says`` are answers to what customers write, each given once; ``behave`` answers everything else.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.heard: list[Heard] = []
        self.says: list[bytes] = []
        self.behave: Callable[[Heard], Said] = lambda heard: Said()
        crm = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                heard = Heard(self.command, self.path, dict(self.headers), self.rfile.read(length))
                crm.heard.append(heard)
                said = crm.answer_to(heard)
                with suppress(OSError):  # it may not want all of it
                    self.send_response(said.status)
                    for name, value in said.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(said.body)))
                    self.end_headers()
                    self.wfile.write(said.body)

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def do_OPTIONS(self) -> None:
                self.answer()

            def log_message(self, *about: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def handle_error(self, *about: object) -> None:
                pass

        self.server = Server((host, 0), Handler)
        self.port = int(self.server.server_address[1])
        self._thread = Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def answer_to(self, heard: Heard) -> Said:
        if self.says and heard.path == "/crm":
            event = json.loads(heard.body)
            if event["type"] == "message.received":
                return Said(200, self.says.pop(0))
        return self.behave(heard)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was delivered, repetitions included."""
        return [json.loads(one.body) for one in list(self.heard) if one.path == "/crm"]

    @property
    def texts(self) -> list[str]:
        """What customers said, as the CRM heard it."""
        events = [event for event in self.events if event["type"] == "message.received"]
        return [event["data"]["message"]["text"] for event in events]

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(10)


class Daemon:
    """The daemon as a process, seen from outside."""

    def __init__(
        self,
        folder: Path,
        crm: Crm,
        *,
        sections: str = SECTIONS,
        server: str = "",
        form: str = "json",
        level: str = "info",
        prelude: str = "",
        is_sabotaged: bool | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``prelude`` is Python that is run before the daemon, as a rule to break it on purpose."""
        self.folder, self.crm = folder, crm
        self.port = free_port()
        self.is_sabotaged = bool(prelude) if is_sabotaged is None else is_sabotaged
        self.environment = {**os.environ, "PYTHONDEVMODE": "", **(environment or {})}
        config = folder / "omnigate.toml"
        text = SERVER.format(port=self.port, server=server, form=form, level=level)
        config.write_text(text + sections.format(crm=crm.port))
        config.chmod(0o600)
        command = ["-c", f"{prelude}\n{CLI}"] if prelude else ["-m", "omnigate"]
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, "run", "--config", str(config)],
                stdout=log,
                stderr=log,
                env=self.environment,
            )
        wait_until(self._is_ready, "the daemon is ready", every=0.05)
        self.token = self.new_token("crm", *SCOPES)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        with suppress(OSError):
            return self.call("GET", "/readyz").status == 200
        return False

    # ---- as an operator --------------------------------------------------------------------------

    def operate(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Make one call over the admin socket; return the status and the JSON of the answer."""
        connection = http.client.HTTPConnection("omnigate", timeout=SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(SECONDS)
        connection.sock.connect(str(self.folder / "omnigate.sock"))
        try:
            content = None if body is None else json.dumps(body)
            fields = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, content, fields)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def new_token(self, name: str, *scopes: str, channel: str | None = None, **more: object) -> str:
        """Make an API token."""
        wanted = {"name": name, "scopes": scopes, **more}
        if channel:
            wanted["channels"] = [channel]
        status, made = self.operate("POST", "/admin/tokens", wanted)
        assert status == 201, made
        return str(made["token"])

    def omnigate(self, *arguments: str) -> str:
        """Run the command line; return all that it printed, whatever came of it."""
        done = subprocess.run(
            [sys.executable, "-m", "omnigate", *arguments],
            cwd=self.folder,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=self.environment,
        )
        return (done.stdout + done.stderr).decode()

    def destination(self, name: str) -> dict[str, Any]:
        """Return how a backend or a channel is."""
        listed = self.operate("GET", "/admin/status")[1]["destinations"]
        return next(dict(one) for one in listed if one["name"] == name)

    # ---- as a stranger or a customer -------------------------------------------------------------

    def connect(self, seconds: float = SECONDS) -> socket.socket:
        """Return an open connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def send(self, data: bytes, seconds: float = SECONDS) -> Answer:
        """Send bytes and return everything until we are hung up on."""
        received = b""
        with self.connect(seconds) as stream:
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

    def get(self, path: str) -> Any:
        """Return the JSON of an answer of the API."""
        answer = self.call("GET", path, token=self.token)
        assert answer.status == 200, answer.raw[:2000]
        return answer.json()

    def say(self, external_id: str, text: str, *, channel: str = "app", **more: object) -> Answer:
        """Be a customer of an application's channel."""
        message = {
            "external_id": external_id,
            "conversation": "c-1",
            "sender": {"address": "app:c-1"},
            "text": text,
            **more,
        }
        return self.post(f"/channels/{channel}/messages", message, token=TOKEN)

    # ---- how it is -------------------------------------------------------------------------------

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="backslashreplace")

    @property
    def errors(self) -> list[str]:
        """Lines of the log that nobody outside should be able to cause."""
        marks = ("Traceback", '"exception":', '"level": "critical"')
        return [line for line in self.log().splitlines() if any(mark in line for mark in marks)]

    def memory_bytes(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def open_sockets(self) -> int:
        found = 0
        for handle in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(OSError):
                found += str(handle.readlink()).startswith("socket:")
        return found

    def end(self) -> None:
        """Stop in order; anything but success fails the test."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(SECONDS)
        finally:
            self.process.kill()
        assert self.is_sabotaged or code == 0, self.log()
