"""The daemon as a process, with its store on a disk that is recorded, filled or spoilt."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from proofs.power.load import SECRET, TOKEN

DEADLINE_SECONDS: Final = 60.0
CONFIG: Final = """
[server]
listen = "127.0.0.1:{port}"
[store]
url = "sqlite:///{disk}/data/store.db"
min_free_bytes = {min_free_bytes}
[admin]
socket = "{folder}/admin.sock"
[retry]
schedule_seconds = [0.1]
jitter = 0
[log]
format = "json"
[channels.app]
kind = "http"
token = "{token}"
secret = "{secret}"
url = "{crm}/answers"
fetch_attachments = "eager"
allow_private = ["127.0.0.0/8"]
[backends.crm]
kind = "webhook"
url = "{crm}/crm"
secret = "{secret}"
allow_private = ["127.0.0.0/8"]
[[routes]]
backends = ["crm"]
"""
# Where only a parent may look into a process (Yama), this one lets anybody of its user.
ATTACHABLE: Final = (
    "import ctypes; ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)"
)
CLI: Final = "from omnigate.cli import main; main()"


class Said(NamedTuple):
    """An answer of the daemon."""

    status: int
    headers: http.client.HTTPMessage
    json: Any


class Daemon:
    """A daemon in ``folder``, its store on ``disk``; started and ended as often as one likes.

    ``prelude`` is Python that the process runs first, to break it or to let it be looked at.
    """

    def __init__(
        self,
        folder: Path,
        disk: Path,
        crm: str,
        prelude: str = "",
        *,
        min_free_bytes: int = 1024 * 1024,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._folder, self._prelude = folder, prelude
        self._process: subprocess.Popen[bytes] | None = None
        self._api_token: str | None = None
        self._log_bytes = 0
        self.store = disk / "data" / "store.db"
        config = folder / "omnigate.toml"
        config.write_text(
            CONFIG.format(
                port=self.port,
                folder=folder,
                disk=disk,
                min_free_bytes=min_free_bytes,
                token=TOKEN,
                secret=SECRET,
                crm=crm,
            )
        )
        config.chmod(0o600)

    def start(self, below: Sequence[str] = ()) -> None:
        """Run it, below another program if one is given, until it is ready."""
        command = [*below, sys.executable, "-c", f"{self._prelude}\n{CLI}", "run", "--config"]
        with (self._folder / "log").open("ab") as log:
            self._log_bytes = log.tell()
            self._process = subprocess.Popen(
                [*command, str(self._folder / "omnigate.toml")], stdout=log, stderr=log
            )
        wait_until(self._has_started, "the daemon is ready")

    @property
    def pid(self) -> int:
        """The number of the process."""
        if self._process is None:
            raise RuntimeError("the daemon was not started")
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has logged, in all its lives."""
        return (self._folder / "log").read_text()

    @property
    def log_since_start(self) -> str:
        """What it has logged in this life."""
        return (self._folder / "log").read_bytes()[self._log_bytes :].decode()

    def runs(self) -> bool:
        """Tell whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it in order."""
        if self._end(signal.SIGTERM) != 0:
            raise RuntimeError(f"the daemon did not end in order:\n{self.log}")

    def kill(self) -> None:
        """End it at once, in whatever it does."""
        if not self.runs():
            raise RuntimeError(f"the daemon ended by itself:\n{self.log}")
        self._end(signal.SIGKILL)

    def wait_for_end(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        if self._process is None:
            raise RuntimeError("the daemon was not started")
        return self._process.wait(DEADLINE_SECONDS)

    def api_token(self) -> str:
        """Return a token for sending and uploading, made as an operator makes one."""
        if self._api_token is None:
            scopes = ("--scope", "messages:send", "--scope", "media")
            self._api_token = self.run("token", "create", "crm", *scopes)
        return self._api_token

    def run(self, *words: str) -> str:
        """Run the command line as an operator does, whether it succeeds or not; return what it printed."""
        command = [sys.executable, "-c", CLI, *words, "--config"]
        command += [str(self._folder / "omnigate.toml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.strip()

    def ask(self, method: str, path: str, body: object = None, *, token: str = TOKEN) -> Said:
        """Make one call on a connection of its own; raises ``OSError`` when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if isinstance(body, bytes):
            content, mime = body, "application/octet-stream"
        else:
            content, mime = json.dumps(body).encode(), "application/json"
        headers = {"authorization": f"Bearer {token}", "content-type": mime}
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            said = answer.read()
            return Said(answer.status, answer.headers, json.loads(said) if said else None)
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def say(self, key: str, text: str = "Hello") -> Said:
        """Be a customer who writes; ``key`` is the message's id in the app."""
        return self.ask(
            "POST",
            "/channels/app/messages",
            {
                "external_id": key,
                "conversation": "c-1",
                "sender": {"address": "app:c-1"},
                "text": text,
            },
        )

    def is_ready(self) -> bool:
        """Tell whether it says that it takes messages in."""
        with suppress(OSError):
            return self.ask("GET", "/readyz").status == 200
        return False

    def _has_started(self) -> bool:
        if not self.runs():
            raise RuntimeError(f"the daemon does not start:\n{self.log}")
        return self.is_ready()

    def _end(self, number: int) -> int:
        if self._process is None:
            raise RuntimeError("the daemon was not started")
        self._process.send_signal(number)
        return self._process.wait(DEADLINE_SECONDS)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return when the condition is true; raises ``RuntimeError`` after a generous deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited too long until {what}")
        time.sleep(0.02)
