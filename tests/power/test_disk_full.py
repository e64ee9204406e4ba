"""A real disk that fills up: refused in time while it is low, and nothing lost when it is full."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from proofs.power.daemon import Daemon, wait_until
from proofs.power.judge import Verdict
from proofs.power.load import TOKEN

MIB = 1024 * 1024
SOUND = Verdict([], [])


@contextmanager
def ballast(disk: Path, leave_bytes: int) -> Iterator[None]:
    """Fill the disk up to so much room while the block runs."""
    path = disk / "ballast"
    block = bytes(64 * 1024)
    try:
        # The daemon may be quicker and take the last of it.
        with path.open("wb", buffering=0) as file, suppress(OSError):
            while shutil.disk_usage(disk).free > leave_bytes:
                file.write(block[: shutil.disk_usage(disk).free - leave_bytes])
        yield
    finally:
        path.unlink()


def test_intake_is_refused_before_the_disk_is_full_while_what_is_stored_goes_out(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, found: Any, crm: Any
) -> None:
    daemon = new_daemon(min_free_bytes=8 * MIB)
    token = daemon.api_token()
    crm.gate.clear()
    with customers(daemon).writing() as writing:
        writing.wait_for_more(100)
    stored = len(writing.acknowledged)
    with ballast(small_disk, 7 * MIB):
        wait_until(lambda: not daemon.is_ready(), "it says that it takes nothing in")
        said = daemon.say("too late")
        assert (said.status, said.headers["retry-after"]) == (503, "60")
        answer = {"to": {"channel": "app", "address": "app:c-1"}, "text": "too late"}
        assert daemon.ask("POST", "/v1/messages", answer, token=token).status == 503
        assert daemon.ask("POST", "/v1/media", b"too late", token=token).status == 503
        assert crm.delivered < stored
        crm.gate.set()
        wait_until(lambda: crm.delivered >= stored, "what is stored is delivered")
        assert not daemon.is_ready()
    wait_until(daemon.is_ready, "it takes messages in again by itself")
    with writing.writing():
        writing.wait_for_more(10)
    wait_until(lambda: crm.delivered >= len(writing.acknowledged), "all is delivered")
    assert '"write failed"' not in daemon.log, "the disk was never full"
    daemon.stop()
    assert found(small_disk, writing) == SOUND


def fill_up(small_disk: Path, daemon: Daemon, writing: Any, until_logged: str) -> None:
    """Fill the disk under load and make room again, until a line stands in the log."""
    with writing.writing("Hello " * 1000):
        writing.wait_for_more(10)
        # Most often the first time: unless its look at the free space came before any write.
        for _ in range(10):
            with ballast(small_disk, 0):
                before = len(writing.refusals)
                wait_until(lambda: len(writing.refusals) > before + 10, "messages are refused")  # noqa: B023  # used at once
                assert not daemon.is_ready()
            wait_until(daemon.is_ready, "it takes messages in again by itself")
            writing.wait_for_more(10)
            if until_logged in daemon.log:
                break
    assert until_logged in daemon.log
    daemon.kill()


def test_a_disk_that_is_full_refuses_and_takes_in_again_by_itself_when_there_is_room(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, found: Any, crm: Any
) -> None:
    """R20."""
    daemon = new_daemon()
    writing = customers(daemon)
    said_full = '"the disk is full; nothing is stored until there is room again"'
    fill_up(small_disk, daemon, writing, said_full)
    assert found(small_disk, writing) == SOUND
    assert {said.status for said in writing.refusals} == {503}
    assert all(int(said.headers["retry-after"]) > 0 for said in writing.refusals)
    assert "Traceback" not in daemon.log
    daemon.start()
    wait_until(lambda: crm.delivered >= len(writing.acknowledged), "all is delivered")


# Says that a message is stored although its COMMIT was refused.
ACKNOWLEDGES_WHAT_WAS_REFUSED = """
import structlog
from omnigate.hosting import Recorded
from omnigate.errors import StoreError
from omnigate.flow.inbox import Inbox
put = Inbox.put
async def lenient(self, channel, items, *more, **named):
    try:
        return await put(self, channel, items, *more, **named)
    except StoreError:
        structlog.get_logger("inbox").info("acknowledged all the same")
        return [Recorded(None, None, None) for _ in items]
