"""Recordings of the real daemon, and a real daemon whose disk fails."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from proofs.power.daemon import ATTACHABLE, Daemon, Said, wait_until
from proofs.power.judge import Verdict, judge
from proofs.power.load import Crm
from proofs.power.recording import Acknowledged, Recording, record

SEED = 20261122
ANSWERS = 160
# Per life of the daemon.


@pytest.fixture(scope="session")
def strace() -> str:
    """The program that sees, and spoils, what a process asks of the kernel."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("not run: strace is not installed; make system installs it")
    return found


@pytest.fixture(scope="session")
def recorded(strace: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recording]:
    """Record the daemon under load, broken by the given Python; each kind once."""
    made: dict[str, Recording] = {}

    def once(sabotage: str) -> Recording:
        if sabotage not in made:
            folder = tmp_path_factory.mktemp("power")
            lives = 1 if sabotage else 2
            made[sabotage] = record(
                folder, answers=ANSWERS * lives, seed=SEED, lives=lives, sabotage=sabotage
            )
        return made[sabotage]

    return once


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Where disks are built; in memory if that can be had, since they are thrown away."""
    memory = Path("/dev/shm")
    within = memory if memory.is_dir() else tmp_path
    with TemporaryDirectory(prefix="omnigate-power-", dir=within) as folder:
        yield Path(folder) / "images"


@pytest.fixture
def crm() -> Iterator[Crm]:
    crm = Crm()
    yield crm
    crm.close()


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The directory that is the daemon's disk."""
    disk = tmp_path / "disk"
    disk.mkdir()
    return disk


@pytest.fixture
def small_disk(disk: Path) -> Iterator[Path]:
    """A disk of 24 MiB of its own."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*as_root, "mount", "-t", "tmpfs", "-o", "size=24m,mode=0777", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"not run: no disk can be mounted here: {error}")
    if done.returncode != 0:
        pytest.skip(f"not run: no disk can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run([*as_root, "umount", str(disk)], check=True)


@pytest.fixture
def new_daemon(tmp_path: Path, disk: Path, crm: Crm) -> Iterator[Callable[..., Daemon]]:
    """Make the daemon whose store is on the disk; it is gone at the end."""
    made: list[Daemon] = []

    def make(min_free_bytes: int = 0, prelude: str = ATTACHABLE) -> Daemon:
        daemon = Daemon(tmp_path, disk, crm.address, prelude, min_free_bytes=min_free_bytes)
        made.append(daemon)
        daemon.start()
        return daemon

    yield make
    crm.gate.set()
    for daemon in made:
        if daemon.runs():
            daemon.kill()


Spoilt = Callable[..., AbstractContextManager[Path]]


@pytest.fixture
def spoilt(strace: str, tmp_path: Path) -> Spoilt:
    """Have calls that a running daemon makes on one file fail while a block runs.

    ``when`` is which of these calls fail: ``3`` the third of each thread, ``3+`` it and all after it.
    """

    @contextmanager
    def spoil(daemon: Daemon, file: Path, call: str, error: str, when: str) -> Iterator[Path]:
        trace = tmp_path / "spoilt"
        command = [strace, "--follow-forks", "-o", str(trace), "-p", str(daemon.pid)]
        command += ["--trace-path", str(file), "--trace", call]
        command += ["--inject", f"{call}:error={error}:when={when}"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert process.stderr is not None
        with process.stderr as said:
            line = said.readline()
            assert b"attached" in line, line
            try:
                yield trace
            finally:
                process.send_signal(signal.SIGINT)
                said.read()
                process.wait(30)

    return spoil


class Customers:
    """Four who write at once; each repeats a message until it is acknowledged, as platforms do."""

    def __init__(self, daemon: Daemon) -> None:
        self.acknowledged: list[str] = []
        self.refusals: list[Said] = []
        self._numbers = itertools.count()
        self._daemon = daemon
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    @contextmanager
    def writing(self, text: str = "Hello") -> Iterator[Customers]:
        """Write while the block runs."""
        self._ended.clear()
        self._threads = [threading.Thread(target=self._write, args=(n, text)) for n in range(4)]
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join(30)

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more messages are acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, "more is acknowledged")

    def _write(self, who: int, text: str) -> None:
        while not self._ended.is_set():
            key = f"x-{who}-{next(self._numbers)}"
            while not self._ended.is_set():
                try:
                    said = self._daemon.say(key, text)
                except OSError:
                    self._ended.wait(0.02)  # nobody is there: a moment's patience
                    continue
                if said.status == 202:
                    self.acknowledged.append(key)
                    break
                self.refusals.append(said)
                self._ended.wait(0.01)


@pytest.fixture
def customers() -> Callable[[Daemon], Customers]:
    """Make those who write to a daemon."""
    return Customers


@pytest.fixture
def found() -> Callable[[Path, Customers], Verdict]:
    """Judge the disk of a daemon that does not run, beside what was acknowledged."""

    def look(disk: Path, customers: Customers) -> Verdict:
        return judge(disk, [Acknowledged(0, "said", key) for key in customers.acknowledged])

    return look
