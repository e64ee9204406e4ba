"""The real daemon as a process in a folder of its own, and somebody who calls its API."""

from __future__ import annotations

import gc
import http.client
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from omnigate import cli
from omnigate.cli.client import Client
from tests.e2e.deadline import SECONDS, wait_until
from tests.e2e.forked import Forked, Started
from tests.e2e.receiver import SECRET, Receiver
from tests.ports import free_port

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


def in_this_process(*arguments: str) -> str:
    """Run a command without the start of a process, for what is asked often; returns what it printed."""
    before, thresholds = sys.argv, gc.get_threshold()
    sys.argv = ["omnigate", *arguments]
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            cli.main()
    finally:
        sys.argv = before
        gc.set_threshold(*thresholds)
        structlog.reset_defaults()
    assert end.value.code in (None, 0), err.getvalue()
    return out.getvalue().strip()


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
        forked: Forked | None = None,
    ) -> None:
        """``forked`` starts it, unless it is broken on purpose or gets an environment of its own."""
        self.folder, self.receiver, self.forked = folder, receiver, forked
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | Started | None = None
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
        arguments = ("run", "--config", str(self.folder / "omnigate.toml"))
        if self.forked is not None and self.forked.is_up_to_date and not prelude:
            self.process = self.forked.start(Path.cwd(), *arguments, out=self.folder / "log")
        else:
            command = ["-m", "omnigate"] if not prelude else ["-c", f"{prelude}\n{CLI}"]
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, *command, *arguments],
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
    def operator(self) -> Client:
        """The operator's socket, as the command line talks to it, without a process for each call."""
        return Client(self.folder / "omnigate.sock")

    @property
    def token(self) -> str:
        """A token for the API; see `allow`."""
        if self._api_token is None:
            self.allow("messages:send", "messages:read", "events:read", "contacts:write")
        assert self._api_token is not None
        return self._api_token

    def allow(self, *scopes: str) -> None:
        """Make the token that is used from here on, as an operator makes one."""
        if self.process is None:
            asked = [word for scope in scopes for word in ("--scope", scope)]
            at = ("--config", str(self.folder / "omnigate.toml"))
            self._api_token = in_this_process("token", "create", "crm", *asked, *at)
            return
        made = self.operator.post("/admin/tokens", {"name": "crm", "scopes": list(scopes)})
        self._api_token = str(made["token"])

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
        listed = self.operator.get("/admin/status")["destinations"]
        return next(dict(one) for one in listed if one["name"] == destination)
