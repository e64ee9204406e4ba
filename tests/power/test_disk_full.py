"""A real disk that fills up: refused in time while it is low, and nothing lost when it is full."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from proofs.power.daemon import Daemon, wait_until
from proofs.power.judge import Verdict

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


def test_a_disk_that_is_full_refuses_and_takes_in_again_by_itself_when_there_is_room(
    small_disk: Path, new_daemon: Callable[..., Daemon], customers: Any, found: Any, crm: Any
) -> None:
    daemon = new_daemon()
    said_full = '"the disk is full; nothing is stored until there is room again"'
    with customers(daemon).writing("Hello " * 1000) as writing:
        writing.wait_for_more(10)
        # Most often the first time: unless its look at the free space came before any write.
        for _ in range(10):
            with ballast(small_disk, 0):
                before = len(writing.refusals)
                wait_until(lambda: len(writing.refusals) > before + 10, "messages are refused")  # noqa: B023  # used at once
                assert not daemon.is_ready()
            wait_until(daemon.is_ready, "it takes messages in again by itself")
            writing.wait_for_more(10)
            if said_full in daemon.log:
                break
    assert said_full in daemon.log
    assert {said.status for said in writing.refusals} == {503}
    assert all(int(said.headers["retry-after"]) > 0 for said in writing.refusals)
    wait_until(lambda: crm.delivered >= len(writing.acknowledged), "all is delivered")
    assert "Traceback" not in daemon.log
    daemon.kill()
    assert found(small_disk, writing) == SOUND


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
