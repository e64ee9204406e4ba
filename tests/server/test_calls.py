"""``/v1/calls``: whom it calls, who may ask, and what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import omnigate
from omnigate.flow import dialling
from omnigate.store.dials import Claim, DialOutcome, begin_dials, settle_dials

pytestmark = pytest.mark.anyio

NUMBER = "+79161234567"


class Phone(omnigate.CallChannel):
    """Admits what is written as a number; its desk does not run here, so nobody is rung."""

    kind = "call"

    def __init__(self) -> None:
        self.wanted: list[omnigate.CallWanted] = []

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        self.wanted.append(wanted)
        if wanted.number.endswith("00"):
            raise omnigate.Refused("limit_reached", "this number was called too often today")
        return omnigate.Admission(
            customer=omnigate.tel(wanted.number),
            callback_at=wanted.callback_at,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
            agent=wanted.agent,
        )

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        return {}

    async def hang_up(self, call: omnigate.Call) -> None:
        return None

    def offer(self) -> omnigate.CallOffer:
        return omnigate.CallOffer(is_open=True, region="RU")


class Texts(omnigate.Channel):
    """Writes, and calls nobody."""

    kind = "test"
    capabilities = omnigate.Capabilities()

    def __init__(self) -> None:
        """Needs neither configuration nor host."""

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
async def world(world_with: Any, runner: Any, phone: Phone) -> AsyncIterator[Any]:
    channels = [runner("app", channel=Texts()), runner("phone", "call", channel=phone)]
    async with world_with(channels=channels) as opened:
        yield opened


async def ask(world: Any, *, key: str | None = None, **body: Any) -> tuple[int, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    answer: tuple[int, Any] = await world.operate("POST", "/v1/calls", json=body, headers=headers)
    return answer


async def contact_of(world: Any, **fields: str | None) -> str:
    await world.receive()
    _, page = await world.operate("GET", "/v1/contacts")
    contact = str(page["items"][0]["id"])
    if fields:
        await world.operate("PATCH", f"/v1/contacts/{contact}", json=fields)
    return contact


async def owner_of(world: Any, conversation: str) -> str:
    _, found = await world.operate("GET", f"/v1/conversations/{conversation}")
    return str(found["contact"]["id"])


async def test_a_call_is_asked_for_and_shown(world: Any, phone: Phone) -> None:
    status, made = await ask(
        world, number=NUMBER, agent="sales", client_ref="deal-7", ip="192.0.2.7"
    )
    assert status == 202
    assert (
        made.items()
        >= {
            "customer": NUMBER,
            "state": "requested",
            "channel": "phone",
            "agent": "sales",
            "client_ref": "deal-7",
            "source": "operator",
            "cancel_asked": False,
        }.items()
    )
    assert phone.wanted[0].ip == "192.0.2.7"
    assert await world.operate("GET", f"/v1/calls/{made['id']}") == (200, made)
    status, page = await world.operate("GET", "/v1/calls?state=requested&channel=phone")
    assert (status, page) == (200, {"items": [made], "next": None})
    assert await world.operate("GET", "/v1/calls?state=queued") == (
        200,
        {"items": [], "next": None},
    )


async def test_the_same_key_calls_once_and_another_body_is_refused(
    world: Any, phone: Phone
) -> None:
    first = await ask(world, key="k", number=NUMBER)
    assert await ask(world, key="k", number=NUMBER) == first
    assert len(phone.wanted) == 1
    status, problem = await ask(world, key="k", number="+79161234568")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


async def test_pages_go_on_where_they_ended(world: Any) -> None:
    ids = [(await ask(world, number=NUMBER))[1]["id"] for _ in range(3)]
    _, page = await world.operate("GET", "/v1/calls?limit=2")
    assert [item["id"] for item in page["items"]] == [ids[2], ids[1]]
    _, rest = await world.operate("GET", f"/v1/calls?limit=2&cursor={page['next']}")
    assert [item["id"] for item in rest["items"]] == [ids[0]]


async def test_a_contact_is_called_at_its_number(world: Any, phone: Phone) -> None:
    contact = await contact_of(world, phone="+79160000001")
    status, made = await ask(world, contact=contact)
    assert (status, made["customer"]) == (202, "+79160000001")


async def test_one_without_a_number_cannot_be_called(world: Any) -> None:
    contact = await contact_of(world)
    status, problem = await ask(world, contact=contact)
    assert (status, problem["code"]) == (422, "no_number")


async def test_whoever_a_conversation_is_with_is_called_and_it_is_referred_to(
    world: Any,
) -> None:
    await contact_of(world, phone="+79160000001")
    chat = await world.conversation()
    status, made = await ask(world, conversation=chat)
    assert (status, made["customer"], made["from_conversation"]) == (202, "+79160000001", chat)
    status, typed = await ask(world, conversation=chat, number=NUMBER)
    assert (status, typed["customer"], typed["from_conversation"]) == (202, NUMBER, chat)


async def test_a_conversation_with_a_number_is_called_at_that_number(
    world: Any, phone: Phone
) -> None:
    """Whom nobody reached at a second number is called there again, and not at the first."""
    anna = await contact_of(world)
    called = []
    for number in ("+79160000001", NUMBER):
        _, call = await ask(world, number=number)
        other = await owner_of(world, call["conversation"])
        await world.operate("POST", f"/v1/contacts/{anna}/merge", json={"contact": other})
        called.append(call)
    for earlier in called:
        status, made = await ask(world, conversation=earlier["conversation"])
        assert (status, made["customer"]) == (202, earlier["customer"])
        assert made["conversation"] == earlier["conversation"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, None),
        ({"number": NUMBER, "contact": "ctc_06f9cz3n8e5k1t7v2m4r0s9h6c"}, 422, None),
        ({"number": ""}, 422, None),
        ({"number": "  "}, 422, None),
        ({"contact": ""}, 422, None),
        ({"conversation": ""}, 422, None),
        ({"number": NUMBER, "ip": "hello"}, 422, None),
        ({"number": NUMBER, "ip": "fe80::1%eth0"}, 422, None),
        ({"number": NUMBER, "channel": "app"}, 422, "not_supported"),
        ({"number": NUMBER, "channel": "nope"}, 404, "no_channel"),
        ({"number": "+79161230000"}, 429, "limit_reached"),
        ({"contact": "ctc_06f9cz3n8e5k1t7v2m4r0s9h6c"}, 404, None),
        ({"conversation": "cnv_06f9cz3n8e5k1t7v2m4r0s9h6c"}, 404, None),
        ({"number": NUMBER, "region": "Russia"}, 422, None),
        ({"number": NUMBER, "caller_id": "+7"}, 422, None),
    ],
)
async def test_what_cannot_be_done_is_said(
    world: Any, body: Any, status: int, code: str | None
) -> None:
    answered, problem = await ask(world, **body)
    assert (answered, problem.get("code")) == (status, code), problem
    assert await world.stored("call") == 0


async def test_what_is_wrong_is_named_by_its_field(world: Any) -> None:
    for field, value in (("number", ""), ("ip", "hello"), ("channel", " ")):
        _, problem = await ask(world, **{"number": NUMBER, field: value})
        assert field in [mistake["path"] for mistake in problem["errors"]], problem


async def test_an_address_of_a_customer_counts_in_one_spelling(world: Any, phone: Phone) -> None:
    for spelling in ("2001:DB8:0::1", "2001:db8::1"):
        assert (await ask(world, number=NUMBER, ip=spelling))[0] == 202
    assert {wanted.ip for wanted in phone.wanted} == {"2001:db8::1"}


async def test_whoever_was_erased_is_not_called(world: Any) -> None:
    contact = await contact_of(world, phone="+79160000001")
    chat = await world.conversation()
    assert (await world.operate("DELETE", f"/v1/contacts/{contact}"))[0] == 200
    for wish in ({"contact": contact}, {"conversation": chat}):
        status, problem = await ask(world, **wish)
        assert (status, problem.get("code")) == (410, "gone"), problem
    assert (await ask(world, conversation=chat, number=NUMBER))[0] == 410
    assert await world.stored("call") == 0


async def test_a_channel_that_cannot_call_is_told_from_one_that_is_not_there(
    world_with: Any, runner: Any, phone: Phone
) -> None:
    broken = runner("broken", "call")
    broken.message = "no such driver"
    channels = [runner("app", channel=Texts()), runner("phone", "call", channel=phone), broken]
    async with world_with(channels=channels) as world:
        status, problem = await ask(world, number=NUMBER, channel="app")
        assert (status, problem["code"]) == (422, "not_supported")
        assert "of kind test and cannot call; phone can" in problem["detail"]
        status, problem = await ask(world, number=NUMBER, channel="broken")
        assert (status, "no such driver" in problem["detail"]) == (503, True)


async def test_one_that_is_switched_off_is_said_to_be(
    world_with: Any, runner: Any, phone: Phone
) -> None:
    channels = [runner("phone", "call", channel=phone)]
    async with world_with(channels=channels, configured=("phone", "second")) as world:
        status, problem = await ask(world, number=NUMBER, channel="second")
        assert (status, problem["code"]) == (404, "no_channel")
        assert "'second' is not enabled: set enabled = true" in problem["detail"]


async def test_what_a_channel_raises_is_a_503_and_nothing_is_stored(
    world: Any, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (omnigate.NotReady("no line"), KeyError("x")):

        async def broken(wanted: Any, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(phone, "admit", broken)
        assert (await ask(world, number=NUMBER))[0] == 503
    assert await world.stored("call") == 0


async def test_where_there_are_two_one_has_to_say_which(
    world_with: Any, runner: Any, phone: Phone
) -> None:
    channels = [runner(name, "call", channel=phone) for name in ("sales", "service")]
    async with world_with(channels=channels) as world:
        status, problem = await ask(world, number=NUMBER)
        assert (status, "sales, service" in problem["detail"]) == (422, True)
        assert (await ask(world, number=NUMBER, channel="sales"))[0] == 202


async def test_a_token_needs_the_scope_and_sees_its_channels_only(world: Any) -> None:
    _, made = await ask(world, number=NUMBER)
    path = f"/v1/calls/{made['id']}"
    wrong = await world.token("messages:send", "messages:read")
    assert (await world.call("GET", path, headers=wrong))[0] == 403
    elsewhere = await world.token("calls", channels=["app"])
    for method, at in (("GET", path), ("DELETE", path), ("POST", f"{path}/resolve")):
        body = {"json": {"state": "failed"}} if method == "POST" else {}
        assert (await world.call(method, at, headers=elsewhere, **body))[0] == 404
    assert await world.call("GET", "/v1/calls", headers=elsewhere) == (
        200,
        {"items": [], "next": None},
    )
    status, problem = await world.call(
        "POST", "/v1/calls", headers=elsewhere, json={"number": NUMBER}
    )
    assert (status, problem["code"]) == (403, "forbidden")
    named = {"number": NUMBER, "channel": "phone"}
    assert (await world.call("POST", "/v1/calls", headers=elsewhere, json=named))[0] == 404
    here = await world.token("calls", channels=["phone"])
    assert (await world.call("GET", path, headers=here))[1]["id"] == made["id"]
    contact = await contact_of(world, phone="+79160000001")
    hidden = {"contact": contact}
    assert (await world.call("POST", "/v1/calls", headers=here, json=hidden))[0] == 404
    made = await world.call("POST", "/v1/calls", headers=here, json={"number": NUMBER})
    assert made[1]["source"] == "api"


async def test_what_waits_is_taken_back_once(world: Any) -> None:
    _, made = await ask(world, number=NUMBER)
    path = f"/v1/calls/{made['id']}"
    status, gone = await world.operate("DELETE", path)
    assert (status, gone["state"]) == (200, "cancelled")
    status, problem = await world.operate("DELETE", path)
    assert (status, problem["code"]) == (409, "ended")


async def test_what_is_under_way_says_that_it_is_being_ended(world: Any) -> None:
    _, made = await ask(world, number=NUMBER)
    await world.store.writer.do(begin_dials, Claim("phone", 1))
    status, shown = await world.operate("DELETE", f"/v1/calls/{made['id']}")
    assert (status, shown["state"], shown["cancel_asked"]) == (200, "dialling", True)


async def test_what_the_platform_cannot_end_is_answered_with_its_reason(
    world: Any, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def hang_up(call: omnigate.Call) -> None:
        asked.append(call.id)
        raise omnigate.Refused("not_supported", "a call that has begun ends by itself")

    monkeypatch.setattr(phone, "hang_up", hang_up)
    running = asyncio.create_task(world.services.calls.run())
    try:
        _, made = await ask(world, number=NUMBER)
        path = f"/v1/calls/{made['id']}"
        async with asyncio.timeout(10):
            while (await world.operate("GET", path))[1]["state"] != "dialling":  # noqa: ASYNC110  # what changes tells nobody
                await asyncio.sleep(0.01)
        for _ in range(3):
            status, problem = await world.operate("DELETE", path)
            assert (status, problem["code"]) == (409, "not_supported")
            assert problem["detail"].startswith("The call goes on: a call that has begun ends by")
        assert asked == [made["id"]]
        assert (await world.operate("GET", path))[1]["state"] == "dialling"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_nobody_can_end_is_answered_at_once(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "END_SECONDS", 3600.0)
    _, made = await ask(world, number=NUMBER)
    await world.store.writer.do(begin_dials, Claim("phone", 1))
    world.services.channels()["phone"].channel = None
    running = asyncio.create_task(world.services.calls.run())
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(60):
            status, shown = await world.operate("DELETE", f"/v1/calls/{made['id']}")
        assert (status, shown["state"], shown["cancel_asked"]) == (200, "dialling", True)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_held_is_decided_once(world: Any) -> None:
    _, made = await ask(world, number=NUMBER)
    path = f"/v1/calls/{made['id']}/resolve"
    status, problem = await world.operate("POST", path, json={"state": "failed"})
    assert (status, problem["code"]) == (409, "not_unknown")
    await world.store.writer.do(begin_dials, Claim("phone", 1))
    held = DialOutcome(call_id=made["id"], attempt=1, came="unknown", error="lost")
    await world.store.writer.do(settle_dials, held)
    status, shown = await world.operate("POST", path, json={"state": "failed", "error": "no"})
    assert (status, shown["state"], shown["error"]) == (200, "failed", "no")


async def test_status_counts_them(world: Any) -> None:
    await ask(world, number=NUMBER)
    _, shown = await world.operate("GET", "/admin/status")
    assert shown["calls"] == [{"channel": "phone", "waiting": 1, "in_progress": 0, "unknown": 0}]
