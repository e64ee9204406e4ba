"""Before and after a message is sent: what it would become, who wants none, what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

import omnigate
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.testing import FakeHost
from tests.server.world import make_runner

pytestmark = pytest.mark.anyio


class Counting(omnigate.Channel):
    """Counts ten characters a segment, five segments a part."""

    kind = "counting"
    capabilities = omnigate.Capabilities(
        text_limit=5, measure=lambda text: -(-len(text) // 10), on_uncertain="hold"
    )

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError("nothing is sent here")

    def estimate(self, part: omnigate.OutboundPart) -> omnigate.Estimate | None:
        if "forbidden" in (part.text or ""):
            raise omnigate.Refused("forbidden_word", "the operators take no such word")
        if "puzzling" in (part.text or ""):
            raise KeyError("a mistake of the plugin's")
        length = len(part.text or "")
        segments = -(-length // 10)
        return omnigate.Estimate(
            segments=segments,
            encoding="plain",
            length=length,
            room=segments * 10 - length,
            cost=Decimal("0.05") * segments,
            currency="EUR",
        )


@pytest.fixture
async def texts(world_with: Callable[..., Any]) -> AsyncIterator[Any]:
    async with FakeHost("texts") as host:
        counting = Counting(omnigate.ChannelConfig(), host)
        runners = [make_runner("texts", "counting", channel=counting), make_runner("app")]
        async with world_with(channels=runners) as world:
            yield world


async def ask(world: Any, text: str, **more: Any) -> tuple[int, Any]:
    auth = await world.token("messages:send")
    body = {"to": {"channel": "texts", "address": "user:anna"}, "text": text, **more}
    status, answer = await world.call("POST", "/v1/messages?dry_run=true", headers=auth, json=body)
    return status, answer


async def test_what_a_message_would_become_and_cost_is_told_and_nothing_is_sent(texts: Any) -> None:
    status, told = await ask(texts, "a b c " * 10)
    assert status == 200
    assert [len(part["text"]) for part in told["parts"]] == [49, 10]
    assert [part["segments"] for part in told["parts"]] == [5, 1]
    assert (told["segments"], Decimal(told["cost"]), told["currency"]) == (
        6,
        Decimal("0.30"),
        "EUR",
    )
    assert told["parts"][1]["room"] == 0
    assert told["degraded"] == ["text: sent in 2 parts"]
    assert await texts.stored("message") == await texts.stored("conversation") == 0


async def test_what_would_be_refused_is_told_beforehand(texts: Any) -> None:
    status, problem = await ask(texts, "a forbidden word")
    assert (status, problem["code"]) == (422, "forbidden_word")


async def test_what_would_be_refused_is_not_queued(texts: Any) -> None:
    """Into a conversation and to an address alike: the CRM is told at once and not by an event."""
    await texts.receive(channel="texts")
    conversation = {"conversation": await texts.conversation("texts")}
    before = await texts.stored("message")
    for to in (conversation, {"channel": "texts", "address": "user:boris"}):
        status, problem = await write(texts, to, text="a forbidden word")
        assert (status, problem["code"]) == (422, "forbidden_word")
    assert await texts.stored("message") == before
    assert (await write(texts, conversation, text="a word"))[0] == 202


async def test_a_channel_that_fails_to_tell_beforehand_may_still_send(texts: Any) -> None:
    to = {"channel": "texts", "address": "user:anna"}
    assert (await write(texts, to, text="a puzzling word"))[0] == 202


async def test_a_conversation_that_the_company_begins_has_the_companys_subject(texts: Any) -> None:
    to = {"channel": "app", "address": "user:boris"}
    status, queued = await write(texts, to, subject="Your order")
    assert status == 202
    path, auth = f"/v1/conversations/{queued['conversation']}", await texts.token("messages:read")
    status, shown = await texts.call("GET", path, headers=auth)
    assert (status, shown["subject"]) == (200, "Your order")


async def test_a_channel_that_counts_nothing_tells_of_the_parts_alone(texts: Any) -> None:
    auth = await texts.token("messages:send")
    body = {"to": {"channel": "app", "address": "user:anna"}, "text": "hello"}
    status, told = await texts.call("POST", "/v1/messages?dry_run=true", headers=auth, json=body)
    assert (status, told["segments"], told["cost"]) == (200, None, None)
    assert [part["text"] for part in told["parts"]] == ["hello"]


async def test_an_answer_to_a_conversation_can_be_tried_too(texts: Any) -> None:
    await texts.receive(channel="texts")
    auth = await texts.token("messages:send")
    body = {"to": {"conversation": await texts.conversation("texts")}, "text": "hello"}
    status, told = await texts.call("POST", "/v1/messages?dry_run=true", headers=auth, json=body)
    assert (status, told["segments"]) == (200, 1)


async def blocks(world: Any, channel: str = "app", **more: Any) -> None:
    """Have anna want no messages any more."""
    kind = omnigate.ContactUnblocked if more.pop("again", False) else omnigate.ContactBlocked
    item = kind(
        external_id=f"{kind.__name__}:{channel}",
        conversation="anna",
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address("user:anna")),
    )
    await world.inbox.put(world.channels[channel].key, [item])


async def write(world: Any, to: dict[str, Any], **more: Any) -> tuple[int, Any]:
    auth = await world.token("messages:send")
    body = {"to": to, "text": "hi", **more}
    status, answer = await world.call("POST", "/v1/messages", headers=auth, json=body)
    return status, answer


@pytest.mark.parametrize("by", ["conversation", "address"])
async def test_who_wants_no_messages_gets_none_unless_it_is_forced(world: Any, by: str) -> None:
    await world.receive()
    to: dict[str, Any] = {"channel": "app", "address": "user:anna"}
    if by == "conversation":
        to = {"conversation": await world.conversation()}
    await blocks(world)
    before = await world.stored("message")
    status, problem = await write(world, to)
    assert (status, problem["code"]) == (409, "recipient_blocked")
    assert "force" in problem["detail"]
    assert await world.stored("message") == before
    status, _ = await write(world, to, force=True)
    assert status == 202


@pytest.mark.parametrize("by", ["conversation", "address"])
async def test_who_wants_no_messages_is_told_beforehand_too(world: Any, by: str) -> None:
    await world.receive()
    await blocks(world)
    to: dict[str, Any] = {"channel": "app", "address": "user:anna"}
    if by == "conversation":
        to = {"conversation": await world.conversation()}
    auth = await world.token("messages:send")
    for force, expected in ((False, 409), (True, 200)):
        body = {"to": to, "text": "hi", "force": force}
        status, _ = await world.call("POST", "/v1/messages?dry_run=true", headers=auth, json=body)
        assert status == expected


async def test_a_contact_who_is_written_to_first_has_the_number_that_was_written_to(
    world: Any,
) -> None:
    auth = await world.token("messages:send", "messages:read")
    await write(world, {"channel": "app", "address": "tel:+79161234567"})
    await write(world, {"channel": "app", "address": "mailto:anna@example.org"})
    status, found = await world.call("GET", "/v1/contacts", headers=auth)
    assert status == 200
    told = {(one.get("phone"), one.get("email")) for one in found["items"]}
    assert told == {("+79161234567", None), (None, "anna@example.org")}


async def test_who_wants_messages_again_gets_them(world: Any) -> None:
    await world.receive()
    await blocks(world)
    await blocks(world, again=True)
    status, _ = await write(world, {"conversation": await world.conversation()})
    assert status == 202


async def test_who_wants_none_on_one_channel_is_answered_on_another(world: Any) -> None:
    await world.receive()
    await world.receive("2", channel="other")
    await blocks(world, "app")
    status, _ = await write(world, {"conversation": await world.conversation("other")})
    assert status == 202


async def held(world: Any, texts: int = 1) -> str:
    """Queue a message and have its first part be unknown; return its id."""
    await world.receive(channel="texts")
    long = "word " * (texts * 9)
    _, queued = await write(world, {"conversation": await world.conversation("texts")}, text=long)
    await world.store.writer.do(settle_part, PartResult(queued["id"], 0, "unknown"))
    return str(queued["id"])


async def resolve(world: Any, message: str, state: str, **more: Any) -> tuple[int, Any]:
    auth = await world.token("messages:send", "messages:read")
    status, answer = await world.call(
        "POST", f"/v1/messages/{message}/resolve", headers=auth, json={"state": state, **more}
    )
    return status, answer


@pytest.mark.parametrize("state", ["sent", "delivered", "failed"])
async def test_what_became_of_an_unknown_message_is_told_once(texts: Any, state: str) -> None:
    message = await held(texts)
    status, answer = await resolve(texts, message, state)
    assert (status, answer["state"], answer["rest_waits"]) == (200, state, False)
    status, problem = await resolve(texts, message, state)
    assert (status, problem["code"]) == (409, "not_unknown")


async def test_a_message_with_parts_that_were_never_begun_is_not_whole_yet(texts: Any) -> None:
    message = await held(texts, texts=3)
    status, answer = await resolve(texts, message, "sent")
    assert (status, answer["rest_waits"]) == (200, True)


async def test_nobody_resolves_what_they_may_not_see(texts: Any) -> None:
    message = await held(texts)
    auth = await texts.token("messages:send", channels=["app"])
    status, _ = await texts.call(
        "POST", f"/v1/messages/{message}/resolve", headers=auth, json={"state": "sent"}
    )
    assert status == 404
