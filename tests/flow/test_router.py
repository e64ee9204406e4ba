"""Where events go, and how fast calls may follow each other."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.backend import BackendConfig
from omnigate.flow.router import Receiver, RoutingTable, Way
from omnigate.model.event import EventType
from omnigate.store.transaction import Target

RECEIVED, TYPING = EventType.MESSAGE_RECEIVED, EventType.TYPING


def table(**configs: dict[str, Any]) -> RoutingTable:
    receivers = {
        name: Receiver(name, number, BackendConfig(**config))
        for number, (name, config) in enumerate(configs.items(), start=1)
    }
    ways = {"site": Way(["crm", "log"]), "bot": Way(["bot"]), "silent": Way()}
    return RoutingTable(receivers, {**ways, "watched": Way(["bot"], ["log", "bot"], 20)})


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


def test_observers_hear_of_everything_once_whoever_owns_the_conversation() -> None:
    routes = table(crm={}, log={}, bot={})
    bot, log, crm = (Target(number, True, 20) for number in (3, 2, 1))
    assert routes("watched", RECEIVED, None) == (bot, log)
    assert routes("watched", RECEIVED, "crm") == (crm, log, bot)
    assert routes("watched", RECEIVED, "log") == (log, bot)
    assert routes("watched", RECEIVED, "gone") == (bot, log)


def test_a_conversation_is_its_owners_and_before_that_all_its_backends_but_never_an_observers() -> (
    None
):
    routes = table(crm={}, log={}, bot={})
    assert list(routes.owners("site", None)) == ["crm", "log"]
    assert list(routes.owners("watched", None)) == ["bot"]
    assert list(routes.owners("watched", "crm")) == ["crm"]
    assert list(routes.owners("watched", "gone")) == ["bot"]
    assert list(routes.owners("nowhere", None)) == []


def test_a_channels_priority_is_that_of_its_lanes_but_not_of_reports() -> None:
    routes = table(crm={"events": ["*", "channel.*"]}, log={}, bot={"events": ["channel.*"]})
    assert [target.priority for target in routes("watched", RECEIVED, None)] == [20]
    assert {target.priority for target in routes("watched", EventType.CHANNEL_DOWN, None)} == {None}


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
