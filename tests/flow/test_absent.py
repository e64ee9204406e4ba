"""Backends that events are routed to and nobody is there for: not enabled, broken, not made, taken out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

import omnigate
from omnigate.config import BackendSection, BrokenSection, ChannelSection, Config, Settings
from omnigate.config.tables import Route
from omnigate.flow.ephemeral import AT_ONCE, EphemeralRelay
from omnigate.flow.roster import Roster
from omnigate.gateway import Gateway
from omnigate.model.event import Event
from omnigate.model.inbound import Ephemeral, Typing
from omnigate.model.outbound import Reply
from omnigate.store.ingest import Intake, ingest
from omnigate.store.soundness import find_problems
from omnigate.store.store import open_store
from omnigate.store.threads import ChannelKey

pytestmark = pytest.mark.anyio

SECONDS = 10.0
EXPIRY_SECONDS = 5 * 24 * 3600.0
APP = ChannelKey("app", "idle", 50)
ABSENT = ["broken", "gone", "off", "unmade"]


class Idle(omnigate.Channel):
    kind = "idle"
    capabilities = omnigate.Capabilities()

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


class Crm(omnigate.Backend):
    """Notes what it is given."""

    kind = "crm"

    def __init__(self, config: omnigate.BackendConfig, host: omnigate.BackendHost) -> None:
        super().__init__(config, host)
        self.given: list[Event] = []

    async def deliver(self, event: Event) -> Reply | None:
        self.given.append(event)
        return None


class Unmade(Crm):
    """Cannot be made."""

    def __init__(self, config: omnigate.BackendConfig, host: omnigate.BackendHost) -> None:
        raise RuntimeError("no licence")


def configured(folder: Path) -> Config:
    """Return a configuration with one backend of each sort; events go to all of them, ``crm`` last."""

    def backend(name: str, plugin: type[Crm] = Crm, **more: Any) -> BackendSection:
        config = omnigate.BackendConfig(include_ephemeral=True, **more)
        return BackendSection(name, "crm", plugin, config)

    sections = [
        backend("off", enabled=False),
        backend("unmade", Unmade),
        backend("gone"),
        backend("crm", events=["*", "delivery.*"]),
    ]
    return Config(
        folder / "omnigate.toml",
        Settings(routes=[Route(backends=["broken", "off", "unmade", "gone", "crm"])]),
        {"app": ChannelSection("app", "idle", Idle, omnigate.ChannelConfig())},
        {section.name: section for section in sections},
        broken=(BrokenSection("broken", "x", "backend", "it does not import"),),
    )


class Clock:
    ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


class House:
    """A daemon's parts, none of them running."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self.gateway = gateway
        self.clock = clock

    @property
    def crm(self) -> Crm:
        backend = self.gateway.roster.backends["crm"]
        assert isinstance(backend, Crm)
        return backend

    async def take_out(self, name: str) -> None:
        """Reload a configuration without one backend."""
        config = self.gateway.reloader.config
        left = {known: section for known, section in config.backends.items() if known != name}
        self.gateway.reloader.config = replace(config, backends=left)
        await self.gateway.roster.change(self.gateway.reloader.config)

    async def say(self) -> None:
        """Have a customer begin a conversation."""
        said = omnigate.InboundMessage(
            external_id="1",
            conversation="c-1",
            occurred_at=datetime.now(UTC),
            sender=omnigate.Profile(address=omnigate.Address("user:anna")),
            text="hello",
        )
        await self.gateway.store.writer.do(ingest, Intake(APP, [said]))

    async def rows(self, query: str) -> list[Any]:
        def read(connection: Connection) -> list[Any]:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

        return await self.gateway.store.read(read)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = Clock()
    async with open_store(
        f"sqlite:///{tmp_path}/store.db", delivery_expiry_seconds=EXPIRY_SECONDS, clock=clock
    ) as store:
        gateway = Gateway(configured(tmp_path), store, lambda: None)
        await gateway.start()
        yield House(gateway, clock)
        await gateway.roster.close()


# Fleeting events


@asynccontextmanager
async def relaying(relay: EphemeralRelay) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(relay.run())
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def types(house: House, item: Ephemeral, count: int) -> None:
    """Have somebody type; all of it must come to the backend that is there."""
    await house.say()
    async with relaying(house.gateway.relay) as relay:
        for _ in range(count):
            house.gateway.relay.emit(APP, item)
        deadline = time.monotonic() + SECONDS
        while len(house.crm.given) < count:
            assert not relay.done(), "nobody is left who passes anything on"
            assert time.monotonic() < deadline, f"{len(house.crm.given)} of {count} came"
            await asyncio.sleep(0.005)
    assert {event.type for event in house.crm.given} == {omnigate.EventType.TYPING}


async def test_a_fleeting_event_for_a_backend_that_is_not_there_neither_raises_nor_blocks(
    house: House,
) -> None:
    await types(house, Typing(conversation="c-1"), 2 * AT_ONCE)


async def test_handing_fleeting_events_to_who_is_not_there_is_found_out(house: House) -> None:
    class Presumed(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            return self[name]

    house.gateway.relay._backends = lambda: Presumed(house.gateway.roster.backends)
    with pytest.raises(AssertionError, match="nobody is left"):
        await types(house, Typing(conversation="c-1"), 2 * AT_ONCE)


# What they are owed


async def outlive(house: House) -> None:
    """Let the time of everything go by; only who is there is owed anything afterwards."""
    await house.say()
    await house.take_out("gone")
    house.clock.ahead_seconds = EXPIRY_SECONDS - 60
    await house.gateway.housekeeper.go_round(shrinks=False)
    assert await house.rows("SELECT * FROM dead") == [], "its time is not over"
    house.clock.ahead_seconds = EXPIRY_SECONDS + 60
    await house.gateway.housekeeper.go_round(shrinks=False)
    died = await house.rows(
        "SELECT name, reason, count(*) FROM dead JOIN destination ON destination.id = destination_id"
        " GROUP BY name, reason ORDER BY name"
    )
    # The beginning of the conversation and the message.
    assert died == [(name, "expired", 2) for name in ABSENT]
    told = await house.rows(
        "SELECT json_extract(body, '$.data.delivery.destination'), count(*) FROM outbox"
        " JOIN destination ON destination.id = destination_id JOIN event USING (position)"
        " JOIN event_body USING (position)"
        " WHERE name = 'crm' AND type = 'delivery.dead' GROUP BY 1 ORDER BY 1"
    )
    assert told == [(name, 2) for name in ABSENT], "every dead letter is announced"
    kept = await house.rows(
        "SELECT name, count(*) FROM outbox JOIN destination ON destination.id = destination_id"
        " JOIN event USING (position) WHERE type LIKE 'message.%' GROUP BY name"
    )
    assert kept == [("crm", 1)], "who is there is offered it once more"
    assert await house.gateway.store.read(find_problems) == []


async def test_what_is_owed_to_who_is_not_there_expires_and_is_announced(house: House) -> None:
    await outlive(house)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda known: True,
        lambda known: known.enabled,
        lambda known: known.failure is None,
    ],
    ids=["all that are configured", "all that are enabled", "all that are sound"],
)
async def test_taking_members_for_workers_is_found_out(
    house: House, mistake: Callable[[Any], bool]
) -> None:
    def presumed(self: Roster) -> list[int]:
        return [known.health.destination_id for known in self.members.values() if mistake(known)]

    house.gateway.housekeeper._served = lambda: presumed(house.gateway.roster)
    with pytest.raises(AssertionError):
        await outlive(house)
