"""A plugin that cancels the task of its attempt fails that attempt, and nothing else ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import omnigate
from omnigate.flow import carriers
from omnigate.flow.carriers import BackendCarrier
from omnigate.flow.contained import PluginMisbehaved
from omnigate.flow.tasks import Tasks
from omnigate.model.event import Event
from omnigate.model.outbound import Reply
from omnigate.store.owing import Item, Lease

pytestmark = pytest.mark.anyio

SECONDS = 20.0


def cancel_myself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def at_once() -> None:
    cancel_myself()
    await asyncio.sleep(0)


async def again_and_again() -> None:
    try:
        await at_once()
    except asyncio.CancelledError:
        cancel_myself()
        cancel_myself()
        raise


async def on_the_way_out() -> None:
    cancel_myself()


async def never_ends() -> None:
    await asyncio.Event().wait()


class Bot(omnigate.Backend):
    """Does as it is told."""

    kind = "bot"

    def __init__(self, deed: Callable[[], Awaitable[None]]) -> None:
        self.deed = deed

    async def deliver(self, event: Event) -> Reply | None:
        await self.deed()
        return None


async def attempt(deed: Callable[[], Awaitable[None]], outcomes: list[Any]) -> None:
    """Make one attempt as the dispatcher does, and then what it does after one."""

    async def reply(event_id: str, reply: Reply, began_at: int) -> None:
        raise AssertionError("nothing replies here")

    carrier = BackendCarrier(Bot(deed), lambda text: text, reply, lambda: 0)
    lease = Lease(1, "cnv", 1, False, 0, None, [], 1)
    item = Item(1, 0, 0, 0, False, event_id="evt", event_type="message.received", body="{}")
    try:
        await carrier.carry(lease, item)
    except Exception as error:
        outcomes.append(type(error))
    else:
        outcomes.append(None)
    await asyncio.sleep(0)  # settling
    async with asyncio.timeout(SECONDS):
        await asyncio.sleep(0)
    outcomes.append("settled")


@pytest.mark.parametrize(
    ("deed", "outcome"),
    [(at_once, PluginMisbehaved), (again_and_again, PluginMisbehaved), (on_the_way_out, None)],
)
async def test_a_plugin_that_cancels_its_attempt_does_not_keep_the_outcome_from_being_settled(
    deed: Callable[[], Awaitable[None]], outcome: type[Exception] | None
) -> None:
    tasks, outcomes = Tasks(), list[Any]()
    tasks.start(attempt(deed, outcomes))
    assert await tasks.finish(SECONDS) == 0
    assert outcomes == [outcome, "settled"]


async def test_an_attempt_that_the_host_cancels_ends_without_an_outcome() -> None:
    tasks, outcomes = Tasks(), list[Any]()
    tasks.start(attempt(never_ends, outcomes))
    assert await tasks.finish(0.05) == 1
    assert (outcomes, tasks.running) == ([], set())


async def test_a_plugin_that_takes_too_long_is_still_a_destination_that_gives_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carriers, "DELIVER_SECONDS", 0.01)
    tasks, outcomes = Tasks(), list[Any]()
    tasks.start(attempt(never_ends, outcomes))
    assert await tasks.finish(SECONDS) == 0
    assert outcomes == [omnigate.DestinationUnavailable, "settled"]
