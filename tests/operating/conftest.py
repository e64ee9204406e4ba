"""The operator's verbs: the real command line in this process, a real daemon in its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.commandline import Result, omnigate
from tests.e2e.conftest import (
    answer,
    forked,
    new_daemon,
    new_platform,
    platform,
    receiver,
    until,
)
from tests.e2e.daemon import Daemon
from tests.e2e.deadline import wait_until
from tests.e2e.receiver import Answer, Delivery

__all__ = [
    "answer",
    "forked",
    "new_daemon",
    "new_platform",
    "omnigate",
    "platform",
    "receiver",
    "until",
]


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
