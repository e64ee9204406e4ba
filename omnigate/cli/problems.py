"""Problems of the configuration as an operator reads them: all of them, grouped by file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from omnigate.cli.terminal import clean, note
from omnigate.errors import Problem


def heading(problems: Sequence[Problem]) -> str:
    """Return in how many ways the configuration is wrong."""
    count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
    return f"The configuration has {count}:"


def note_problems(problems: Sequence[Problem]) -> None:
    """Print what must be mended."""
    note(heading(problems))
    _grouped(problems)


def note_warnings(warnings: Sequence[Problem]) -> None:
    """Print what should be looked at; nothing when there is nothing."""
    if warnings:
        note("Warnings:" if len(warnings) > 1 else "Warning:")
        _grouped(warnings)


def _grouped(problems: Iterable[Problem]) -> None:
    for where, group in groupby(problems, key=lambda problem: problem.where):
        note(f"  {_near(where)}")
        for problem in group:
            said = clean(problem.message)
            if problem.key:
                said = f"{clean(problem.key)}: {said}"
            note(f"    {said}" if problem.line is None else f"    line {problem.line}: {said}")
            if problem.hint:
                note(f"      {clean(problem.hint)}")


def _near(where: str) -> str:
    """Return a path relative to where the operator stands, if it is below."""
    path = Path(where)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return where
