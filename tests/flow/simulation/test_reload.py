"""A reload while an attempt does not end: it waits so long and no longer, and what comes late counts once.

The parts of a whole daemon, by virtual time; a backend's plugin is deaf to being cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

import omnigate
from omnigate.config import BackendSection, ChannelSection, Config, Settings
from omnigate.config.tables import Route
from omnigate.flow import claiming, dispatcher
from omnigate.flow.dispatcher import HOLD_SECONDS
from omnigate.flow.held import HeldLeases
from omnigate.gateway import Gateway
from omnigate.model.event import Event
from omnigate.model.outbound import Reply
from omnigate.store.ingest import Intake, ingest
from omnigate.store.leases import void_leases
from omnigate.store.store import open_store
from omnigate.store.threads import ChannelKey
from tests.flow.simulation import virtual_time
from tests.flow.simulation.world import BEGIN, DAY, MINUTE, first_of

LATE = 4 * MINUTE
"""When the deaf attempt ends: its lease would have run out three times."""


class Idle(omnigate.Channel):
    kind = "idle"
    capabilities = omnigate.Capabilities()

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


@dataclass
class Heard:
    """What came to the receiver: ``(instance, sequence, accepted)``, as each attempt ended."""

    attempts: list[tuple[int, int | None, bool]] = field(default_factory=list)
    instances: list[Crm] = field(default_factory=list)
    ends_well: bool = True
    """Whether the deaf attempt ends in success."""


HEARD = Heard()


class Crm(omnigate.Backend):
    """The first attempt of the first instance is deaf; it ends long after its time."""

    kind = "crm"

    def __init__(self, config: omnigate.BackendConfig, host: omnigate.BackendHost) -> None:
        super().__init__(config, host)
        HEARD.instances.append(self)
        self.number = len(HEARD.instances)
        self.is_closed = False
        self.asked = 0

    async def deliver(self, event: Event) -> Reply | None:
        self.asked += 1
        is_deaf = self.number == self.asked == 1
        if is_deaf:
            loop = asyncio.get_running_loop()
            while (left := LATE - loop.time()) > 0:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(left)
        accepted = HEARD.ends_well or not is_deaf
        HEARD.attempts.append((self.number, event.sequence, accepted))
        if not accepted:
            raise omnigate.DestinationUnavailable("the connection broke")
        return None

    async def close(self) -> None:
        self.is_closed = True


def configured(folder: Path, concurrency: int) -> Config:
    crm = BackendSection("crm", "crm", Crm, omnigate.BackendConfig(concurrency=concurrency))
    return Config(
        folder / "omnigate.toml",
        Settings(routes=[Route(backends=["crm"])]),
        {"app": ChannelSection("app", "idle", Idle, omnigate.ChannelConfig())},
        {"crm": crm},
    )


@asynccontextmanager
async def living(folder: Path) -> AsyncIterator[Gateway]:
    loop = asyncio.get_running_loop()
    async with open_store(
        f"sqlite:///{folder}/store.db", clock=lambda: BEGIN + loop.time()
    ) as store:
        gateway = Gateway(configured(folder, 4), store, lambda: None)
        await gateway.start()
        run = asyncio.create_task(gateway.dispatcher.run())
        try:
            yield gateway
        finally:
            await gateway.dispatcher.drain(DAY)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await gateway.roster.close()


async def say(gateway: Gateway, text: str) -> None:
    said = omnigate.InboundMessage(
        external_id=text,
        conversation="c-1",
        occurred_at=datetime.fromtimestamp(BEGIN, UTC),
        sender=omnigate.Profile(address=omnigate.Address("user:anna")),
        text=text,
    )
    await gateway.store.writer.do(ingest, Intake(ChannelKey("app", "idle"), [said]))


async def exchange(folder: Path) -> Heard:
    """Reload while an attempt is deaf, have more come in meanwhile; all must come once, in order."""
    loop = asyncio.get_running_loop()
    async with living(folder) as gateway:
        await say(gateway, "one")
        await asyncio.sleep(1)
        assert HEARD.instances[0].asked == 1, "the attempt is under way"
        began = loop.time()
        changes = await gateway.roster.change(replace(configured(folder, 5)))
        assert changes.replaced == ["backend crm"]
        took = loop.time() - began
        assert HOLD_SECONDS <= took < HOLD_SECONDS + 5, f"the reload took {took:.0f} s"
        assert HEARD.instances[0].is_closed
        await say(gateway, "two")
        while loop.time() < LATE:
            assert HEARD.attempts == [], "nothing overtakes what is under way"
            await asyncio.sleep(1)
        await asyncio.sleep(5 * MINUTE)
        assert gateway.dispatcher.figures.leases_lost == 0
    return HEARD


def run(scenario: Callable[[], Coroutine[Any, Any, Heard]], *, ends_well: bool = True) -> Heard:
    HEARD.attempts, HEARD.instances, HEARD.ends_well = [], [], ends_well
    try:
        with structlog.testing.capture_logs() as logs:
            heard = virtual_time.run(scenario())
    except BaseExceptionGroup as group:
        raise first_of(group) from group
    assert [entry["count"] for entry in logs if "going on without them" in entry["event"]] == [1]
    return heard


def judge(heard: Heard) -> None:
    assert heard.attempts == [(1, 1, True), (2, 2, True), (2, 3, True)], "each once, in order"


def test_a_reload_goes_on_without_a_deaf_attempt_whose_late_success_counts(tmp_path: Path) -> None:
    judge(run(lambda: exchange(tmp_path)))


def test_what_a_deaf_attempt_failed_at_is_tried_again_by_who_came_instead(tmp_path: Path) -> None:
    heard = run(lambda: exchange(tmp_path), ends_well=False)
    assert heard.attempts == [(1, 1, False), (2, 1, True), (2, 2, True), (2, 3, True)]


def waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dispatcher, "HOLD_SECONDS", DAY)


def lets_the_lease_run_out(patch: pytest.MonkeyPatch) -> None:
    hold = HeldLeases.hold

    def loosely(self: HeldLeases, lease: Any) -> Any:
        held = hold(self, lease)
        self._held.discard(held)
        return held

    patch.setattr(HeldLeases, "hold", loosely)


def takes_the_lane_away(patch: pytest.MonkeyPatch) -> None:
    """Do what a reload that voids leases would."""
    remove = dispatcher.Dispatcher.remove

    def and_void(self: Any, destination: Any) -> None:
        remove(self, destination)
        self._writer.do_nowait(void_leases, None)

    patch.setattr(dispatcher.Dispatcher, "remove", and_void)


def goes_on_with_who_was_dismissed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claiming.Claims, "is_known", lambda self, destination: True)


@pytest.mark.parametrize(
    "sabotage",
    [
        waits_for_ever,
        lets_the_lease_run_out,
        takes_the_lane_away,
        goes_on_with_who_was_dismissed,
    ],
)
def test_a_reload_that_hangs_or_delivers_twice_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge(run(lambda: exchange(tmp_path)))
