"""Recordings of the real daemon, and a real daemon whose disk fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from proofs.power.recording import Recording, record

SEED = 20261122
ANSWERS = 320


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
            made[sabotage] = record(folder, answers=ANSWERS, seed=SEED, sabotage=sabotage)
        return made[sabotage]

    return once


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where disks are built; in memory if that can be had, since they are thrown away."""
    memory = Path("/dev/shm")
    return memory / tmp_path.name if memory.is_dir() else tmp_path
