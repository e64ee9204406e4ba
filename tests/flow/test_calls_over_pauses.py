"""A channel of calls that is paused while some go on: at no moment are those who tell of them turned away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

import omnigate
from omnigate.config import ChannelSection, Config, Settings
from omnigate.flow import roster, steering
from omnigate.flow.supervisor import ChannelRunner
from omnigate.gateway import Gateway
from omnigate.store.callends import Resolution, resolve_calls
from omnigate.store.dials import Claim, DialOutcome, begin_dials, settle_dials
from omnigate.store.store import Store, open_store

pytestmark = pytest.mark.anyio

SECONDS = 60.0


class Phone(omnigate.CallChannel):
    """Calls whoever it is told to."""

    kind = "phone"

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        return omnigate.Admission(customer=omnigate.tel(wanted.number), expires_at=expires_at)

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        raise NotImplementedError

    async def hang_up(self, call: omnigate.Call) -> None:
        raise NotImplementedError

    def offer(self) -> omnigate.CallOffer:
        raise NotImplementedError


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


def configured(folder: Path, priority: int = 100) -> Config:
    config = omnigate.ChannelConfig(priority=priority)
    section = ChannelSection("phone", "phone", Phone, config)
    return Config(folder / "omnigate.toml", Settings(), {"phone": section})


@asynccontextmanager
async def daemon(store: Store, folder: Path) -> AsyncIterator[Gateway]:
    """Return the parts of a daemon just before it listens."""
    gateway = Gateway(configured(folder), store, lambda: None)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.roster.close()


def phone(gateway: Gateway) -> ChannelRunner:
    found = gateway.roster.channel("phone")
    assert found is not None
    return found


async def begun(gateway: Gateway) -> omnigate.Call:
    """Have a call begun."""
    call = await gateway.calls.request("phone", omnigate.CallWanted(number="+79161234567"))
    await gateway.store.writer.do(begin_dials, Claim("phone", 1))
    return call


async def ended(gateway: Gateway, call: omnigate.Call) -> None:
    """Have somebody say how a call ended of which nothing was heard."""
    held = DialOutcome(call_id=call.id, attempt=1, came="unknown", error="lost")
    await gateway.store.writer.do(settle_dials, held)
    await gateway.store.writer.do(resolve_calls, Resolution(call.id, "completed"))


async def check_a_restart(store: Store, folder: Path) -> None:
    async with daemon(store, folder) as before:
        await begun(before)
        await before.steering.pause("channel", "phone")
    async with daemon(store, folder) as after:
        assert phone(after).is_paused
        assert not phone(after).is_at_rest


async def test_a_daemon_knows_of_its_calls_before_it_listens(store: Store, tmp_path: Path) -> None:
    await check_a_restart(store, tmp_path)


async def test_a_daemon_that_looks_for_them_later_turns_them_away(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin."""
    monkeypatch.setattr(roster, "_goes_on", lambda member, calls: False)
    with pytest.raises(AssertionError):
        await check_a_restart(store, tmp_path)


async def test_it_runs_after_a_restart_until_the_last_of_them_has_ended(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "LOOK_SECONDS", 0.01)
    async with daemon(store, tmp_path) as before:
        call = await begun(before)
        await before.steering.pause("channel", "phone")
    async with daemon(store, tmp_path) as after, after.roster.receiving() as group:
        group.start_soon(after.steering.watch_drains)
        assert not phone(after).is_at_rest
        await ended(after, call)
        deadline = time.monotonic() + SECONDS
        while not phone(after).is_at_rest:
            assert time.monotonic() < deadline, "it is never at rest"
            await anyio.sleep(0.005)


async def test_one_without_calls_is_at_rest_after_a_restart(store: Store, tmp_path: Path) -> None:
    async with daemon(store, tmp_path) as before:
        await ended(before, await begun(before))
        await before.steering.pause("channel", "phone")
    async with daemon(store, tmp_path) as after:
        assert phone(after).is_at_rest


async def test_an_instance_that_a_reload_puts_in_place_hears_of_them_at_once(
    store: Store, tmp_path: Path
) -> None:
    async with daemon(store, tmp_path) as gateway:
        await begun(gateway)
        await gateway.steering.pause("channel", "phone")
        earlier = phone(gateway)
        await gateway.roster.change(configured(tmp_path, priority=7))
        assert phone(gateway) is not earlier
        assert not phone(gateway).is_at_rest


async def test_while_it_is_being_paused_it_is_never_at_rest(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    async with daemon(store, tmp_path) as gateway:
        await begun(gateway)
        read, write = store.read, store.writer.do

        async def reading(*arguments: Any) -> Any:
            seen.append(phone(gateway).is_at_rest)
            return await read(*arguments)

        async def writing(*arguments: Any) -> Any:
            seen.append(phone(gateway).is_at_rest)
            return await write(*arguments)

        monkeypatch.setattr(store, "read", reading)
        monkeypatch.setattr(store.writer, "do", writing)
        await gateway.steering.pause("channel", "phone")
    assert phone(gateway).is_paused
    assert seen
    assert not any(seen)
