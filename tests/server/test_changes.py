"""Editing, deleting and reacting through the API: what is queued, and what is refused and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

import omnigate
from omnigate.store.emptying import empty_messages
from omnigate.store.fade import fade_messages
from omnigate.store.lanes import Claim, claim
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.settling import Settlement, settle
from omnigate.testing import FakeHost

pytestmark = pytest.mark.anyio


class Slate(omnigate.Channel):
    """A platform on which everything can be changed."""

    kind = "slate"
    capabilities: ClassVar = omnigate.Capabilities(
        text_limit=20,
        buttons=frozenset({"reply"}),
        location=True,
        changes=frozenset({"edit", "delete", "react"}),
    )

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


@pytest.fixture
def slate(world: Any) -> Any:
    world.channels["app"].channel = Slate(omnigate.ChannelConfig(), FakeHost("app"))
    return world


async def sent(world: Any, auth: dict[str, str], text: str = "hi", **more: Any) -> str:
    """Have a message sent, and return its id."""
    await world.receive("q")
    body = {"to": {"conversation": await world.conversation()}, "text": text, **more}
    _, queued = await world.call("POST", "/v1/messages", headers=auth, json=body)
    message = str(queued["id"])
    _, shown = await world.call("GET", f"/v1/messages/{message}", headers=auth)
    destination = world.channels["app"].destination_id
    claimed = await world.store.writer.do(claim, Claim(destination, 5, 5, 5, 60_000))
    for part in shown["parts"]:
        result = PartResult(message, part["index"], "sent", f"p-{part['index']}")
        await world.store.writer.do(settle_part, result)
    [lease] = claimed.leases
    done = Settlement(lease, lease.items[0], "delivered", last=True)
    await world.store.writer.do(settle, done)
    return message


async def asked(world: Any) -> list[Any]:
    """Return what the channel is asked next."""
    destination = world.channels["app"].destination_id
    claimed = await world.store.writer.do(claim, Claim(destination, 5, 5, 5, 60_000))
    return [item.job.part for lease in claimed.leases for item in lease.items if item.job]


async def token(world: Any) -> dict[str, str]:
    return dict(await world.token("messages:send", "messages:read"))


async def test_an_edit_is_queued_for_the_channel(slate: Any) -> None:
    auth = await token(slate)
    message = await sent(slate, auth)
    status, answer = await slate.call(
        "PATCH", f"/v1/messages/{message}", headers=auth, json={"text": "better"}
    )
    assert (status, answer["id"], answer["action"]) == (202, message, "edit")
    [change] = await asked(slate)
    assert (change.action, change.external_id, change.text) == ("edit", "p-0", "better")


async def test_every_part_of_a_long_message_is_edited_and_deleted(slate: Any) -> None:
    auth = await token(slate)
    message = await sent(slate, auth, "one two three four five six seven")
    status, problem = await slate.call(
        "PATCH", f"/v1/messages/{message}", headers=auth, json={"text": "short"}
    )
    assert (status, problem["code"]) == (422, "does_not_fit")
    assert "2 parts" in problem["detail"]
    assert "one part" in problem["detail"]
    status, _ = await slate.call("DELETE", f"/v1/messages/{message}", headers=auth)
    assert status == 202
    [change] = await asked(slate)
    assert (change.action, change.external_id) == ("delete", "p-0")
    following = await slate.store.writer.do(
        settle_part, PartResult(message, change.index, "sent", action="delete")
    )
    assert following.part.external_id == "p-1"


async def test_the_company_reacts_to_what_a_customer_said(slate: Any) -> None:
    auth = await token(slate)
    recorded = await slate.receive("17")
    path = f"/v1/messages/{recorded.message_id}"
    status, _ = await slate.call("PUT", f"{path}/reaction", headers=auth, json={"emoji": ["👍"]})
    assert status == 202
    [change] = await asked(slate)
    assert (change.action, change.external_id, change.emoji) == ("react", "17", ["👍"])
    for method, body in (("PATCH", {"text": "x"}), ("DELETE", None)):
        status, problem = await slate.call(method, path, headers=auth, json=body)
        assert (status, problem["code"]) == (422, "not_sent")


async def test_the_same_key_changes_once(slate: Any) -> None:
    auth = await token(slate)
    message = await sent(slate, auth)
    keyed = {**auth, "Idempotency-Key": "k-1"}
    for _ in range(2):
        status, _ = await slate.call("DELETE", f"/v1/messages/{message}", headers=keyed)
        assert status == 202
    assert await slate.stored("outbox") == 1


async def test_what_was_not_sent_cannot_be_changed(slate: Any) -> None:
    auth = await token(slate)
    await slate.receive("q")
    body = {"to": {"conversation": await slate.conversation()}, "text": "hi"}
    _, queued = await slate.call("POST", "/v1/messages", headers=auth, json=body)
    path = f"/v1/messages/{queued['id']}"
    status, problem = await slate.call("PATCH", path, headers=auth, json={"text": "x"})
    assert (status, problem["code"]) == (422, "not_sent")
    assert "queued" in problem["detail"]


async def test_an_edit_to_nothing_is_no_edit(slate: Any) -> None:
    auth = await token(slate)
    path = f"/v1/messages/{await sent(slate, auth)}"
    status, problem = await slate.call("PATCH", path, headers=auth, json={"text": " "})
    assert (status, problem["code"]) == (422, "does_not_fit")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"text": "x"}),
        ("DELETE", "", None),
        ("PUT", "/reaction", {"emoji": []}),
    ],
    ids=["edit", "delete", "react"],
)
async def test_a_channel_that_cannot_says_so_and_strangers_messages_do_not_exist(
    world: Any, method: str, path: str, body: Any
) -> None:
    auth = await token(world)
    address = f"/v1/messages/{await sent(world, auth)}{path}"
    status, problem = await world.call(method, address, headers=auth, json=body)
    assert (status, problem["code"]) == (422, "not_supported")
    other = await world.token("messages:send", channels=["other"])
    status, _ = await world.call(method, address, headers=other, json=body)
    assert status == 404
    reader = await world.token("messages:read")
    status, _ = await world.call(method, address, headers=reader, json=body)
    assert status == 403


async def test_a_message_whose_text_is_not_kept_is_not_edited_but_can_be_taken_back(
    slate: Any,
) -> None:
    auth = await token(slate)
    message = await sent(slate, auth)
    await slate.store.writer.do(fade_messages, [message])
    path = f"/v1/messages/{message}"
    status, problem = await slate.call("PATCH", path, headers=auth, json={"text": "better"})
    assert (status, problem["code"]) == (410, "gone")
    assert (await slate.call("DELETE", path, headers=auth))[0] == 202


async def test_what_was_changed_on_the_platform_itself_can_be_changed_from_here_too(
    slate: Any,
) -> None:
    auth, key = await token(slate), slate.channels["app"].key
    place: dict[str, Any] = {"conversation": "anna", "occurred_at": datetime.now(UTC)}
    whom = omnigate.Profile(address=omnigate.Address("user:anna"))
    echo = omnigate.EchoMessage(external_id="55", recipient=whom, text="before", **place)
    (recorded,) = await slate.inbox.put(key, [echo])
    edited = omnigate.MessageEdited(external_id="56", message_id="55", text="then", **place)
    await slate.inbox.put(key, [edited])
    path = f"/v1/messages/{recorded.message_id}"
    status, _ = await slate.call("PATCH", path, headers=auth, json={"text": "now"})
    assert status == 202
    [change] = await asked(slate)
    assert (change.external_id, change.text) == ("55", "now")


async def test_beside_a_point_on_the_map_only_the_text_is_edited(slate: Any) -> None:
    auth = await token(slate)
    yes = {"label": "Yes", "kind": "reply", "value": "y"}
    message = await sent(
        slate, auth, location={"latitude": 55.75, "longitude": 37.62}, buttons=[[yes]]
    )
    path = f"/v1/messages/{message}"
    status, problem = await slate.call("PATCH", path, headers=auth, json={"text": "here"})
    assert (status, problem["code"]) == (422, "does_not_fit")
    wanted = {"text": "here", "buttons": [[yes]]}
    assert (await slate.call("PATCH", path, headers=auth, json=wanted))[0] == 202
    [change] = await asked(slate)
    assert (change.external_id, change.text, change.buttons) == ("p-0", "here", [])
    following = await slate.store.writer.do(
        settle_part, PartResult(message, change.index, "sent", action="edit")
    )
    assert following is None


async def test_the_queue_shows_what_is_to_be_changed_and_not_the_message(slate: Any) -> None:
    """Step by step; what was emptied meanwhile is shown as erased."""
    auth = await token(slate)
    message = await sent(slate, auth, "one two three four five six seven")
    path = f"/v1/messages/{message}"
    await slate.call("PUT", f"{path}/reaction", headers=auth, json={"emoji": ["👍"]})
    await slate.call("DELETE", path, headers=auth)
    _, page = await slate.operate("GET", "/admin/queue/items")
    shown = {}
    for item in page["items"]:
        _, in_full = await slate.operate("GET", f"/admin/queue/items/{item['id']}")
        assert in_full["action"] == item["action"]
        shown[item["action"]] = in_full["content"]
    told = {"state": "queued", "error": None}
    assert shown == {
        "react": {
            "message": message,
            "action": "react",
            "steps": [{"external_id": "p-0", **told, "emoji": ["👍"]}],
        },
        "delete": {
            "message": message,
            "action": "delete",
            "steps": [{"external_id": name, **told} for name in ("p-0", "p-1")],
        },
    }
    await slate.store.writer.do(empty_messages, [message])
    _, in_full = await slate.operate("GET", f"/admin/queue/items/{page['items'][0]['id']}")
    assert (in_full["action"], in_full["content"]) == ("react", None)
