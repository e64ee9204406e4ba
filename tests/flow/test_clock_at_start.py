"""A real daemon that starts after days in which nothing was stored: it warns, and deletes nothing yet."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from proofs.power.daemon import Daemon, wait_until
from proofs.power.load import Crm

DAY_MS = 24 * 3600 * 1000
WARNING = "nothing is expired or deleted"

SOON_CONTENT = """
from omnigate.flow import clockwatch
clockwatch.STEADY_SECONDS = 3.0
"""
LOOKS_AT_NO_ROWS = """
from omnigate.flow.clockwatch import ClockWatch
async def blind(self, now):
    pass
ClockWatch._look_at_rows = blind
"""
NOTES_NOTHING = """
from omnigate.flow.clockwatch import ClockWatch
async def forgetful(self):
    pass
ClockWatch._note = forgetful
"""


@pytest.fixture
def crm() -> Iterator[Crm]:
    crm = Crm()
    yield crm
    crm.close()


@pytest.fixture
def new_daemon(tmp_path: Path, crm: Crm) -> Iterator[Callable[..., Daemon]]:
    made: list[Daemon] = []

    def make(prelude: str = "") -> Daemon:
        made.append(Daemon(tmp_path, tmp_path, crm.address, prelude))
        made[-1].start()
        return made[-1]

    yield make
    for daemon in made:
        if daemon.runs():
            daemon.kill()


def aged(daemon: Daemon, days: int) -> None:
    """Have everything been stored so long ago, with something in quarantine 40 days before."""
    by = days * DAY_MS
    with closing(sqlite3.connect(daemon.store)) as store, store:
        for table, column in (
            ("event", "recorded_at"),
            ("attempt", "at"),
            ("destination", "last_success_at"),
        ):
            store.execute(f"UPDATE {table} SET {column} = {column} - {by}")
        store.execute(
            "INSERT INTO quarantine (channel, reason, request, body, digest, received_at)"
            f" SELECT 'app', 'junk', '{{}}', 'x', 'x', max(recorded_at) - {40 * DAY_MS} FROM event"
        )


def quarantined(daemon: Daemon) -> int:
    with closing(sqlite3.connect(daemon.store)) as store:
        return int(store.execute("SELECT count(*) FROM quarantine").fetchone()[0])


def come_back(new_daemon: Any, prelude: str = "") -> Daemon:
    """Be off for three days; return the daemon as it works again."""
    daemon: Daemon = new_daemon(prelude)
    assert daemon.say("before").status == 202
    assert WARNING not in daemon.log_since_start, "an empty store has no past"
    daemon.stop()
    aged(daemon, 3)
    daemon.start()
    assert daemon.say("after").status == 202
    assert daemon.log_since_start.count(WARNING) == 1
    return daemon


def forgets_nothing(daemon: Daemon) -> None:
    answer = json.loads(daemon.run("db", "prune", "--json"))
    assert WARNING in answer["error"], answer
    assert quarantined(daemon) == 1


def restart_within_the_hour(new_daemon: Any, prelude: str = "") -> None:
    daemon = come_back(new_daemon, prelude)
    forgets_nothing(daemon)
    daemon.kill()
    daemon.start()
    assert daemon.log_since_start.count(WARNING) == 1, "the newest row is from just now"
    forgets_nothing(daemon)


def test_nothing_is_deleted_for_an_hour_also_over_a_restart(new_daemon: Any) -> None:
    """R24."""
    restart_within_the_hour(new_daemon)


def test_what_is_too_old_goes_by_itself_once_the_clock_was_steady(new_daemon: Any) -> None:
    daemon = come_back(new_daemon, SOON_CONTENT)
    wait_until(lambda: quarantined(daemon) == 0, "it is forgotten")
    assert "it is believed" in daemon.log_since_start
    daemon.stop()


@pytest.mark.parametrize("sabotage", [LOOKS_AT_NO_ROWS, NOTES_NOTHING], ids=["rows", "notes"])
def test_a_daemon_that_believes_its_clock_at_once_is_found_out(
    sabotage: str, new_daemon: Any
) -> None:
    with pytest.raises(AssertionError):
        restart_within_the_hour(new_daemon, sabotage)
