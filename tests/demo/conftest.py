"""The demo as a newcomer starts it: the real command as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SECONDS = 30.0


@dataclass
class Demo:
    """A running demo and what it has said so far."""

    process: subprocess.Popen[str]
    scratch: Path
    """Where it makes its scratch directory."""
    said: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None
    """Collects what it says."""

    def wait_for(self, pattern: str) -> str:
        """Return the first group of the pattern once it has been said."""
        deadline = time.monotonic() + SECONDS
        while (found := re.search(pattern, "".join(self.said))) is None:
            assert time.monotonic() < deadline, "".join(self.said)
            assert self.process.poll() is None, "".join(self.said)
            time.sleep(0.02)
        return found[1] if found.groups() else found[0]

    @property
    def address(self) -> str:
        """Of the page, with the slash."""
        return self.wait_for(r"Open +(http://\S+)")

    @property
    def daemon(self) -> str:
        """Of the daemon behind it."""
        return self.wait_for(r"API +(http://[^/]+)/v1/")

    @property
    def config(self) -> Path:
        """What the daemon was configured with."""
        return Path(self.wait_for(r"--config (\S+)"))

    @property
    def token(self) -> str:
        """What the desk's calls are made with."""
        return Path(self.wait_for(r"token in (\S+)")).read_text()

    def finish_reading(self) -> None:
        """Return once everything it said before its end is in `said`."""
        assert self.reader is not None
        self.reader.join(SECONDS)

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it as Ctrl-C does; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


Start = Callable[..., Demo]


@pytest.fixture
def start_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return a function that starts the demo; whatever still runs at the end is killed."""
    with _starting(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return the same for a demo that all tests of a module use."""
    with _starting(tmp_path_factory) as start:
        yield start


@contextmanager
def _starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    started: list[Demo] = []

    def start(*arguments: str) -> Demo:
        scratch = tmp_path_factory.mktemp("d")
        process = subprocess.Popen(
            [Path(sys.executable).with_name("omnigate"), "demo", "--no-browser", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=scratch,
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        demo = Demo(process, scratch)

        def follow() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                demo.said.append(line)

        demo.reader = threading.Thread(target=follow)
        demo.reader.start()
        started.append(demo)
        return demo

    yield start
    for demo in started:
        demo.process.kill()
        demo.process.wait(SECONDS)
        demo.finish_reading()
        assert demo.process.stdout is not None
        demo.process.stdout.close()
