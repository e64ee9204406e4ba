"""When the disk fails under the running daemon: nothing is acknowledged that is not there afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proofs.power.daemon import ATTACHABLE, Daemon, wait_until
from proofs.power.judge import Verdict

SOUND = Verdict([], [])
# Lets the daemon try again at once after a write was refused, where it would wait for seconds.
IMPATIENT = f"""
{ATTACHABLE}
import omnigate.flow.inbox as inbox
assert inbox.FULL_SECONDS > 0
inbox.FULL_SECONDS = 0.0
"""

TRUSTING = f"""
{ATTACHABLE}
import omnigate.store.turns as turns
assert turns.disk_failure
turns.disk_failure = lambda error: None
"""
HASTY = f"""
{ATTACHABLE}
import asyncio
from omnigate.hosting import Recorded
from omnigate.flow.inbox import Inbox
put, tasks = Inbox.put, []
async def hasty(self, *what, **more):
    tasks.append(asyncio.ensure_future(put(self, *what, **more)))
    return [Recorded(None, None, None) for _ in what[1]]
Inbox.put = hasty
"""
FATAL = (
    ("fdatasync", "EIO", "2"),
    ("fdatasync", "ENOSPC", "1"),
    ("pwrite64", "EIO", "1"),
    ("pwrite64", "EIO", "10"),
)


def log_of(daemon: Daemon) -> Path:
    return daemon.store.with_name(daemon.store.name + "-wal")


def test_a_log_that_cannot_be_trusted_ends_the_daemon_and_nobody_was_told_yes(
    disk: Path, new_daemon: Callable[..., Daemon], spoilt: Any, customers: Any, found: Any
) -> None:
    daemon = new_daemon()
    with customers(daemon).writing() as writing:
        for call, error, when in FATAL:
            writing.wait_for_more(10)
            with spoilt(daemon, log_of(daemon), call, error, when) as trace:
                assert daemon.wait_for_end() == 1, (call, error, when)
            assert "(INJECTED)" in trace.read_text()
            assert '"the disk failed under the store' in daemon.log_since_start
            # Whatever supervises it starts it again; those who write have not gone away.
            daemon.start()
        writing.wait_for_more(10)
    assert {said.status for said in writing.refusals} <= {503}
    assert "Traceback" not in daemon.log
    daemon.kill()
    assert found(disk, writing) == SOUND


def test_a_daemon_that_goes_on_after_a_failed_sync_is_found_out(
    new_daemon: Callable[..., Daemon], spoilt: Any, customers: Any
) -> None:
    """The sabotage twin: the end of the daemon is its own doing, and seen to be missing."""
    daemon = new_daemon(prelude=TRUSTING)
    with customers(daemon).writing() as writing:
        writing.wait_for_more(10)
        with spoilt(daemon, log_of(daemon), "fdatasync", "EIO", "2") as trace:
            writing.wait_for_more(10)
        assert "(INJECTED)" in trace.read_text()
    assert daemon.runs()


def test_a_daemon_that_says_yes_before_it_is_written_is_found_out(
    disk: Path, new_daemon: Callable[..., Daemon], spoilt: Any, customers: Any, found: Any
) -> None:
    """The sabotage twin: what was said too early is missed."""
    daemon = new_daemon(prelude=HASTY)
    with customers(daemon).writing() as writing:
        writing.wait_for_more(10)
        with spoilt(daemon, log_of(daemon), "pwrite64", "ENOSPC", "1+"):
            writing.wait_for_more(10)
    daemon.kill()
    assert found(disk, writing).lost


def test_a_lack_of_room_at_any_write_of_a_commit_is_told_and_then_forgotten(
    disk: Path, new_daemon: Callable[..., Daemon], spoilt: Any, customers: Any, found: Any
) -> None:
    daemon = new_daemon(prelude=IMPATIENT)
    writing = customers(daemon)
    failed = 0
    for number in range(1, 25):
        with spoilt(daemon, log_of(daemon), "pwrite64", "ENOSPC", str(number)) as trace:
            for again in range(4):
                key = f"x-{number}-{again}"
                if (said := daemon.say(key)).status == 202:
                    writing.acknowledged.append(key)
                else:
                    assert (said.status, said.headers["retry-after"]) == (503, "5")
        failed += "(INJECTED)" in trace.read_text()
        assert daemon.runs()
    assert failed == 24
    assert len(writing.acknowledged) >= 24 * 2
    daemon.stop()
    assert found(disk, writing) == SOUND


def test_what_waits_while_there_is_no_room_is_delivered_when_there_is(
    disk: Path, new_daemon: Callable[..., Daemon], spoilt: Any, customers: Any, found: Any, crm: Any
) -> None:
    daemon = new_daemon()
    with customers(daemon).writing() as writing:
        writing.wait_for_more(10)
        with spoilt(daemon, log_of(daemon), "pwrite64", "ENOSPC", "1+"):
            wait_until(lambda: len(writing.refusals) > 20, "messages are refused")
            assert not daemon.is_ready()
            before = len(writing.acknowledged)
            wait_until(lambda: len(writing.refusals) > 60, "more messages are refused")
            assert len(writing.acknowledged) == before
        writing.wait_for_more(10)
        wait_until(daemon.is_ready, "it says that it takes messages in")
    assert {said.status for said in writing.refusals} == {503}
    assert all(int(said.headers["retry-after"]) > 0 for said in writing.refusals)
    wait_until(lambda: crm.delivered >= len(writing.acknowledged), "all is delivered")
    daemon.stop()
    assert found(disk, writing) == SOUND


def test_a_lack_of_room_for_shared_memory_ends_nothing(
    disk: Path, new_daemon: Callable[..., Daemon], spoilt: Any, customers: Any, found: Any
) -> None:
    """It grows with the log, and the log grows while somebody reads for long."""
    daemon = new_daemon()
    memory = daemon.store.with_name(daemon.store.name + "-shm")
    reader = sqlite3.connect(daemon.store, isolation_level=None)
    with customers(daemon).writing("Hello " * 5000) as writing:
        writing.wait_for_more(10)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM message").fetchone()[0] >= 10
        with spoilt(daemon, memory, "pwrite64", "ENOSPC", "1+") as trace:
            wait_until(lambda: len(writing.refusals) > 10, "messages are refused")
            assert daemon.runs()
        assert "(INJECTED)" in trace.read_text()
        assert not daemon.log.count("under the store")
        reader.close()
        writing.wait_for_more(10)
    assert {said.status for said in writing.refusals} == {503}
    daemon.stop()
    assert found(disk, writing) == SOUND


def test_a_database_that_cannot_be_read_ends_the_daemon_and_nothing_is_lost(
    disk: Path, new_daemon: Callable[..., Daemon], spoilt: Any, customers: Any, found: Any
) -> None:
    daemon = new_daemon()
    with customers(daemon).writing() as writing:
        writing.wait_for_more(50)
    daemon.stop()  # what was in the log is in the file now, and in no memory
    daemon.start()
    with spoilt(daemon, daemon.store, "pread64", "EIO", "1+") as trace, writing.writing():
        assert daemon.wait_for_end() == 1
    assert "(INJECTED)" in trace.read_text()
    assert '"the disk failed under the store' in daemon.log
    daemon.start()
    with writing.writing():
        writing.wait_for_more(10)
    daemon.kill()
    assert found(disk, writing) == SOUND


def test_a_log_that_cannot_be_moved_into_the_database_ends_the_daemon_and_nothing_is_lost(
    disk: Path, new_daemon: Callable[..., Daemon], spoilt: Any, customers: Any, found: Any
) -> None:
    """SQLite checkpoints by itself and says nothing when that fails; housekeeping asks it to."""
    daemon = new_daemon()
    with customers(daemon).writing() as writing:
        for call in ("pwrite64", "fdatasync"):
            writing.wait_for_more(50)
            with spoilt(daemon, daemon.store, call, "EIO", "1+") as trace:
                writing.wait_for_more(10)
                daemon.run("db", "prune")
                assert daemon.wait_for_end() == 1
            assert "(INJECTED)" in trace.read_text()
            assert '"the disk failed under the store' in daemon.log_since_start
            daemon.start()
        writing.wait_for_more(10)
    daemon.kill()
    assert found(disk, writing) == SOUND
