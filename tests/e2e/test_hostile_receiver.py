"""Receivers that want to keep a connection, the memory or the processor: every attempt has an end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.hostile import FAILS, MEGABYTE, TAKEN, HostileReceiver

TIMEOUT_SECONDS = 1.0
LATE_SECONDS = 3.0
"""What a busy machine may add."""
MOST_MEMORY = 48 * MEGABYTE
"""What the daemon may grow by while twenty receivers attack it at once."""


@pytest.fixture
def forked() -> None:
    """A daemon has no memory but its own: how much that grows is measured."""


@pytest.fixture
def hostile() -> Iterator[HostileReceiver]:
    hostile = HostileReceiver()
    yield hostile
    hostile.end()


def make(new_daemon: Callable[..., Any], hostile: HostileReceiver, *names: str) -> Any:
    """Return a daemon with one backend for each way to misbehave."""
    return new_daemon(
        schedule="[0.2]",
        more_backends={
            name: f'url = "{hostile.url}/{name}"\ntimeout_seconds = {TIMEOUT_SECONDS}\n'
            for name in names
        },
    )


def peak_bytes(daemon: Any) -> int:
    """Return the most memory that the process ever had."""
    for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel tells no VmHWM")


def owed(daemon: Any) -> dict[str, int]:
    """Return how many events each destination is owed."""
    listed = json.loads(daemon.omnigate("status", "--json"))["destinations"]
    return {one["name"]: one["pending"] for one in listed}


def judge_failing(hostile: HostileReceiver, until: Any, *names: str) -> None:
    """Check that attempts end in time and that others follow."""
    for name in names:
        until(lambda name=name: len(hostile.of(name)) >= 3, f"{name} was tried again")
    for name in names:
        for visit in hostile.of(name)[:2]:
            until(lambda visit=visit: visit.ended is not None, f"{name} was left")
            assert visit.seconds < TIMEOUT_SECONDS + LATE_SECONDS, f"{name}: {visit}"


def judge_memory(daemon: Any, before: int) -> None:
    grown = peak_bytes(daemon) - before
    assert grown < MOST_MEMORY, f"it grew by {grown // MEGABYTE} MB"


def test_no_receiver_keeps_an_attempt_or_the_memory(
    new_daemon: Any, hostile: HostileReceiver, receiver: Any, until: Any
) -> None:
    """R19."""
    names = [*FAILS, *TAKEN, "reset"]
    daemon = make(new_daemon, hostile, *names).start()
    before = peak_bytes(daemon)
    daemon.say("hello")
    judge_failing(hostile, until, *FAILS, "reset")
    for name in TAKEN:
        until(lambda name=name: len(hostile.of(name)) >= 2, f"{name} got both events")
        until(
            lambda name=name: daemon.status(name)["pending"] == 0,
            f"what {name} answered settles it",
        )
        assert all(visit.sent_bytes < 32 * MEGABYTE for visit in hostile.of(name)), name
    assert receiver.crm.texts() == ["hello"], "the healthy one noticed nothing"
    judge_memory(daemon, before)
    # A 2xx settles a delivery; what nobody took waits.
    expected = {**dict.fromkeys((*FAILS, "reset"), 2), **dict.fromkeys((*TAKEN, "crm"), 0)}
    until(lambda: owed(daemon).items() >= expected.items(), "all is settled or waits")


READS_ALL = """
import omnigate.exchange as exchange
async def read(answer):
    return await answer.read()
exchange._read_capped = read
"""
NO_LIMIT = """
import aiohttp
import omnigate.exchange as exchange
begin = exchange.Receiver.__init__
def without_limit(self, *given, **more):
    begin(self, *given, **more)
    self._timeout = aiohttp.ClientTimeout(total=None)
exchange.Receiver.__init__ = without_limit
"""


NO_INTERIM_LIMIT = "import omnigate.flow.interim as it\nit.INTERIM_LIMIT = 10**9"


@pytest.mark.parametrize(
    ("name", "sabotage"),
    [("huge-body", READS_ALL), ("endless-continue", NO_INTERIM_LIMIT)],
    ids=["bodies", "interim answers"],
)
def test_a_daemon_that_reads_whatever_comes_is_found_out(
    name: str, sabotage: str, new_daemon: Any, hostile: HostileReceiver, until: Any
) -> None:
    daemon = make(new_daemon, hostile, name).start(sabotage)
    before = peak_bytes(daemon)
    daemon.say("hello")
    until(lambda: hostile.of(name), "it was tried")
    until(lambda: hostile.of(name)[0].ended is not None, "it gave up")
    with pytest.raises(AssertionError, match="grew"):
        judge_memory(daemon, before)


def test_a_daemon_that_waits_for_ever_is_found_out(
    new_daemon: Any, hostile: HostileReceiver, until: Any
) -> None:
    daemon = make(new_daemon, hostile, "slow-headers").start(NO_LIMIT)
    daemon.say("hello")
    with pytest.raises(AssertionError, match="slow-headers"):
        judge_failing(hostile, lambda condition, what: until(condition, what, 5), "slow-headers")
