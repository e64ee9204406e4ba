"""``/v1/stats``: how quickly customers are answered, to whoever may see the channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import omnigate

pytestmark = pytest.mark.anyio


async def answer(world: Any, who: str) -> None:
    """Answer on the platform itself."""
    said = omnigate.EchoMessage(
        external_id=f"e-{who}",
        conversation=who,
        occurred_at=datetime.now(UTC),
        recipient=omnigate.Profile(address=omnigate.Address(f"user:{who}")),
        text="there you are",
    )
    await world.inbox.put(world.channels["app"].key, [said])


async def test_tells_who_waits_and_how_long_answers_took(world: Any) -> None:
    await world.receive("1", who="anna")
    await world.receive("2", who="boris")
    await answer(world, "anna")
    headers = await world.token("messages:read")
    status, shown = await world.call("GET", "/v1/stats", headers=headers)
    assert status == 200
    app, other = shown["channels"]
    assert (app["channel"], app["waiting"], app["overdue"]) == ("app", 1, 0)
    assert app["longest_seconds"] >= 0
    assert (app["began"], app["answered"], app["closed"], app["missed"]) == (2, 1, 0, 0)
    assert app["first_response"]["count"] == app["response"]["count"] == 1
    assert app["response"]["p90_seconds"] >= app["response"]["median_seconds"] >= 0
    assert app["calls"] == {}
    nothing = {"channel": "other", "waiting": 0, "longest_seconds": None, "first_response": None}
    assert other.items() >= nothing.items()
    path = f"/v1/conversations/{await world.conversation(who='boris')}"
    _, conversation = await world.call("GET", path, headers=headers)
    assert conversation["waiting_since"] is not None
    path = f"/v1/conversations/{await world.conversation(who='anna')}"
    _, conversation = await world.call("GET", path, headers=headers)
    assert conversation["waiting_since"] is None


async def test_is_of_the_time_that_is_asked_about_and_of_a_day_if_none_is(world: Any) -> None:
    await world.receive("1", who="anna")
    headers = await world.token("messages:read")
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    _, shown = await world.call(
        "GET", f"/v1/stats?since={later}&until=2099-01-01T00:00:00Z", headers=headers
    )
    assert [one["began"] for one in shown["channels"]] == [0, 0]
    assert shown["channels"][0]["waiting"] == 1, "who waits, waits now"
    _, shown = await world.call("GET", "/v1/stats?until=2026-01-02T00:00:00Z", headers=headers)
    assert shown["since"] == "2026-01-01T00:00:00.000Z"
    query = "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z"
    assert (await world.call("GET", f"/v1/stats?{query}", headers=headers))[0] == 422


async def test_tells_only_of_channels_that_the_caller_may_see(world: Any) -> None:
    await world.receive("1", channel="other", who="anna")
    headers = await world.token("messages:read", channels=["app"])
    _, shown = await world.call("GET", "/v1/stats", headers=headers)
    assert [one["channel"] for one in shown["channels"]] == ["app"]
    for name in ("other", "nobody"):
        path = f"/v1/stats?channel={name}"
        assert (await world.call("GET", path, headers=headers))[0] == 404
    everything = await world.token("messages:read")
    _, shown = await world.call("GET", "/v1/stats?channel=other", headers=everything)
    assert [one["waiting"] for one in shown["channels"]] == [1]
    assert (await world.call("GET", "/v1/stats", headers=await world.token("media")))[0] == 403


async def test_the_operator_sees_who_waits_beside_each_channel(world: Any) -> None:
    await world.receive("1", who="anna")
    _, status = await world.operate("GET", "/admin/status")
    waits = {one["name"]: (one["waiting"], one["overdue"]) for one in status["channels"]}
    assert waits == {"app": (1, 0), "other": (0, 0)}
    assert status["channels"][0]["waiting_since"] is not None
