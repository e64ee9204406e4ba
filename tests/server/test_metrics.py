"""``/metrics`` over the socket: of one daemon only, in the form that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

import omnigate
from omnigate.config.tables import Admin
from omnigate.server.measures import METRICS
from omnigate.store.callends import Held, hold_calls
from omnigate.store.callrequests import Asked, request_calls
from omnigate.store.dials import Claim, begin_dials
from omnigate.store.threads import ChannelKey

pytestmark = pytest.mark.anyio


async def scrape(world: Any, accept: str = "") -> tuple[str, str]:
    async with world.admin.get("/metrics", headers={"Accept": accept}) as answer:
        assert answer.status == 200
        return await answer.text(), answer.headers["Content-Type"]


async def value(world: Any, name: str, **labels: str) -> float:
    text, _ = await scrape(world)
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def test_two_daemons_in_one_process_know_nothing_of_each_other(
    open_world_at: Any, tmp_path: Any
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with open_world_at(tmp_path / "a") as one, open_world_at(tmp_path / "b") as other:
        await one.receive("1")
        await one.receive("2")
        await other.receive("1")
        stored = {"channel": "app", "outcome": "stored"}
        assert await value(one, "omnigate_intake_total", **stored) == 2
        assert await value(other, "omnigate_intake_total", **stored) == 1


async def test_is_written_as_the_caller_understands_it(world: Any) -> None:
    text, kind = await scrape(world)
    assert kind.startswith("text/plain")
    assert list(text_string_to_metric_families(text))
    text, kind = await scrape(world, "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert list(openmetrics(text))  # type: ignore[no-untyped-call]  # the library's parser has no types


async def test_is_described_for_the_operator_and_unknown_to_the_public(world: Any) -> None:
    _, described = await world.operate("GET", "/v1/openapi.json")
    assert "/metrics" in described["paths"]
    status, described = await world.call("GET", "/v1/openapi.json")
    assert status == 200
    assert "/metrics" not in described["paths"]
    assert (await world.call("GET", "/metrics"))[0] == 404


async def test_customers_cannot_make_series(world: Any) -> None:
    async def series() -> set[str]:
        text, _ = await scrape(world)
        return {line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"}

    await world.receive("1")
    before = await series()
    for number in range(20):
        await world.receive(f"x-{number}", who=f"somebody-{number}")
        await world.call("POST", f"/channels/unknown-{number}/messages", json={})
        await world.call("GET", f"/nothing/{number}")
    assert await series() == before


async def test_a_refusal_of_ours_is_counted_as_one(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(world.inbox, "disk_is_low", lambda: True)
    with pytest.raises(omnigate.Overloaded):
        await world.receive("1")
    assert await value(world, "omnigate_intake_total", channel="app", outcome="refused") == 1
    assert await value(world, "omnigate_intake_total", channel="app", outcome="stored") == 0


async def test_refused_calls_are_counted_by_the_rule(runner: Any, world_with: Any) -> None:
    class Phone(omnigate.CallChannel):
        kind = "call"

        def __init__(self) -> None:
            pass

        async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
            raise omnigate.Refused("do_not_call", "they want none")

        async def dial(self, call: omnigate.Call) -> dict[str, str]:
            raise AssertionError("nobody is called")

        async def hang_up(self, call: omnigate.Call) -> None:
            raise AssertionError("nobody is called")

        def offer(self) -> omnigate.CallOffer:
            return omnigate.CallOffer(is_open=True, region="RU")

    async with world_with(channels=[runner("phone", "call", channel=Phone())]) as world:
        for _ in range(2):
            status, _ = await world.operate("POST", "/v1/calls", json={"number": "+79161234567"})
            assert status == 422
        name = "omnigate_calls_refused_total"
        assert await value(world, name, channel="phone", code="do_not_call") == 2


def test_names_follow_the_rules_of_prometheus() -> None:
    for row in METRICS:
        assert row.name.startswith("omnigate_")
        assert row.name.endswith("_total") == (row.kind == "counter"), row.name
        assert "le" not in row.labels
        assert row.help.endswith(".")
    assert len({row.name for row in METRICS}) == len(METRICS)


@pytest.mark.parametrize("address", ["127.0.0.1:9464", "[::1]:9464", "localhost:0", "127.8.9.1:1"])
def test_the_port_may_be_on_loopback(address: str) -> None:
    assert Admin(metrics_listen=address).metrics_listen == address


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:9464", "[::]:9464", "192.168.1.5:9464", "metrics.example.org:9464", ":9464", "9464"],
)
def test_the_port_may_be_nowhere_else(address: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Admin(metrics_listen=address)


async def test_calls_that_a_channel_has_left_behind_are_counted_when_it_is_gone(
    runner: Any, world_with: Any
) -> None:
    async with world_with(channels=[runner("app")]) as world:
        until = datetime.now(UTC) + timedelta(hours=1)
        wanted = omnigate.CallWanted(number="+79161234567")
        asked = Asked(ChannelKey("phone", "call"), wanted, omnigate.tel(wanted.number), until)
        call = await world.store.writer.do(request_calls, asked)
        await world.store.writer.do(begin_dials, Claim("phone", 1))
        await world.store.writer.do(hold_calls, Held(call.id, "nobody hears of it"))
        name = "omnigate_calls_open"
        assert await value(world, name, channel="phone", state="unknown") == 1
