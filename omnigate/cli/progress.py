"""A bar for long work, on the standard error of a person's terminal; silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """How far the work is."""

    def __init__(self, shown: Progress, what: str, total: int | None) -> None:
        self._shown = shown
        self._task = shown.add_task(what, total=total)

    def at(self, done: int, total: int | None = None) -> None:
        """Say how much is done, and of how much if that has changed."""
        if total is None:
            self._shown.update(self._task, completed=done)
        else:
            self._shown.update(self._task, completed=done, total=total)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Bar]:
    """Show a bar while the work goes on; it vanishes at the end."""
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with shown:
        yield Bar(shown, what, total)
