"""The command line run in this process, as a shell would see it."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from omnigate import cli
from omnigate.config import reading


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty directory with a short path: sockets have to fit into 107 bytes."""
    path = tmp_path_factory.mktemp("c")
    monkeypatch.chdir(path)
    monkeypatch.delenv(reading.ENVIRONMENT, raising=False)
    return path


@pytest.fixture
def omnigate(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """Run ``omnigate`` with arguments and return its exit code and what it printed."""

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["omnigate", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        code = end.value.code
        return Result(code if isinstance(code, int) else int(code is not None), out, err)

    yield run
    # A command that works on the store itself has set up logging to a stream that ends here.
    structlog.reset_defaults()
