"""Where events go, and how fast calls may follow each other."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from omnigate.backend import BackendConfig
from omnigate.flow.limiter import TokenBucket
from omnigate.flow.router import Receiver, RoutingTable
from omnigate.model.event import EventType
from omnigate.store.transaction import Target

RECEIVED, TYPING = EventType.MESSAGE_RECEIVED, EventType.TYPING


def table(**configs: dict[str, Any]) -> RoutingTable:
    receivers = {
        name: Receiver(name, number, BackendConfig(**config))
        for number, (name, config) in enumerate(configs.items(), start=1)
    }
    return RoutingTable(receivers, {"site": ["crm", "log"], "bot": ["bot"], "silent": []})


def test_an_event_goes_to_all_backends_of_its_channel_and_to_no_other() -> None:
    routes = table(crm={}, log={"order": "unordered"}, bot={})
    assert routes("site", RECEIVED, None) == (Target(1, True), Target(2, False))
    assert routes("bot", RECEIVED, None) == (Target(3, True),)
    assert routes("silent", RECEIVED, None) == routes("unknown", RECEIVED, None) == ()


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [(["*"], True), (["message.*"], True), (["message.received"], True), (["contact.*"], False)],
)
def test_a_backend_gets_only_the_types_it_asked_for(patterns: list[str], wanted: bool) -> None:
    assert bool(table(crm={"events": patterns})("site", RECEIVED, None)) == wanted


def test_a_transferred_conversation_goes_to_its_owner_alone_while_that_one_exists() -> None:
    routes = table(crm={}, log={}, bot={})
    assert routes("site", RECEIVED, "bot") == (Target(3, True),)
    assert routes("site", RECEIVED, "gone") == (Target(1, True), Target(2, True))


def test_an_event_of_a_contact_alone_goes_to_every_backend_once() -> None:
    routes = table(crm={}, log={}, bot={})
    assert routes(None, EventType.CONTACT_MERGED, None) == tuple(Target(n, True) for n in (1, 2, 3))


def test_a_route_may_name_a_backend_that_is_switched_off() -> None:
    assert table(log={})("site", RECEIVED, None) == (Target(1, True),)


def test_fleeting_events_go_only_to_those_who_asked_for_them() -> None:
    routes = table(crm={"include_ephemeral": True}, log={})
    assert routes.ephemeral("site", TYPING, None) == ["crm"]
    assert table(crm={})("site", RECEIVED, None)
    assert table(crm={}).ephemeral("site", TYPING, None) == []


def test_a_bucket_lets_a_burst_through_and_then_keeps_the_rate() -> None:
    bucket = TokenBucket(rate=1, per_seconds=60, burst=3)
    assert [bucket.try_acquire() for _ in range(5)] == [True] * 3 + [False] * 2


def test_those_who_wait_for_a_bucket_come_through_at_its_rate() -> None:
    async def take(count: int) -> float:
        bucket = TokenBucket(rate=100, burst=1)
        began = time.monotonic()
        await asyncio.gather(*(bucket.acquire() for _ in range(count)))
        return time.monotonic() - began

    assert 0.095 <= asyncio.run(take(11)) < 5
