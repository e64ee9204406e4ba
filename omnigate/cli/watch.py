"""``omnigate status --watch`` on a terminal: one screen that stays up to date until Ctrl-C.

It takes over the terminal's other page, so that nothing flickers and the shell is as it was afterwards.
When the daemon stops, the last that was known stays on the screen, dimmed, until it is back.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.styled import Styled
from rich.table import Table
from rich.text import Text

from omnigate.cli import overview, terminal
from omnigate.cli.failure import Failed
from omnigate.cli.fitted import fitted, troubles
from omnigate.cli.overview import Answer, Row

_BARS: Final = "▁▂▃▄▅▆▇█"
_GAP: Final = 2
_MOST_LOOKS: Final = 120
_CURVES: Final = {
    "in": "received_per_second",
    "out": "sent_per_second",
    "delivered": "delivered_per_second",
    "failed": "failures_per_second",
}


def watch_on_screen(look: Callable[[], Answer], answer: Answer, interval: float) -> None:
    """Show what ``look`` returns, beginning with ``answer``; ends by ``KeyboardInterrupt`` only."""
    console = Console(highlight=False)
    screen = Screen(answer)
    with Live(
        screen.render(console.width), console=console, screen=True, auto_refresh=False
    ) as live:
        while True:
            time.sleep(interval)
            try:
                screen.saw(look())
            except Failed as error:
                screen.missed(error.what)
            live.update(screen.render(console.width), refresh=True)


class Screen:
    """What is on the screen."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._history: dict[str, deque[float]] = {
            name: deque(maxlen=_MOST_LOOKS) for name in _CURVES
        }
        self._gone_since: float | None = None
        self._why = ""
        self.saw(answer)

    def saw(self, answer: Answer) -> None:
        """Take in how everything is now."""
        self._answer, self._gone_since = answer, None
        for name, key in _CURVES.items():
            self._history[name].append(answer["rates"][key])

    def missed(self, why: str) -> None:
        """Take in that the daemon did not answer."""
        self._why = why
        if self._gone_since is None:
            self._gone_since = time.monotonic()

    def render(self, width: int) -> RenderableType:
        """Return the whole screen, for a terminal of so many columns."""
        answer = self._answer
        shown = Group(
            self._head(),
            self._curves(width),
            _title("Destinations"),
            fitted(
                overview.DESTINATIONS, _troubled_first(overview.destination_rows(answer)), width
            ),
            *_troubles(answer),
            _title("Channels"),
            fitted(overview.CHANNELS, overview.channel_rows(answer), width),
        )
        if self._gone_since is None:
            return shown
        seconds = terminal.duration(time.monotonic() - self._gone_since)
        notice = f" {self._why} Since {seconds}; below is the last that was known. Waiting. "
        return Group(Text(notice, style="bold white on red"), Styled(shown, "dim"))

    def _head(self) -> RenderableType:
        lines = Table.grid(padding=(0, _GAP, 0, 0))
        for name, value in overview.head(self._answer):
            if name != "rates":
                alarming = not self._answer["ready"] and name == "omnigate"
                style = "bold red" if alarming else ""
                lines.add_row(Text(name, style="dim"), Text(terminal.clean(value), style=style))
        return lines

    def _curves(self, width: int) -> RenderableType:
        """Return how fast things went since the screen was opened, the latest at the right."""
        lines = Table.grid(padding=(0, _GAP, 0, 0))
        room = max(10, min(_MOST_LOOKS, width - 24))
        for name, history in self._history.items():
            style = "red" if name == "failed" and history[-1] else ""
            lines.add_row(
                Text(name, style="dim"),
                Text(f"{overview.speed(history[-1]):>9}", style=style or "bold"),
                Text(curve(list(history)[-room:]), style=style or "cyan"),
            )
        return lines


def curve(values: list[float]) -> str:
    """Return values as little bars, the highest one full; nothing at all is a low line."""
    most = max(values, default=0)
    if not most:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(7, int(value / most * 7.999))] for value in values)


def _troubled_first(rows: Iterable[Row]) -> list[Row]:
    """Return rows in order of what an operator wants to see when the screen is short."""
    return sorted(rows, key=lambda row: row["state"] in ("ok", "disabled"))


def _troubles(answer: Answer) -> Iterable[RenderableType]:
    if not overview.troubles(answer):
        return
    yield _title("In trouble")
    yield from troubles(answer)


def _title(text: str) -> RenderableType:
    return Text(f"\n{text}", style="bold")
