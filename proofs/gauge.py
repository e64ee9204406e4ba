"""Readings of a running daemon, and whether they stay level.

Judged by the slope: after a warm-up the rest of the time is cut into thirds, and the median of the last
third is held against that of the first. What grows by design is named here, and only that may.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

WARM_UP: Final = 0.3
"""This share of the time is for caches to fill."""
GROW: Final = frozenset(
    {
        "address",
        "attachment",
        "contact",
        "conversation",
        "event",
        "event_body",
        "message",
        "message_part",
    }
)
"""Tables that keep what was said: they grow with it until somebody prunes them."""

_MEBIBYTE: Final = 1024 * 1024


class Reading(NamedTuple):
    """What was seen at one moment."""

    at: float
    memory_mib: float
    handles: int
    wal_mib: float
    rows: dict[str, int]


class Trend(NamedTuple):
    """How one figure went: the median of the first and of the last third, and whether that is level."""

    name: str
    first: float
    last: float
    limit: float

    @property
    def is_level(self) -> bool:
        """Whether the figure ended within its limit."""
        return self.last <= self.limit


@dataclass
class Gauge:
    """All readings of one daemon."""

    pid: int
    store: Path
    readings: list[Reading] = field(default_factory=list)

    def read(self) -> Reading:
        """Take a reading; blocks for a moment."""
        wal = self.store.with_name(self.store.name + "-wal")
        reading = Reading(
            time.monotonic(),
            resident_mib(self.pid),
            sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir()),
            wal.stat().st_size / _MEBIBYTE if wal.exists() else 0.0,
            count_rows(self.store),
        )
        self.readings.append(reading)
        return reading

    def trends(self) -> Iterator[Trend]:
        """Judge every figure that has to stay level."""
        yield from trends(self.readings)


def trends(readings: Sequence[Reading]) -> Iterator[Trend]:
    """Judge readings; those of the warm-up are left out."""
    settled = readings[int(len(readings) * WARM_UP) :]
    third = len(settled) // 3
    if not third:
        raise ValueError("too few readings to tell a slope; let it run for longer")
    early, late = settled[:third], settled[-third:]

    def trend(name: str, figure: Callable[[Reading], float], share: float, spare: float) -> Trend:
        first, last = median(map(figure, early)), median(map(figure, late))
        return Trend(name, first, last, first * (1 + share) + spare)

    yield trend("memory MiB", lambda reading: reading.memory_mib, 0.04, 1)
    yield trend("handles", lambda reading: reading.handles, 0.05, 2)
    yield trend("wal MiB", lambda reading: reading.wal_mib, 0.25, 4)
    for table in sorted(readings[-1].rows.keys() - GROW):
        yield trend(f"rows of {table}", lambda reading: reading.rows[table], 0.15, 100)  # noqa: B023  # used at once


def resident_mib(pid: int) -> float:
    """Return how much memory a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def count_rows(store: Path) -> dict[str, int]:
    """Return the number of rows of every table."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in names
            if not name.startswith("sqlite_")
        }
