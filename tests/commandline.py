"""The command line run in this process, as a shell would see it: a fixture."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from omnigate import cli


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def omnigate(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """Run ``omnigate`` with arguments in this process, as in a pipe."""

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["omnigate", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        code = end.value.code
        return Result(code if isinstance(code, int) else int(code is not None), out, err)

    thresholds = gc.get_threshold()
    yield run
    gc.set_threshold(
        *thresholds
    )  # a process of commands looks for garbage less often than tests need
    # A command that works on the store itself has set up logging to a stream that ends here.
    structlog.reset_defaults()
