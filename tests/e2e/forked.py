"""The real program, in processes that are forked where everything is loaded already.

A process that has loaded everything and run nothing forks for each command, a daemon's ``run`` too: that
saves the second of computing that it takes to load. What it forks is as good as any: it has its own folder,
arguments, output and end, and may be killed. What is broken on purpose is not run so: it has to be broken
before it is loaded.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from tests.descriptors import is_readable

SECONDS = 60.0
SERVER = """
import gc, json, os, sys, threading
from omnigate import cli, failpoints, gateway
from omnigate.cli.app import tree
tree()
assert threading.active_count() == 1
gc.freeze()
for line in sys.stdin:
    asked = json.loads(line)
    if "pid" in asked:
        _, status = os.waitpid(asked["pid"], 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    child = os.fork()
    if child == 0:
        os.chdir(asked["folder"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, asked["out"]), (2, asked["err"])):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
        failpoints._ARMED = failpoints.traps(asked["failpoint"])
        sys.argv = ["omnigate", *asked["arguments"]]
        cli.main()
    print(child, flush=True)
"""


class Started:
    """One process, with what `subprocess.Popen` has of it."""

    def __init__(self, pid: int, forked: Forked) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._forked = forked
        self._pidfd = os.pidfd_open(pid)

    def send_signal(self, number: int) -> None:
        """Send a signal; none to one that has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        if self.returncode is None and is_readable(self._pidfd, 0):
            self.returncode = self._forked.ended(self.pid)
            os.close(self._pidfd)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended; raises ``TimeoutExpired``."""
        if self.returncode is None:
            is_readable(self._pidfd, timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("omnigate", timeout or 0)
        return code


class Ended(NamedTuple):
    """What became of a command."""

    code: int
    """Negative for a signal."""
    stdout: str
    stderr: str


class Forked:
    """Starts processes from one that has everything loaded, in the environment in which it was made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = _environment()
        self._one_at_a_time = threading.Lock()
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONDEVMODE": ""},
        )

    @property
    def is_up_to_date(self) -> bool:
        """Whether what it starts has the environment of this process, as it is now."""
        return self._environment == _environment()

    def start(
        self, folder: Path, *arguments: str, out: Path, err: Path | None = None, failpoint: str = ""
    ) -> Started:
        """Run ``omnigate`` with arguments in a folder; what it says is appended to files."""
        asked: dict[str, object] = {"folder": str(folder), "arguments": arguments}
        asked["failpoint"] = failpoint
        pid = self._ask(asked | {"out": str(out), "err": str(err or out)})
        return Started(pid, self)

    def run(self, folder: Path, *arguments: str, failpoint: str = "") -> Ended:
        """Run ``omnigate`` with arguments in a folder, and wait for its end."""
        out, err = self._folder / "out", self._folder / "err"
        for one in (out, err):
            one.unlink(missing_ok=True)
        started = self.start(folder, *arguments, out=out, err=err, failpoint=failpoint)
        code = started.wait(SECONDS)
        return Ended(code, out.read_text(), err.read_text())

    def ended(self, pid: int) -> int:
        """Return how a process has ended that it started."""
        return self._ask({"pid": pid})

    def end(self) -> None:
        """Start no more."""
        self._server.communicate(timeout=10)

    def _ask(self, asked: dict[str, object]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with self._one_at_a_time:
            self._server.stdin.write(json.dumps(asked) + "\n")
            self._server.stdin.flush()
            answer = self._server.stdout.readline()
        assert answer, "the process that forks has ended"
        return int(answer)


def _environment() -> dict[str, str]:
    """Return the environment but for what the test runner notes there."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
