"""``/v1/contacts/{id}/timeline``: one story over all channels, and who may read which part of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import omnigate
from omnigate.store.contacts import Merge, merge
from omnigate.store.conversations import StatusChange, Transfer, change_status, transfer

pytestmark = pytest.mark.anyio

NUMBER = "+79161234567"


class Phone(omnigate.CallChannel):
    """Admits everything; its desk does not run here, so nobody is rung."""

    kind = "call"

    def __init__(self) -> None:
        pass

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        until = datetime.now(UTC) + timedelta(hours=1)
        return omnigate.Admission(customer=omnigate.tel(wanted.number), expires_at=until)

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        return {}

    async def hang_up(self, call: omnigate.Call) -> None:
        return None

    def offer(self) -> omnigate.CallOffer:
        return omnigate.CallOffer(is_open=True, region="RU")


@pytest.fixture
async def world(world_with: Any, runner: Any) -> AsyncIterator[Any]:
    channels = [runner("app"), runner("other"), runner("phone", "call", channel=Phone())]
    async with world_with(channels=channels) as opened:
        yield opened


async def contact_of(world: Any, address: str) -> str:
    status, page = await world.operate("GET", "/v1/contacts", params={"address": address})
    assert status == 200
    return str(page["items"][0]["id"])


async def story(world: Any, who: str, headers: Any = None, **query: Any) -> list[dict[str, Any]]:
    """Read all pages, two entries each; nothing may come twice."""
    path, items = f"/v1/contacts/{who}/timeline", []
    wanted = {"limit": "2", **query}
    while True:
        ask = world.operate if headers is None else world.call
        more = {} if headers is None else {"headers": headers}
        status, page = await ask("GET", path, params=wanted, **more)
        assert status == 200, page
        items += page["items"]
        if page["next"] is None:
            break
        wanted["cursor"] = page["next"]
    ids = [item["id"] for item in items]
    assert len(ids) == len(set(ids))
    return items


def words(items: list[dict[str, Any]]) -> list[str]:
    """Return entries as their type, or what was said."""
    return [
        item["data"]["message"]["text"] if item["type"] == "message" else item["type"]
        for item in items
    ]


async def live(world: Any) -> str:
    """Have Anna write on two channels, be answered, called, handed on and let go; return her contact."""
    await world.receive("1", text="one")
    await world.receive("2", channel="other", text="two")
    await world.operate(
        "POST",
        "/v1/messages",
        json={"to": {"conversation": await world.conversation()}, "text": "answer"},
    )
    await world.operate(
        "POST", "/v1/calls", json={"number": NUMBER, "conversation": await world.conversation()}
    )
    anna, called = await contact_of(world, "user:anna"), await contact_of(world, f"tel:{NUMBER}")
    await world.store.writer.do(merge, Merge(anna, called))
    await world.store.writer.do(transfer, Transfer(await world.conversation(), "crm", None))
    said = omnigate.MessageEdited(
        external_id="e-1",
        conversation="anna",
        occurred_at=datetime.now(UTC),
        message_id="1",
        text="one, but better",
    )
    await world.inbox.put(world.channels["app"].key, [said])
    await world.store.writer.do(
        change_status, StatusChange(await world.conversation(), "closed", "api")
    )
    return anna


STORY = [
    "conversation.started",
    "one, but better",
    "conversation.started",
    "two",
    "answer",
    "conversation.started",
    "call",
    "contact.merged",
    "conversation.transferred",
    "conversation.closed",
]


async def test_everything_comes_once_in_order_as_it_is_now(world: Any) -> None:
    anna = await live(world)
    found = await story(world, anna, order="oldest")
    assert words(found) == STORY, "each conversation begins before what is in it"
    assert [item["id"][4:] for item in found] == sorted(item["id"][4:] for item in found)
    assert await story(world, anna) == found[::-1]
    (call,) = [item for item in found if item["type"] == "call"]
    assert call["data"]["call"]["state"] == "requested"
    assert call["channel"] == {"name": "phone", "kind": "call"}
    (handed,) = [item for item in found if item["type"] == "conversation.transferred"]
    assert handed["data"]["transfer"]["history"] == []
    assert handed["conversation"] == await world.conversation()


async def test_who_is_written_to_first_is_told_of_in_the_order_of_a_reader(world: Any) -> None:
    to = {"channel": "app", "address": "app:anna"}
    await world.operate("POST", "/v1/messages", json={"to": to, "text": "first"})
    found = await story(world, await contact_of(world, "app:anna"), order="oldest")
    assert words(found) == ["conversation.started", "first"]


async def test_whoever_was_merged_brings_their_story_along(world: Any) -> None:
    anna = await live(world)
    await world.receive("9", who="boris", text="nine")
    boris = await contact_of(world, "user:boris")
    await world.operate("PATCH", f"/v1/contacts/{boris}", json={"display_name": "Boris"})
    before = await story(world, boris)
    assert words(before) == ["contact.updated", "nine", "conversation.started"]
    await world.store.writer.do(merge, Merge(anna, boris))
    found = await story(world, anna)
    assert {item["id"] for item in before} < {item["id"] for item in found}
    assert await story(world, boris) == found


async def test_a_token_for_some_channels_reads_their_part_only(world: Any) -> None:
    anna = await live(world)
    narrow = await world.token("messages:read", channels=["other"])
    found = await story(world, anna, narrow)
    assert sorted(words(found)) == ["conversation.started", "two"]


async def test_a_message_that_is_sent_several_times_over_its_life_is_told_once(world: Any) -> None:
    await world.receive("1", text="one")
    for number in range(5):
        said = omnigate.MessageEdited(
            external_id=f"e-{number}",
            conversation="anna",
            occurred_at=datetime.now(UTC),
            message_id="1",
            text=f"edit {number}",
        )
        await world.inbox.put(world.channels["app"].key, [said])
    found = await story(world, await contact_of(world, "user:anna"))
    assert sorted(words(found)) == ["conversation.started", "edit 4"]


@pytest.mark.parametrize("cursor", ["x", "WyJuZXdlc3QiXQ", "WzEsMl0"])
async def test_a_cursor_of_another_list_is_refused(world: Any, cursor: str) -> None:
    await world.receive()
    path = f"/v1/contacts/{await contact_of(world, 'user:anna')}/timeline"
    assert (await world.operate("GET", path, params={"cursor": cursor}))[0] == 400
