"""The real daemon under load, with every call recorded that it makes on its disk and its sockets."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proofs.power.load import SECRET, TOKEN, Answer, Crm, Kind, Load
from proofs.power.systemcalls import STRACE, Call, read_trace

DEADLINE_SECONDS: Final = 60.0
CONFIG: Final = """
[server]
listen = "127.0.0.1:{port}"
[store]
url = "sqlite:///{disk}/data/store.db"
min_free_bytes = 1048576
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
CLI: Final = "from omnigate.cli import main; main()"
WEAKENED: Final = """
import omnigate.store.engine as engine
pragmas = engine._WRITER_PRAGMAS
weaker = tuple(it.replace("synchronous=FULL", "synchronous=NORMAL") for it in pragmas)
assert weaker != pragmas
engine._WRITER_PRAGMAS = weaker
"""
"""Sabotage: the log is synced at checkpoints only."""
UNSYNCED_FILES: Final = """
import os, types
import omnigate.flow.shelf as shelf
assert "os.fsync(" in open(shelf.__file__).read()
shelf.os = types.SimpleNamespace(**{**vars(os), "fsync": lambda descriptor: None})
"""
"""Sabotage: the bytes of files are not synced; their names and the database are."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One success that a client was told."""

    begin: int
    """The line of the trace where the answer was handed to the kernel."""
    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What happened, in the order in which it happened."""

    root: Path
    """The directory that is the disk."""
    lives: Sequence[Sequence[Call]]
    """The calls of each process that ran, by their beginnings."""
    acknowledged: Sequence[Acknowledged]
    delivered: int


def record(
    folder: Path, *, answers: int, seed: int, lives: int = 2, sabotage: str = ""
) -> Recording:
    """Run the daemon under load ``lives`` times over one store, the last one killed.

    ``answers`` is how many successes are waited for over all lives; ``sabotage`` is Python that breaks
    the daemon. Raises ``RuntimeError`` when the daemon does not do what it should.
    """
    disk = folder / "disk"
    disk.mkdir(parents=True)
    crm = Crm()
    try:
        daemon = _Daemon(folder, disk, crm, sabotage)
        recorded: list[list[Call]] = []
        acknowledged: list[Acknowledged] = []
        line = 0
        for life in range(lives):
            trace = folder / f"trace-{life}"
            daemon.start(trace)
            load = Load(daemon.port, crm, daemon.api_token(), seed, connections=8, life=life)
            wait_until(
                lambda: load.acknowledged >= answers // lives or not daemon.runs(),  # noqa: B023  # used at once
                "enough is acknowledged",
            )
            if life < lives - 1:
                load.stop()
                daemon.stop()
            else:
                daemon.kill()
                load.stop()
            _wait_for_end(trace)
            calls, line = read_trace(trace, line)
            recorded.append(calls)
            acknowledged += _match(_answers_in(calls, daemon.port), load.answers)
            trace.unlink()
    finally:
        crm.close()
    return Recording(disk, recorded, acknowledged, crm.delivered)


class _Daemon:
    """The daemon as a process below strace; started and ended as often as one likes."""

    def __init__(self, folder: Path, disk: Path, crm: Crm, sabotage: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._folder, self._sabotage = folder, sabotage
        self._process: subprocess.Popen[bytes] | None = None
        self._api_token: str | None = None
        config = folder / "omnigate.toml"
        config.write_text(
            CONFIG.format(
                port=self.port,
                folder=folder,
                disk=disk,
                token=TOKEN,
                secret=SECRET,
                crm=crm.address,
            )
        )
        config.chmod(0o600)

    def start(self, trace: Path) -> None:
        """Run it until it is ready."""
        command = [*STRACE, "-o", str(trace), sys.executable]
        command += ["-c", f"{self._sabotage}\n{CLI}", "run", "--config"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self._folder / "omnigate.toml")], stdout=log, stderr=log
            )
        wait_until(self._is_ready, "the daemon is ready")

    def api_token(self) -> str:
        """Return a token for sending and uploading, made as an operator makes one."""
        if self._api_token is None:
            command = [sys.executable, "-c", CLI, "token", "create", "crm", "--config"]
            command += [str(self._folder / "omnigate.toml")]
            command += ["--scope", "messages:send", "--scope", "media"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
            self._api_token = done.stdout.strip()
        return self._api_token

    def runs(self) -> bool:
        """Tell whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it in order."""
        if self._end(signal.SIGTERM) != 0:
            raise RuntimeError(f"the daemon did not end in order:\n{self._log()}")

    def kill(self) -> None:
        """End it at once, in whatever it does."""
        if not self.runs():
            raise RuntimeError(f"the daemon ended by itself:\n{self._log()}")
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        if self._process is None:
            raise RuntimeError("the daemon was not started")
        self._process.send_signal(number)
        return self._process.wait(DEADLINE_SECONDS)

    def _is_ready(self) -> bool:
        if not self.runs():
            raise RuntimeError(f"the daemon does not start:\n{self._log()}")
        with suppress(urllib.error.URLError, OSError):
            address = f"http://127.0.0.1:{self.port}/readyz"
            with urllib.request.urlopen(address, timeout=5) as answer:
                return bool(answer.status == 200)
        return False

    def _log(self) -> str:
        return (self._folder / "log").read_text()


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return when the condition is true; raises ``RuntimeError`` after a generous deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited too long until {what}")
        time.sleep(0.02)


def _wait_for_end(trace: Path) -> None:
    """Wait until strace, which outlives the process, has written its last line."""

    def is_written() -> bool:
        with trace.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 200))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        return b"+++ exited with" in last or b"+++ killed by" in last

    wait_until(is_written, "the trace is written")


def _answers_in(calls: Sequence[Call], port: int) -> dict[int, list[tuple[int, int]]]:
    """Return the line and the status of each answer, per port of the connection's far end."""
    near = f"TCP:[127.0.0.1:{port}->127.0.0.1:"
    found: dict[int, list[tuple[int, int]]] = {}
    for call in calls:
        if not call.about.startswith(near):
            continue
        data = b"".join(call.words)
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            far = int(call.about.removeprefix(near).removesuffix("]"))
            found.setdefault(far, []).append((call.begin, int(data[9:12])))
    return found


def _match(
    traced: dict[int, list[tuple[int, int]]], noted: dict[int, list[Answer]]
) -> list[Acknowledged]:
    """Return the successes with their lines; raises ``RuntimeError`` if the two do not agree."""
    acknowledged = []
    for port, answers in noted.items():
        statuses = [status for _, status in traced.get(port, [])]
        if statuses[: len(answers)] != [answer.status for answer in answers]:
            raise RuntimeError(f"the trace and the client of port {port} do not agree on answers")
        for answer, (line, status) in zip(answers, traced.get(port, []), strict=False):
            if status < 300:
                acknowledged.append(Acknowledged(line, answer.kind, answer.key))
    return acknowledged
