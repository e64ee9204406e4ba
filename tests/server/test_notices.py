"""Writing first: which address of a contact a message goes to, and whom notices may go to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

import omnigate
from omnigate.store.contacts import Merge, merge
from omnigate.store.schema import address, event, event_body

pytestmark = pytest.mark.anyio

ONE, TWO = "tel:+79161234501", "tel:+79161234502"


class Texts(omnigate.Channel):
    """Writes to numbers, and to nobody else."""

    kind = "texts"
    capabilities = omnigate.Capabilities()

    def conversation_of(self, address: omnigate.Address) -> str:
        if address.scheme != "tel":
            raise omnigate.Refused("bad_address", "write tel:+…")
        return address.path

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


def texts(**config: Any) -> Texts:
    return Texts(omnigate.ChannelConfig(**config), None)  # type: ignore[arg-type]  # needs no host


@pytest.fixture
async def world(world_with: Any, runner: Any) -> AsyncIterator[Any]:
    careful = omnigate.ChannelConfig(notices="consent")
    channels = [
        runner("app"),
        runner("sms", "texts", channel=texts()),
        runner("careful", "texts", channel=texts(), config=careful),
    ]
    async with world_with(channels=channels) as opened:
        yield opened


async def write(world: Any, who: str, *, channel: str = "sms", verified: bool = False) -> str:
    """Have somebody write from an address; return their contact."""
    at = omnigate.Address(who)
    said = omnigate.InboundMessage(
        external_id=f"{who}-{datetime.now(UTC).timestamp()}",
        conversation=at.path,
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=at, verified=verified),
        text="hello",
    )
    await world.inbox.put(world.channels[channel].key, [said])
    status, page = await world.operate("GET", "/v1/contacts", params={"address": who})
    assert status == 200
    return str(page["items"][0]["id"])


async def both(world: Any, *, verified: str = "") -> str:
    """Return a contact with both numbers, the second one used last."""
    one = await write(world, ONE, verified=verified == ONE)
    two = await write(world, TWO, verified=verified == TWO)
    await world.store.writer.do(merge, Merge(one, two))
    return one


async def send(
    world: Any, who: str, *, channel: str = "sms", headers: Any = None, **more: Any
) -> tuple[int, Any]:
    """Write to a contact, or to an address; return the status, and the address or why not."""
    to = {"channel": channel, "contact" if who.startswith("ctc_") else "address": who}
    body = {"to": to, "text": "your order is here", **more}
    if headers is None:
        status, answer = await world.operate("POST", "/v1/messages", json=body)
    else:
        status, answer = await world.call("POST", "/v1/messages", json=body, headers=headers)
    if status != 202:
        return status, answer.get("code") or answer["detail"]
    _, shown = await world.operate("GET", f"/v1/messages/{answer['id']}")
    return status, shown["address"]


async def agree(world: Any, who: str, at: str, state: str, **more: Any) -> dict[str, Any]:
    status, answer = await world.operate(
        "PUT", f"/v1/contacts/{who}/consents", json={"address": at, "state": state, **more}
    )
    assert status == 200, answer
    return dict(answer)


async def block(world: Any, at: str, *, channel: str = "sms") -> None:
    item = omnigate.ContactBlocked(
        external_id=f"stop-{at}",
        conversation=omnigate.Address(at).path,
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address(at)),
    )
    await world.inbox.put(world.channels[channel].key, [item])


async def told(world: Any, kind: str = "contact.updated") -> list[str]:
    def bodies(connection: Any) -> list[str]:
        return list(
            connection.scalars(
                select(event_body.c.body)
                .join(event, event.c.position == event_body.c.position)
                .where(event.c.type == kind)
            )
        )

    found: list[str] = await world.store.read(bodies)
    return found


class TestTheAddress:
    async def test_the_latest_used_of_equals_is_taken(self, world: Any) -> None:
        assert await send(world, await both(world)) == (202, TWO)

    async def test_a_proven_one_goes_before_one_that_was_used_later(self, world: Any) -> None:
        assert await send(world, await both(world, verified=ONE)) == (202, ONE)

    async def test_one_where_they_want_no_messages_is_not_taken(self, world: Any) -> None:
        who = await both(world)
        await block(world, TWO)
        assert await send(world, who) == (202, ONE)
        await block(world, ONE)
        assert await send(world, who) == (409, "recipient_blocked")
        # The block was the latest that happened there.
        assert await send(world, who, force=True) == (202, ONE)

    async def test_one_is_begun_with_who_was_never_written_to_there(self, world: Any) -> None:
        who = await both(world)
        assert await send(world, who, channel="careful") == (202, TWO)
        page = await world.operate("GET", "/v1/conversations", params={"channel": "careful"})
        assert page[1]["items"][0]["contact"]["id"] == who

    async def test_it_says_where_they_are_known_when_the_channel_cannot_reach_them(
        self, world: Any
    ) -> None:
        who = await write(world, "user:anna", channel="app")
        status, answer = await world.operate(
            "POST", "/v1/messages", json={"to": {"channel": "sms", "contact": who}, "text": "x"}
        )
        assert (status, answer["code"]) == (422, "no_address")
        assert "'sms'" in answer["detail"]
        assert "user:" in answer["detail"]

    async def test_a_channel_that_takes_any_address_writes_where_they_wrote_from(
        self, world: Any
    ) -> None:
        anna = await write(world, "user:anna", channel="app")
        assert await send(world, await both(world), channel="app") == (422, "no_address")
        await world.store.writer.do(merge, Merge(anna, await write(world, ONE, verified=True)))
        assert await send(world, anna, channel="app") == (202, "user:anna")

    async def test_who_was_merged_is_written_to_as_who_they_are_now(self, world: Any) -> None:
        one = await write(world, ONE)
        two = await write(world, TWO)
        await world.store.writer.do(merge, Merge(one, two))
        assert await send(world, two) == (202, TWO)

    async def test_who_is_unknown_erased_or_elsewhere_is_said_to_be(self, world: Any) -> None:
        who = await write(world, ONE)
        assert (await send(world, f"ctc_{'0' * 26}"))[0] == 404
        assert (await send(world, who, channel="nothing"))[0] == 404
        narrow = await world.token("messages:send", channels=["app"])
        assert (await send(world, who, channel="app", headers=narrow))[0] == 404
        await world.operate("DELETE", f"/v1/contacts/{who}")
        assert await send(world, who) == (410, "gone")

    async def test_a_dry_run_chooses_alike(self, world: Any) -> None:
        who = await both(world)
        await block(world, TWO)
        await block(world, ONE)
        body = {"to": {"channel": "sms", "contact": who}, "text": "x"}
        path = "/v1/messages?dry_run=true"
        assert (await world.operate("POST", path, json=body))[0] == 409
        assert (await world.operate("POST", path, json={**body, "force": True}))[0] == 200


class TestNotices:
    async def test_known_customers_get_them_unless_they_have_refused(self, world: Any) -> None:
        who = await write(world, ONE)
        for to in (who, ONE):
            assert await send(world, to, purpose="notice") == (202, ONE)
        await agree(world, who, ONE, "refused")
        for to in (who, ONE):
            assert await send(world, to, purpose="notice") == (409, "consent_refused")
            assert await send(world, to) == (202, ONE)
            assert await send(world, to, purpose="notice", force=True) == (202, ONE)

    async def test_strangers_get_none(self, world: Any) -> None:
        assert await send(world, ONE, purpose="notice") == (409, "not_known")
        assert await send(world, ONE, purpose="notice", force=True) == (202, ONE)

    async def test_where_consent_is_needed_nothing_goes_without(self, world: Any) -> None:
        who = await write(world, ONE)
        for to in (who, ONE):
            assert await send(world, to, channel="careful", purpose="notice") == (409, "no_consent")
        assert await send(world, TWO, channel="careful", purpose="notice") == (409, "no_consent")
        await agree(world, who, ONE, "granted")
        for to in (who, ONE):
            assert await send(world, to, channel="careful", purpose="notice") == (202, ONE)
        await agree(world, who, ONE, "unknown")
        assert await send(world, who, channel="careful", purpose="notice") == (409, "no_consent")

    async def test_an_address_that_agrees_goes_before_a_proven_one(self, world: Any) -> None:
        who = await both(world, verified=ONE)
        await agree(world, who, TWO, "granted")
        assert await send(world, who, channel="careful", purpose="notice") == (202, TWO)
        assert await send(world, who, channel="careful") == (202, ONE)

    async def test_into_a_conversation_they_are_notices_too(self, world: Any) -> None:
        who = await write(world, ONE)
        await agree(world, who, ONE, "refused")
        to = {"conversation": await world.conversation("sms", omnigate.Address(ONE).path)}
        body = {"to": to, "text": "x", "purpose": "notice"}
        for path in ("/v1/messages", "/v1/messages?dry_run=true"):
            status, answer = await world.operate("POST", path, json=body)
            assert (status, answer["code"]) == (409, "consent_refused")

    async def test_a_block_stands_whatever_was_agreed(self, world: Any) -> None:
        who = await write(world, ONE)
        await agree(world, who, ONE, "granted")
        await block(world, ONE)
        assert await send(world, who, purpose="notice") == (409, "recipient_blocked")


class TestConsents:
    async def test_they_are_shown_told_and_kept_with_their_source(self, world: Any) -> None:
        who = await both(world)
        shown = await agree(world, who, ONE, "granted", source="the form of 2026-11-22")
        assert [known["consent"] for known in shown["addresses"]] == ["granted", None]
        assert await world.operate("GET", f"/v1/contacts/{who}") == (200, shown)
        (body,) = await told(world)
        assert '"changed":["consents"]' in body
        assert '"consent":"granted"' in body

        def kept(connection: Any) -> Any:
            return connection.execute(select(address).where(address.c.address == ONE)).one()

        row = await world.store.read(kept)
        assert row.consent_source == "the form of 2026-11-22"
        assert row.consent_at is not None

    async def test_the_same_said_again_is_told_to_nobody(self, world: Any) -> None:
        who = await write(world, ONE)
        for _ in range(3):
            await agree(world, who, ONE, "refused")
        assert len(await told(world)) == 1

    async def test_later_messages_carry_them_and_take_nothing_back(self, world: Any) -> None:
        who = await write(world, ONE)
        await agree(world, who, ONE, "refused")
        await write(world, ONE, verified=True)
        assert '"consent":"refused"' in (await told(world, "message.received"))[-1]
        assert await send(world, who, purpose="notice") == (409, "consent_refused")

    async def test_a_stop_is_no_refusal_and_a_start_no_consent(self, world: Any) -> None:
        who = await write(world, ONE)
        await block(world, ONE)
        _, shown = await world.operate("GET", f"/v1/contacts/{who}")
        assert [known["consent"] for known in shown["addresses"]] == [None]

    async def test_they_go_along_with_a_merge(self, world: Any) -> None:
        one, two = await write(world, ONE), await write(world, TWO)
        await agree(world, two, TWO, "refused")
        await world.store.writer.do(merge, Merge(one, two))
        _, shown = await world.operate("GET", f"/v1/contacts/{one}")
        assert [known["consent"] for known in shown["addresses"]] == [None, "refused"]

    async def test_another_ones_address_is_refused(self, world: Any) -> None:
        who = await write(world, ONE)
        await write(world, TWO)
        path = f"/v1/contacts/{who}/consents"
        status, answer = await world.operate("PUT", path, json={"address": TWO, "state": "granted"})
        assert (status, answer["code"]) == (422, "no_address")
        for body in ({"address": ONE}, {"address": "x", "state": "granted"}, {"state": "granted"}):
            assert (await world.operate("PUT", path, json=body))[0] == 422
        reader = await world.token("messages:read")
        body = {"address": ONE, "state": "granted"}
        assert (await world.call("PUT", path, json=body, headers=reader))[0] == 403


def careless_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnigate.flow.reaching._rank", lambda way, notices: way.used_at)


def careless_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnigate.store.outbound.require_agreed", lambda *item, **known: None)


@pytest.mark.parametrize(
    ("defect", "broken"), [(careless_rank, (202, ONE)), (careless_agreement, (409, "no_consent"))]
)
async def test_what_a_careless_choice_would_do_is_seen(
    world: Any, monkeypatch: pytest.MonkeyPatch, defect: Any, broken: Any
) -> None:
    """The sabotage twins of what holds above."""
    who = await both(world, verified=ONE)
    defect(monkeypatch)
    if defect is careless_rank:
        assert await send(world, who) != broken
    else:
        assert await send(world, who, channel="careful", purpose="notice") != broken
