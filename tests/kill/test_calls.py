"""Calls over crashes of the real daemon: whatever happens between wish and ring, nobody is rung twice."""

from __future__ import annotations

import http.client
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from omnigate.failpoints import VARIABLE
from tests.e2e.conftest import new_daemon, receiver
from tests.e2e.daemon import Daemon
from tests.e2e.deadline import wait_until
from tests.phones.paper import add_section, dialled, install

__all__ = ["new_daemon", "receiver"]

# Notes what it has begun only after the platform was told; dies between the two, in its first life.
DIALS_FIRST = """
import os, signal
from omnigate.failpoints import VARIABLE
from omnigate.flow.dialling import Dialler
from omnigate.store.callreads import open_calls
from omnigate.store.dials import Claim, begin_dials
async def begin(self, name, due, taken):
    channel = self._at_work(name)
    for call in (await self._store.read(open_calls, name))[:due] if channel else ():
        begun = call.model_copy(update={"attempt": call.attempt + 1})
        if not self._doubts.is_taken(begun):
            self._doubts.take(begun)
            await self._ringing.tell(channel, name, begun)
            if VARIABLE in os.environ:
                os.kill(os.getpid(), signal.SIGKILL)
            await self._store.writer.do(begin_dials, Claim(name, 1))
    return 1.0
Dialler._begin = begin
"""


class House:
    """A daemon with paper telephones that dies where it is told."""

    def __init__(self, daemon: Daemon, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.daemon = daemon
        self.paper = folder / "paper"
        self._patch = patch
        patch.setenv("PYTHONPATH", install(folder))
        add_section(daemon.folder / "omnigate.toml", self.paper)
        self.token = daemon.omnigate("db", "migrate") and daemon.omnigate(
            "token", "create", "caller", "--scope", "calls"
        )
        self._asked = self._said = 0

    def crash(self, trap: str, prelude: str = "") -> str:
        """Have somebody called while the daemon dies; return the call once it stands again."""
        self._asked += 1
        self._patch.setenv(VARIABLE, f"{trap}=kill")
        self.daemon.start(prelude, wait=False)
        process = self.daemon.process
        assert process is not None
        with suppress(AssertionError, OSError, http.client.HTTPException):
            wait_until(self.daemon._is_ready, "it is ready")
            self._ask()
        wait_until(lambda: process.poll() is not None or self._goes_on(), f"it died at {trap}")
        self.daemon.process = None
        self._patch.delenv(VARIABLE)
        self.daemon.start(prelude)
        call = self._ask()
        wait_until(lambda: call in {known for known, _ in dialled(self.paper)}, "it is dialled")
        wait_until(lambda: self._state(call) in ("dialling", "agent_ringing"), "it is known")
        self.daemon.stop()
        return call

    def _ask(self) -> str:
        """Be a caller who tries again with the same key until there is an answer."""
        body = {"number": f"+7916123{self._asked:04d}"[:-1] + "1"}
        headers = {"Idempotency-Key": f"key-{self._asked}"}
        status, answer = self.daemon.request(
            "POST", "/v1/calls", body, token=self.token, headers=headers
        )
        assert status == 202, answer
        return str(answer["id"])

    def _goes_on(self) -> bool:
        """Have more happen, for a daemon that is to die later; false, for it has not yet."""
        self._said += 1
        with suppress(AssertionError, OSError, http.client.HTTPException):
            self.daemon.say(f"hello {self._said}")
        return False

    def _state(self, call: str) -> str:
        status, answer = self.daemon.request("GET", f"/v1/calls/{call}", token=self.token)
        assert status == 200, answer
        return str(answer["state"])


@pytest.fixture
def forked() -> None:
    """Each daemon loads everything itself: the way its channel is installed is in the environment."""


@pytest.fixture
def house(
    new_daemon: Callable[..., Daemon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> House:
    """One that is not running."""
    folder = tmp_path / "phones"
    folder.mkdir()
    assert os.environ.get(VARIABLE) is None
    return House(new_daemon(), folder, monkeypatch)


def judge(house: House, calls: list[str]) -> None:
    """Check that each call was dialled once, as its first attempt."""
    assert dialled(house.paper) == {(call, 1): 1 for call in calls}


@pytest.mark.timeout(300)
def test_a_crash_at_any_place_rings_nobody_twice_and_forgets_nobody(house: Any, seed: int) -> None:
    """One store lives through all of them."""
    chance = random.Random(seed)
    turn = f"{chance.choice(['commit', 'committed'])}:{chance.randint(6, 14)}"
    traps = ["claim", "send", "sent", "finish", turn]
    chance.shuffle(traps)
    print(traps)
    judge(house, [house.crash(trap) for trap in traps])


@pytest.mark.timeout(120)
def test_a_daemon_that_dials_before_the_intent_is_on_disk_is_found_out(house: Any) -> None:
    call = house.crash("sent:1000", DIALS_FIRST)
    with pytest.raises(AssertionError):
        judge(house, [call])
