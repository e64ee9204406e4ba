"""The operator's verbs: the real command line in this process, a real daemon in its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from omnigate import cli
from tests.e2e.conftest import (
    Answer,
    Daemon,
    Delivery,
    answer,
    new_daemon,
    receiver,
    until,
    wait_until,
)

__all__ = ["answer", "new_daemon", "receiver", "until"]


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


class Operator:
    """Somebody at the command line beside a daemon."""

    def __init__(self, daemon: Daemon, run: Callable[..., Result]) -> None:
        self.daemon = daemon
        self.run = run

    def __call__(self, *words: str) -> Result:
        """Run a command; returns whatever it came to."""
        return self.run(*words, "--config", str(self.daemon.folder / "omnigate.toml"))

    def json(self, *words: str) -> Any:
        """Run a command that must work; returns what it says as JSON."""
        return self(*words, "--json").json

    def dead(self, count: int) -> list[dict[str, Any]]:
        """Wait for dead letters; returns them, the first to be owed first."""
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            found[:] = self.json("dead", "list")["items"]
            return len(found) >= count

        wait_until(enough, f"{count} letters are dead")
        return sorted(found, key=lambda item: int(item["id"]))

    def is_sound(self) -> bool:
        """Tell whether the store's counters agree."""
        return self("db", "check").code == 0


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

    yield run
    # A command that works on the store itself has set up logging to a stream that ends here.
    structlog.reset_defaults()


@pytest.fixture
def operator(
    new_daemon: Callable[..., Daemon], omnigate: Callable[..., Result]
) -> Callable[..., Operator]:
    """Start a daemon with options and sit down beside it."""

    def begin(**options: Any) -> Operator:
        return Operator(new_daemon(**options).start(), omnigate)

    return begin


@pytest.fixture
def refuse() -> Callable[..., Callable[[Delivery], Answer]]:
    """Make an endpoint's behaviour: what says one of these texts is answered with 400."""

    def behaviour(*texts: str) -> Callable[[Delivery], Answer]:
        return lambda delivery: Answer(400) if delivery.text in texts else Answer()

    return behaviour
