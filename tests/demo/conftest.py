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
    def token(self) -> str:
        """What the desk's calls are made with."""
        return Path(self.wait_for(r"token in (\S+)")).read_text()

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it as Ctrl-C does; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@pytest.fixture
def start_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Demo]]:
    """Return a function that starts the demo; whatever still runs at the end is killed."""
    started: list[tuple[Demo, threading.Thread]] = []

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

        reader = threading.Thread(target=follow)
        reader.start()
        started.append((demo, reader))
        return demo

    yield start
    for demo, reader in started:
        demo.process.kill()
        demo.process.wait(SECONDS)
        reader.join(SECONDS)
        assert demo.process.stdout is not None
        demo.process.stdout.close()
