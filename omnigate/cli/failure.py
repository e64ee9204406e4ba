"""What ends a command early: one line what happened, one line what to do; for scripts the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omnigate.errors import Problem


class Failed(Exception):
    """The command could not do its work: exit code 1."""

    exit_code = 1

    def __init__(
        self,
        what: str,
        remedy: str = "",
        *,
        code: str = "",
        problems: Sequence[Problem] = (),
        warnings: Sequence[Problem] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        """What to do about it; empty when there is nothing to say."""
        self.code = code
        """The daemon's short word for the cause, for scripts; empty when it has none."""
        self.problems = tuple(problems)
        """Each single thing that must be mended, when they are known apart."""
        self.warnings = tuple(warnings)
        """Of a configuration with mistakes what is worth a second look besides."""

    def document(self) -> dict[str, Any]:
        """Return what every command prints with ``--json`` when it fails."""
        answer: dict[str, Any] = {
            "ok": False,
            "error": f"{self.what[:-1]}." if self.what.endswith(":") else self.what,
            "remedy": self.remedy or None,
            "code": self.code or None,
            "problems": [problem_document(problem) for problem in self.problems],
        }
        if self.warnings:
            answer["warnings"] = [problem_document(warning) for warning in self.warnings]
        return answer


class WrongUsage(Failed):
    """The command was called in a way that cannot work: exit code 2."""

    exit_code = 2


class NotRunning(Failed):
    """Nobody answers at the socket."""

    def __init__(self, socket: Path, config: Path) -> None:
        super().__init__(
            f"The daemon is not running (no answer at {socket}).",
            f"Start it: omnigate run --config {config}",
            code="not_running",
        )


def problem_document(problem: Problem) -> dict[str, Any]:
    """Return a problem as commands print it with ``--json``."""
    return {
        "where": problem.where,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
        "line": problem.line,
    }
