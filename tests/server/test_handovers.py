"""``/v1/handovers``: making links with which customers carry on elsewhere, and what became of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

import omnigate
from omnigate.server import limited
from omnigate.server.pages import seal
from tests.server.phone import Phone

pytestmark = pytest.mark.anyio


class Linked(omnigate.Channel):
    """Has a link with its token in it."""

    kind = "test"
    capabilities = omnigate.Capabilities()
    place = "go"

    def handover_link(self, token: str) -> str | None:
        return f"https://{self.place}.example/{token}" if self.place else None

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


def linked(place: str) -> Linked:
    channel = Linked(omnigate.ChannelConfig(), None)  # type: ignore[arg-type]  # needs no host
    channel.place = place
    return channel


@pytest.fixture
async def desk(world_with: Any, runner: Any) -> AsyncIterator[Any]:
    """Anna writes in the app; she can carry on with a bot or by mail."""
    channels = [
        runner("app", channel=linked("")),
        runner("bot", channel=linked("bot")),
        runner("mail", channel=linked("mail")),
        runner("forms", channel=linked("")),
    ]
    async with world_with(channels=channels) as world:
        await world.receive()
        yield world


async def ask(world: Any, status: int = 201, **more: Any) -> Any:
    body = {"conversation": await world.conversation(), **more}
    got, answer = await world.operate("POST", "/v1/handovers", json=body)
    assert got == status, answer
    return answer


async def test_links_come_with_images(desk: Any) -> None:
    answer = await ask(desk)
    assert [(link["channel"], link["kind"]) for link in answer["links"]] == [
        ("bot", "test"),
        ("mail", "test"),
    ]
    for link in answer["links"]:
        assert link["url"] == f"https://{link['channel']}.example/{answer['token']}"
        assert link["qr"].startswith("<svg ")
    assert answer["id"].startswith("hnd_")
    assert answer["expires_at"].endswith("Z")


async def test_it_is_followed_until_it_is_used(desk: Any) -> None:
    made = await ask(desk, channels=["bot"])
    path = f"/v1/handovers/{made['id']}"
    status, shown = await desk.operate("GET", path)
    assert (status, shown["state"], shown["used_in"]) == (200, "open", None)
    assert shown["channels"] == ["bot"]
    assert "token" not in shown
    await desk.receive("2", channel="bot", who="unknown", handover=made["token"])
    status, shown = await desk.operate("GET", path)
    assert (status, shown["state"]) == (200, "used")
    assert shown["used_in"] == await desk.conversation("bot", "unknown")


async def test_a_channel_without_a_link_gets_the_token_itself(desk: Any) -> None:
    made = await ask(desk, channels=["forms"])
    assert made["links"] == []
    await desk.receive("2", channel="forms", who="unknown", handover=made["token"])
    _, shown = await desk.operate("GET", f"/v1/handovers/{made['id']}")
    assert shown["state"] == "used"


@pytest.mark.parametrize(
    ("more", "status", "word"),
    [
        ({"conversation": "cnv_gone"}, 404, "omnigate conversation list"),
        ({"channels": ["gone"]}, 404, "there are app, bot, forms, mail"),
        ({"channels": []}, 422, "errors"),
        ({"channels": ["app"]}, 422, "is on 'app' already"),
        ({"lifetime_seconds": 59}, 422, "errors"),
        ({"lifetime_seconds": 30 * 24 * 3600 + 1}, 422, "errors"),
        ({"more": 1}, 422, "errors"),
    ],
)
async def test_what_cannot_be_made_is_told(
    desk: Any, more: dict[str, Any], status: int, word: str
) -> None:
    answer = await ask(desk, status, **more)
    assert word in answer["detail"]


async def test_whoever_was_erased_carries_on_nowhere(desk: Any) -> None:
    conversation = await desk.conversation()
    _, page = await desk.operate("GET", "/v1/contacts")
    await desk.operate("DELETE", f"/v1/contacts/{page['items'][0]['id']}")
    body = {"conversation": conversation}
    status, problem = await desk.operate("POST", "/v1/handovers", json=body)
    assert (status, problem["code"]) == (410, "gone")
    assert await desk.stored("handover") == 0


async def test_no_token_is_made_for_a_channel_that_can_take_none(
    world_with: Any, runner: Any
) -> None:
    channels = [runner("app", channel=linked("")), runner("phone", "call", channel=Phone())]
    async with world_with(channels=channels) as world:
        await world.receive()
        answer = await ask(world, 422, channels=["phone"])
        assert answer["code"] == "nowhere"
        assert "phone" in answer["detail"]
        assert await world.stored("handover") == 0


async def test_where_nothing_leads_anywhere_that_is_told(world: Any) -> None:
    await world.receive()
    answer = await ask(world, 422)
    assert answer["code"] == "nowhere"
    assert "omnigate channel list" in answer["detail"]


async def test_one_that_is_not_there_is_told(desk: Any) -> None:
    status, _ = await desk.operate("GET", "/v1/handovers/hnd_gone")
    assert status == 404


async def test_a_token_of_some_channels_sees_no_others(desk: Any) -> None:
    some = await desk.token("messages:send", "messages:read", channels=["app", "mail"])
    body = {"conversation": await desk.conversation()}
    status, made = await desk.call("POST", "/v1/handovers", json=body, headers=some)
    assert status == 201
    assert [link["channel"] for link in made["links"]] == ["mail"]
    status, _ = await desk.call(
        "POST", "/v1/handovers", json={**body, "channels": ["bot"]}, headers=some
    )
    assert status == 404
    whole = await ask(desk)
    await desk.receive("2", channel="bot", who="unknown", handover=whole["token"])
    status, shown = await desk.call("GET", f"/v1/handovers/{whole['id']}", headers=some)
    assert (status, shown["state"]) == (200, "used")
    assert (shown["used_in"], shown["channels"]) == (None, ["mail"])
    others = await desk.token("messages:send", "messages:read", channels=["bot"])
    status, _ = await desk.call("GET", f"/v1/handovers/{made['id']}", headers=others)
    assert status == 404
    status, _ = await desk.call("POST", "/v1/handovers", json=body, headers=others)
    assert status == 404


async def test_reading_is_not_enough_to_make_one(desk: Any) -> None:
    reader = await desk.token("messages:read")
    body = {"conversation": await desk.conversation()}
    status, _ = await desk.call("POST", "/v1/handovers", json=body, headers=reader)
    assert status == 403


async def say(world: Any, channel: str, address: str, **more: Any) -> None:
    """Have somebody write whose address the channel vouches for."""
    said = omnigate.InboundMessage(
        external_id=f"{address}-proven",
        conversation=address.partition(":")[2],
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address(address), verified=True),
        **more,
    )
    await world.inbox.put(world.channels[channel].key, [said])


async def told(world: Any, channel: str, who: str) -> Any:
    path = f"/v1/conversations/{await world.conversation(channel, who)}"
    _, shown = await world.operate("GET", path)
    return shown["context"]["handover"]


@pytest.mark.parametrize("erased", [False, True])
async def test_the_token_of_somebody_who_was_erased_tells_nothing(desk: Any, erased: bool) -> None:
    await say(desk, "app", "user:anna", text="It is me")
    made = await ask(desk)
    if erased:
        _, page = await desk.operate("GET", "/v1/contacts", params={"address": "user:anna"})
        status, _ = await desk.operate("DELETE", f"/v1/contacts/{page['items'][0]['id']}")
        assert status == 200
    await say(desk, "bot", "bot:7", handover=made["token"])
    handover = await told(desk, "bot", "7")
    if erased:
        assert handover is None or (handover["proven"], handover["messages"]) == (False, [])
    else:
        assert [message["text"] for message in handover["messages"]] == ["hello", "It is me"]


CANARY = "my address is Lime Street 5"
PAGE = "https://shop.example/orders/17"


async def move(world: Any) -> str:
    """Have Anna carry on with the bot, and return that conversation."""
    visit = omnigate.Context(page=PAGE, title="Order 17")
    await say(world, "app", "user:anna", text=CANARY, context=visit)
    made = await ask(world)
    await say(world, "bot", "bot:7", text="it is me", handover=made["token"])
    conversation: str = await world.conversation("bot", "7")
    return conversation


async def read_all(world: Any, conversation: str, auth: dict[str, str]) -> dict[str, str]:
    """Return what every list and every single thing of a conversation and its contact says."""

    async def text(path: str) -> str:
        status, body, _ = await world.ask("GET", path, headers=auth)
        assert status == 200, path
        return str(body.decode())

    shown = json.loads(await text(f"/v1/conversations/{conversation}"))
    events = json.loads(await text("/v1/events"))["items"]
    contact = f"/v1/contacts/{shown['contact']['id']}"
    paths = [f"/v1/events/{event['id']}" for event in events]
    paths += [f"/v1/conversations/{conversation}", f"/v1/conversations/{conversation}/messages"]
    paths += ["/v1/conversations", "/v1/events", "/v1/messages", "/v1/contacts", "/v1/calls"]
    paths += [contact, f"{contact}/timeline", f"{contact}/merges", "/v1/contacts/conflicts"]
    return {path: await text(path) for path in paths} | {"stream": await streamed(world, auth)}


async def streamed(world: Any, auth: dict[str, str]) -> str:
    """Return what a stream of all events so far says."""
    said, last = "", "it is me"
    async with (
        asyncio.timeout(20),
        world.session.get(
            f"{world.url}/v1/events/stream",
            headers={**auth, "Last-Event-ID": seal(0)},
        ) as answer,
    ):
        assert answer.status == 200
        while f'"text":"{last}"' not in said:
            said += (await answer.content.readline()).decode()
    return said


READING = ("messages:read", "events:read", "calls")


async def test_what_was_said_elsewhere_is_withheld_from_who_may_not_read_there(desk: Any) -> None:
    conversation = await move(desk)
    some = await desk.token(*READING, channels=["bot"])
    for path, text in (await read_all(desk, conversation, some)).items():
        assert CANARY not in text, path
        assert PAGE not in text, path
        assert "Order 17" not in text, path
    path = f"/v1/conversations/{conversation}"
    _, shown = await desk.call("GET", path, headers=some)
    handover = shown["context"]["handover"]
    assert (handover["channel"], handover["proven"], handover["withheld"]) == ("app", True, True)
    assert (handover["messages"], handover["page"], handover["title"]) == ([], None, None)
    _, log = await desk.call("GET", "/v1/events", headers=some)
    threads = [event["conversation"] for event in log["items"] if event["conversation"]]
    assert {thread["context"]["handover"]["withheld"] for thread in threads} == {True}


@pytest.mark.parametrize("channels", [None, ["bot", "app"]])
async def test_who_may_read_there_is_told_all(desk: Any, channels: list[str] | None) -> None:
    conversation = await move(desk)
    auth = await desk.token(*READING, channels=channels)
    found = await read_all(desk, conversation, auth)
    for path in (f"/v1/conversations/{conversation}", "/v1/events", "stream"):
        assert CANARY in found[path], path
        assert PAGE in found[path], path
        assert '"withheld":true' not in found[path], path


async def test_the_answer_to_a_change_withholds_it_too(desk: Any) -> None:
    conversation = await move(desk)
    some = await desk.token("messages:send", channels=["bot"])
    for change in ("close", "reopen"):
        path = f"/v1/conversations/{conversation}/{change}"
        status, shown = await desk.call("POST", path, headers=some)
        assert (status, shown["context"]["handover"]["messages"]) == (200, [])


async def test_without_the_look_at_the_caller_it_is_told(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited, "context_for", lambda caller, context: context)
    with pytest.raises(AssertionError, match="events"):
        await test_what_was_said_elsewhere_is_withheld_from_who_may_not_read_there(desk)
