"""Who is at work when somebody cannot be made: he costs only himself, and keeps nobody from anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.config import BackendSection, ChannelSection, Config, Settings
from omnigate.errors import ConfigError
from omnigate.flow.changes import Changes
from omnigate.flow.roster import Roster
from omnigate.gateway import Gateway
from omnigate.store.backlog import count_backlog
from omnigate.store.destinations import Name, register
from omnigate.store.store import open_store

pytestmark = pytest.mark.anyio

IS_INSTALLED: set[str] = set()
"""Names of channels that can be made."""


class Moody(omnigate.Channel):
    """Cannot be made as long as something outside is missing."""

    kind = "moody"
    capabilities = omnigate.Capabilities()

    def __init__(self, config: omnigate.ChannelConfig, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        if host.name not in IS_INSTALLED:
            raise OSError("its library is not there")

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


class Crm(omnigate.Backend):
    kind = "crm"

    async def deliver(self, event: omnigate.Event) -> None:
        raise NotImplementedError


class House:
    """A daemon's parts, begun with a channel that could not be made."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @property
    def roster(self) -> Roster:
        return self.gateway.roster

    async def change(self, *names: str, disabled: str = "", priority: int = 100) -> Changes:
        return await self.roster.change(configured(*names, disabled=disabled, priority=priority))

    def states(self) -> dict[str, str]:
        return {name: member.state for (_, name), member in self.roster.members.items()}

    def owed_in_vain(self) -> Any:
        return self.gateway.doctor.tell_what_is_owed_in_vain()


def configured(*names: str, disabled: str = "", priority: int = 100) -> Config:
    config = omnigate.ChannelConfig(priority=priority)
    channels = {name: ChannelSection(name, "moody", Moody, config) for name in names}
    if disabled:
        config = omnigate.ChannelConfig(enabled=False)
        channels[disabled] = ChannelSection(disabled, "moody", Moody, config)
    backends = {"crm": BackendSection("crm", "crm", Crm, omnigate.BackendConfig())}
    return Config(Path("omnigate.toml"), Settings(), channels, backends)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    IS_INSTALLED.clear()
    IS_INSTALLED.add("works")
    async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        config = replace(configured("works", "fails"), path=tmp_path / "omnigate.toml")
        gateway = Gateway(config, store, lambda: None)
        await gateway.start()
        yield House(gateway)
        await gateway.roster.close()


async def test_a_channel_that_could_not_be_made_at_the_start_keeps_no_reload_back(
    house: House,
) -> None:
    assert house.states() == {"crm": "ok", "works": "ok", "fails": "broken"}
    IS_INSTALLED.add("new")
    changes = await house.change("works", "fails", "new")
    assert changes.added == ["channel new"]
    assert changes.kept == ["backend crm", "channel works", "channel fails"]
    assert house.states() == {"crm": "ok", "works": "ok", "fails": "broken", "new": "ok"}
    IS_INSTALLED.add("fails")
    changes = await house.change("works", "fails", "new")
    assert changes.replaced == ["channel fails"]
    assert house.states()["fails"] == "ok"


async def test_that_it_does_not_work_is_told_only_by_a_daemon_that_does(house: House) -> None:
    """Who examines a configuration, without running it, must leave nothing in the store."""
    events = house.gateway.store.writer.on_commit
    told: list[str] = []
    events.append(lambda done: told.extend(str(row.type) for row in done.recorded))
    await house.gateway.store.writer.do(register, Name("channel", "fails"))
    assert told == []
    async with house.roster.receiving():
        await house.gateway.store.writer.do(register, Name("channel", "fails"))
        assert told == ["channel.down"]


async def test_a_roster_that_takes_it_for_a_new_one_refuses_the_reload(house: House) -> None:
    """The sabotage twin."""
    house.roster.members["channel", "fails"].section = None
    IS_INSTALLED.add("new")
    with pytest.raises(ConfigError, match="channel fails cannot be made"):
        await house.change("works", "fails", "new")


@pytest.mark.parametrize("names", [("works", "fails", "new"), ("new",)])
async def test_a_new_channel_that_cannot_be_made_changes_nothing_at_all(
    house: House, names: tuple[str, ...]
) -> None:
    before = dict(house.roster.members)
    with pytest.raises(ConfigError, match="channel new cannot be made: its library is not there"):
        await house.change(*names)
    assert house.roster.members == before
    assert house.states() == {"crm": "ok", "works": "ok", "fails": "broken"}


async def test_a_channel_that_cannot_be_made_after_a_change_of_its_section_is_left_as_it_was(
    house: House,
) -> None:
    working = house.roster.members["channel", "works"]
    IS_INSTALLED.clear()
    with pytest.raises(ConfigError, match="channel works cannot be made"):
        await house.change("works", "fails", priority=7)
    assert house.roster.members["channel", "works"] is working


async def test_who_is_owed_something_and_is_not_at_work_is_named_with_the_reason(
    house: House,
) -> None:
    writer = house.gateway.store.writer
    for name in ("gone", "off", "idle"):
        known = await writer.do(register, Name("channel", name))
        if name != "idle":
            await writer.do(_owe, known.destination_id)
    await house.change("works", "fails", disabled="off")
    absent = house.roster.absent(await house.gateway.store.read(count_backlog))
    assert {one.name: one.state for one in absent} == {"gone": "absent", "off": "disabled"}
    said = {
        found.subject: f"{found.message}: {found.remedy}" for found in await house.owed_in_vain()
    }
    assert said == {
        "channel gone": "1 message is still owed to gone, which is not in the configuration:"
        " put it back, or omnigate queue drop --to gone",
        "channel off": "1 message is still owed to off, which is not enabled:"
        " set enabled = true, or omnigate queue drop --to off",
    }


def _owe(transaction: Any, items: Any) -> list[None]:
    for destination_id in items:
        transaction.connection.exec_driver_sql(
            "INSERT INTO lane (destination_id, stream, state, run_at, priority, pending, failures,"
            " retrying, lease_token, updated_at) VALUES (?, 'c', 1, 0, 0, 1, 0, 0, 0, 0)",
            (destination_id,),
        )
        transaction.connection.exec_driver_sql(
            "INSERT INTO outbox (destination_id, stream, message_id, attempts, created_at,"
            " expires_at, replay) VALUES (?, 'c', 'msg_1', 0, 0, 9999999999999, 0)",
            (destination_id,),
        )
    return [None] * len(items)


async def test_the_store_is_told_of_which_schemes_a_person_has_one_address(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = house.gateway.store
    assert store.one_each == {"user"}
    monkeypatch.setattr(Moody, "capabilities", omnigate.Capabilities(one_each=frozenset({"mood"})))
    await house.change("works", "fails")
    assert store.one_each == {"user", "mood"}
    await house.change()
    assert store.one_each == {"user"}
