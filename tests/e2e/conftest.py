"""The real daemon as a process, a CRM that verifies and misbehaves, the customer's site, a browser."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from playwright.sync_api import Browser, BrowserContext
from standardwebhooks.webhooks import Webhook

from tests.browser import OPEN_ROOTS
from tests.e2e.apart import cut_all, end
from tests.e2e.bots import Platform
from tests.ports import free_port

SECONDS = 30.0
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()
TOKEN = "the-token-of-the-app"
CLI = "from omnigate.cli import main; main()"
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
[store]
url = "sqlite:///store.db"
min_free_bytes = 1048576
[retry]
schedule_seconds = {schedule}
jitter = 0
[log]
format = "json"
[channels.app]
kind = "http"
token = "{token}"
secret = "{secret}"
url = "{receiver}/answers"
allow_private = ["127.0.0.0/8"]
timeout_seconds = 2
[channels.site]
kind = "webchat"
allowed_origins = ["{site}"]
{site_more}
[backends.crm]
kind = "webhook"
url = "{receiver}/crm"
secret = "{secret}"
allow_private = ["127.0.0.0/8"]
timeout_seconds = 2
concurrency = 4
{backends}
[[routes]]
backends = {names}
"""


def wait_until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> Any:
    """Return the condition's first true value; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(0.02)
    return value


class Answer(NamedTuple):
    """What the receiver answers; ``status`` 0 drops the connection without a word."""

    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = {}
    delay_seconds: float = 0.0


class Delivery(NamedTuple):
    """One verified request."""

    at: float
    id: str
    attempt: int
    json: dict[str, Any]
    replay: bool = False

    @property
    def text(self) -> str | None:
        """What a message event says."""
        message = self.json.get("data", {}).get("message") or {}
        return message.get("text")

    @property
    def conversation(self) -> str:
        """The platform's id of the conversation."""
        return str((self.json["conversation"] or {}).get("external_id"))


@dataclass
class Endpoint:
    """One address of the receiver: what came there, and how it answers."""

    behave: Callable[[Delivery], Answer] = lambda delivery: Answer()
    deliveries: list[Delivery] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Delivery]:
        """Return what came of one type of event, repetitions included."""
        return [one for one in list(self.deliveries) if one.json.get("type") == kind]

    def texts(self, kind: str = "message.received") -> list[str | None]:
        """Return what the messages of one type said, repetitions included."""
        return [one.text for one in self.of(kind)]


