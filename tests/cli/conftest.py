"""The command line run in this process, as a shell would see it."""

from pathlib import Path

import pytest

from omnigate.config import reading
from tests.commandline import omnigate

__all__ = ["omnigate"]


@pytest.fixture(autouse=True)
def directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty directory with a short path: sockets have to fit into 107 bytes."""
    path = tmp_path_factory.mktemp("c")
    monkeypatch.chdir(path)
    monkeypatch.delenv(reading.ENVIRONMENT, raising=False)
    return path