Inbox.put = lenient
"""


def test_acknowledging_what_a_full_disk_refused_is_found_out(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, found: Any
) -> None:
    """Sabotage twin of R20."""
    daemon = new_daemon(prelude=ACKNOWLEDGES_WHAT_WAS_REFUSED)
    writing = customers(daemon)
    fill_up(small_disk, daemon, writing, "acknowledged all the same")
    verdict = found(small_disk, writing)
    assert verdict.lost
    assert verdict.corrupt == []


def test_a_kill_while_the_disk_is_full_loses_nothing(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, found: Any
) -> None:
    daemon = new_daemon()
    with customers(daemon).writing("Hello " * 1000) as writing:
        writing.wait_for_more(10)
        with ballast(small_disk, 0):
            wait_until(lambda: len(writing.refusals) > 10, "messages are refused")
            daemon.kill()
        daemon.start()
        writing.wait_for_more(10)
    daemon.stop()
    assert found(small_disk, writing) == SOUND


def test_a_start_on_a_full_disk_says_to_make_room_and_works_when_there_is_some(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, found: Any
) -> None:
    daemon = new_daemon()
    with customers(daemon).writing("Hello " * 1000) as writing:
        writing.wait_for_more(10)
        with ballast(small_disk, 0):
            wait_until(lambda: len(writing.refusals) > 10, "messages are refused")
            daemon.kill()
            with pytest.raises(RuntimeError):  # it does not run, or is not ready
                daemon.start()
            assert "disk is full" in daemon.log_since_start
            assert "backup" not in daemon.log_since_start, "what is there is sound"
        daemon.start()
        writing.wait_for_more(10)
    daemon.stop()
    assert found(small_disk, writing) == SOUND


def test_a_file_that_does_not_fit_is_refused_and_leaves_nothing_behind(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, found: Any
) -> None:
    daemon = new_daemon()
    token = daemon.api_token()
    upload = daemon.ask("POST", "/v1/media", bytes(3 * MIB), token=token)
    assert upload.status == 201
    with ballast(small_disk, 2 * MIB):  # enough for anybody who only looks before
        assert daemon.ask("POST", "/v1/media", bytes(4 * MIB), token=token).status == 503
    assert daemon.ask("POST", "/v1/media", bytes(4 * MIB), token=token).status == 201
    files = [path for path in daemon.store.with_name("files").rglob("*") if path.is_file()]
    assert sorted(path.stat().st_size for path in files) == [3 * MIB, 4 * MIB]
    daemon.stop()
    assert found(small_disk, customers(daemon)) == SOUND


def reload(daemon: Daemon, config: Path, name: str) -> str:
    """Add a channel to the configuration and have it read again; return what the log says of it."""
    with config.open("a") as file:
        file.write(f'[channels.{name}]\nkind = "http"\ntoken = "{TOKEN}"\n')
    known = len(daemon.log)
    os.kill(daemon.pid, signal.SIGHUP)
    ends = ("the configuration stays as it was", "configuration read again")
    wait_until(
        lambda: any(end in daemon.log[known:] for end in ends) or not daemon.runs(),
        "the configuration was read",
    )
    assert daemon.runs(), "it outlives a reload that cannot be written down"
    return daemon.log[known:]


def write_to(daemon: Daemon, channel: str) -> int:
    """Be a customer who writes to one of the channels; return the status of the answer."""
    said = {
        "external_id": f"to-{channel}",
        "conversation": "c-9",
        "sender": {"address": "app:c-9"},
        "text": "Hello",
    }
    return daemon.ask("POST", f"/channels/{channel}/messages", said).status


def reload_without_room(small_disk: Path, daemon: Daemon, config: Path, writing: Any) -> None:
    """Have the configuration read again while the disk is full, and once more when it is not."""
    with writing.writing("Hello " * 1000):
        writing.wait_for_more(10)
        with ballast(small_disk, 0):
            wait_until(lambda: len(writing.refusals) > 10, "messages are refused")
            for number in range(20):
                # One or another may find room at the front of the log, which was just emptied.
                said = reload(daemon, config, f"late{number}")
                if "the configuration stays as it was" in said:
                    break
            assert "the store refused the write: database or disk is full" in said
            assert write_to(daemon, f"late{number}") == 404, "nothing has changed"
            assert daemon.say("too late").status == 503
        wait_until(daemon.is_ready, "it takes messages in again by itself")
    assert "configuration read again" in reload(daemon, config, "last")
    for name in (f"late{number}", "last"):
        wait_until(lambda: write_to(daemon, name) == 202, f"{name} takes messages in")  # noqa: B023  # used at once


def test_a_reload_on_a_full_disk_says_why_it_changes_nothing_and_works_when_there_is_room(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, tmp_path: Path
) -> None:
    daemon = new_daemon()
    reload_without_room(small_disk, daemon, tmp_path / "omnigate.toml", customers(daemon))
    assert '"failed; begins anew"' not in daemon.log
    assert "Traceback" not in daemon.log
    daemon.stop()


# Takes whatever a reload raises for the end of the daemon.
ENDS_WITH_A_RELOAD = """
import omnigate.flow.reloading
import omnigate.gateway
async def obey(self, signals):
    while True:
        await signals.reload.wait()
        signals.reload.clear()
        await self.reload()
async def bare(work, name):
    await work()
omnigate.flow.reloading.Reloader.obey = obey
omnigate.gateway.kept_up = bare
"""


def test_a_daemon_that_ends_with_a_reload_is_found_out(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, tmp_path: Path
) -> None:
    daemon = new_daemon(prelude=ENDS_WITH_A_RELOAD)
    with pytest.raises(AssertionError, match="it outlives a reload"):
        reload_without_room(small_disk, daemon, tmp_path / "omnigate.toml", customers(daemon))