class Receiver:
    """A server in a thread: ``/crm``, ``/answers`` and any other endpoint, and the customer's site."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.site = f"http://localhost:{self.port}"
        self.endpoints: dict[str, Endpoint] = {}
        self.page = ""
        self.page_headers: dict[str, str] = {}
        self._webhook = Webhook(SECRET)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._thread.start()
        self.up()

    def at(self, name: str) -> Endpoint:
        """Return the endpoint behind a path."""
        return self.endpoints.setdefault(name, Endpoint())

    @property
    def crm(self) -> Endpoint:
        """Where the backend named ``crm`` delivers to."""
        return self.at("crm")

    @property
    def answers(self) -> Endpoint:
        """Where the channel named ``app`` posts answers to."""
        return self.at("answers")

    def up(self) -> None:
        """Listen."""
        self._call(self._listen())

    def down(self) -> None:
        """Refuse connections."""
        self._call(self._close())

    def end(self) -> None:
        self.down()
        self._call(cut_all())
        end(self._loop, self._thread)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_get("/page", self._page)
        app.router.add_post("/{name}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=self.page, content_type="text/html", headers=self.page_headers)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        endpoint = self.at(request.match_info["name"])
        body = await request.read()
        try:
            self._webhook.verify(body, {name.lower(): it for name, it in request.headers.items()})
        except Exception as error:
            endpoint.forged.append(repr(error))
            return web.Response(status=401)
        attempt = int(request.headers["omnigate-attempt"])
        delivery = Delivery(
            time.monotonic(),
            request.headers["webhook-id"],
            attempt,
            json.loads(body),
            replay=request.headers.get("omnigate-replay") == "1",
        )
        endpoint.deliveries.append(delivery)
        answer = endpoint.behave(delivery)
        await asyncio.sleep(answer.delay_seconds)
        if answer.status == 0:
            assert request.transport is not None
            request.transport.abort()
            raise ConnectionResetError
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


class Daemon:
    """One daemon in a folder of its own; started and ended as an operator would."""

    def __init__(
        self,
        folder: Path,
        receiver: Receiver,
        *,
        schedule: str = "[0.1]",
        more_backends: dict[str, str] | None = None,
        site_more: str = "",
    ) -> None:
        self.folder, self.receiver = folder, receiver
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        more = more_backends or {}
        path = folder / "omnigate.toml"
        path.write_text(
            CONFIG.format(
                port=self.port,
                schedule=schedule,
                token=TOKEN,
                secret=SECRET,
                receiver=receiver.url,
                site=receiver.site,
                site_more=site_more,
                backends="\n".join(
                    f'[backends.{name}]\nkind = "webhook"\nsecret = "{SECRET}"\n'
                    f'allow_private = ["127.0.0.0/8"]\n{keys}'
                    for name, keys in more.items()
                ),
                names=json.dumps(["crm", *more]),
            )
        )
        path.chmod(0o600)
        self._api_token: str | None = None

    def start(self, prelude: str = "", *, wait: bool = True) -> Daemon:
        """Run the daemon until it is ready; ``prelude`` is Python that breaks it on purpose."""
        command = ["-m", "omnigate"] if not prelude else ["-c", f"{prelude}\n{CLI}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, "run", "--config", str(self.folder / "omnigate.toml")],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONDEVMODE": ""},
            )
        if wait:
            wait_until(self._is_ready, "the daemon is ready")
        return self

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        with suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/readyz")[0] == 200
        return False

    def kill(self) -> None:
        """End it as the loss of power would, but for the disk's own cache."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def stop(self) -> None:
        """End it in order; anything but success fails the test."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(SECONDS)
        self.process = None
        assert code == 0, self.log()

    def log(self) -> str:
        """Return what it logged so far; nothing if it was never started."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def omnigate(self, *arguments: str) -> str:
        """Run the command line; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "omnigate", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def token(self) -> str:
        """A token for the API, made as an operator makes one."""
        if self._api_token is None:
            scopes = ("messages:send", "messages:read", "events:read", "contacts:write")
            asked = [word for scope in scopes for word in ("--scope", scope)]
            self._api_token = self.omnigate("token", "create", "crm", *asked)
        return self._api_token

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str = TOKEN,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Make one call; returns the status and the JSON of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {
                    "content-type": "application/json",
                    "authorization": f"Bearer {token}",
                    **(headers or {}),
                },
            )
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def say(
        self, text: str, conversation: str = "c-1", external_id: str | None = None
    ) -> dict[str, Any]:
        """Be a customer of the channel ``app`` who writes; returns once it is acknowledged."""
        message = {
            "external_id": external_id or f"x-{text}",
            "conversation": conversation,
            "sender": {"address": f"app:{conversation}"},
            "text": text,
        }
        status, answer = self.request("POST", "/channels/app/messages", message)
        assert status == 202, answer
        return dict(answer)

    def send(self, to: dict[str, str], text: str, **more: Any) -> dict[str, Any]:
        """Answer as a CRM does."""
        headers = {"Idempotency-Key": more.pop("key")} if "key" in more else None
        body = {"to": to, "text": text, **more}
        status, answer = self.request(
            "POST", "/v1/messages", body, token=self.token, headers=headers
        )
        assert status == 202, answer
        return dict(answer)

    def get(self, path: str) -> Any:
        status, answer = self.request("GET", path, token=self.token)
        assert status == 200, answer
        return answer

    def status(self, destination: str) -> dict[str, Any]:
        """Return how a backend or a channel is, as the operator sees it."""
        listed = json.loads(self.omnigate("status", "--json"))["destinations"]
        return next(dict(one) for one in listed if one["name"] == destination)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.end()
    assert [endpoint.forged for endpoint in receiver.endpoints.values() if endpoint.forged] == []


@pytest.fixture
def new_daemon(tmp_path: Path, receiver: Receiver) -> Iterator[Callable[..., Daemon]]:
    """Make daemons; those that still run at the end must end in order, without a traceback."""
    made: list[Daemon] = []

    def make(**options: Any) -> Daemon:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Daemon(folder, receiver, **options))
        return made[-1]

    yield make
    try:
        for daemon in made:
            if daemon.process is not None:
                daemon.stop()
            assert "Traceback" not in daemon.log(), daemon.log()
    finally:
        for daemon in made:
            if daemon.process is not None:
                daemon.kill()


@pytest.fixture
def daemon(new_daemon: Callable[..., Daemon]) -> Daemon:
    """One daemon with the defaults, running."""
    return new_daemon().start()


@pytest.fixture
def new_platform() -> Iterator[Callable[..., Platform]]:
    """Make emulated platforms."""
    made: list[Platform] = []

    def make(**options: Any) -> Platform:
        made.append(Platform(**options))
        return made[-1]

    yield make
    for platform in made:
        platform.end()


@pytest.fixture
def platform(new_platform: Callable[..., Platform]) -> Platform:
    return new_platform()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition."""
    return wait_until


@pytest.fixture
def answer() -> type[Answer]:
    """What an endpoint's ``behave`` returns."""
    return Answer


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1000, "height": 800})
    context.set_default_timeout(10_000)
    context.add_init_script(OPEN_ROOTS)
    yield context
    context.close()
