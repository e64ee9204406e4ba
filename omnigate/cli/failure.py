"""What ends a command early: one line what happened, one line what to do."""

from __future__ import annotations

from pathlib import Path


class Failed(Exception):
    """The command could not do its work: exit code 1."""

    exit_code = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        """What to do about it; empty when there is nothing to say."""


class WrongUsage(Failed):
    """The command was called in a way that cannot work: exit code 2."""

    exit_code = 2


class NotRunning(Failed):
    """Nobody answers at the socket."""

    def __init__(self, socket: Path, config: Path) -> None:
        super().__init__(
            f"The daemon is not running (no answer at {socket}).",
            f"Start it: omnigate run --config {config}",
        )
