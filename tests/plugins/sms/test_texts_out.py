"""Texts that go out, as the host sees them: sent, refused, counted and estimated."""

from __future__ import annotations

from decimal import Decimal

import pytest
from omnigate_sms import Sms, waiting

import omnigate
from tests.plugins.sms.conftest import ANNA, SHOP, open_shop, text

pytestmark = pytest.mark.anyio


async def test_a_text_goes_out_with_what_the_link_needs():
    async with open_shop(validity_seconds=3600) as shop:
        sent = await shop.channel.send(shop.part("Добрый день", attempt=2))
    assert sent.external_id == "id-1"
    (said,) = shop.link.sent
    assert (said.id, said.to, said.sender) == (shop.part().id, ANNA, SHOP)
    assert (said.text, said.valid_seconds, said.attempt) == ("Добрый день", 3600, 2)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"text": " "}, "empty"),
        ({"text": None}, "empty"),
        ({"text": "ж" * (67 * 6 + 1)}, "too_long"),
        ({"address": "tel:+78091234567"}, "number_type"),
        ({"address": "tel:+447911123456"}, "not_allowed"),
        ({"address": "webchat:1"}, "bad_address"),
    ],
)
async def test_what_cannot_be_sent_is_refused_by_estimates_too(shop, more, code):
    part = shop.part().model_copy(
        update={**more, "address": omnigate.Address(more.get("address", f"tel:+{ANNA}"))}
    )
    with pytest.raises(omnigate.Refused) as sending:
        await shop.channel.send(part)
    with pytest.raises(omnigate.Refused) as estimating:
        shop.channel.estimate(part)
    assert sending.value.code == estimating.value.code == code
    assert shop.link.sent == []


async def test_an_estimate_after_a_restart_knows_what_was_sent_before_it():
    limits = {"messages_per_number_per_hour": 1}
    async with open_shop(limits=limits) as shop:
        await shop.channel.send(shop.part())
    async with open_shop(shop.host.store, limits=limits) as shop, shop.working():
        await shop.until(lambda: shop.host.states)
        with pytest.raises(omnigate.Refused, match="limit_reached"):
            shop.channel.estimate(shop.part())


async def test_a_store_that_cannot_tell_what_was_sent_does_not_keep_the_channel_down():
    async with open_shop() as shop:
        shop.host.store.failure = omnigate.StoreError("disk full")
        async with shop.working():
            await shop.until(lambda: ("up", "") in shop.host.states)


async def test_limits_hold_and_what_did_not_go_out_does_not_count():
    async with open_shop(limits={"messages_per_number_per_hour": 2}) as shop:
        for outcome in (
            omnigate.RetryLater("later"),
            omnigate.DestinationUnavailable("down"),
            omnigate.CredentialsRejected("no"),
            omnigate.Refused("no", "no"),
        ):
            shop.link.outcomes.append(outcome)
            with pytest.raises(type(outcome)):
                await shop.channel.send(shop.part())
        for _ in range(2):
            await shop.channel.send(shop.part())
        with pytest.raises(omnigate.Refused, match="no more than 2 messages"):
            await shop.channel.send(shop.part())
        with pytest.raises(omnigate.Refused, match="no more than 2 messages"):
            shop.channel.estimate(shop.part())
    assert len(shop.link.sent) == 2


async def test_who_said_stop_to_the_provider_is_left_alone_here_too(shop):
    shop.link.outcomes.append(omnigate.Refused("recipient_opted_out", "they are on the list"))
    with pytest.raises(omnigate.Refused):
        await shop.channel.send(shop.part())
    (blocked,) = shop.items
    assert isinstance(blocked, omnigate.ContactBlocked)
    assert (blocked.conversation, blocked.reason) == ("+" + ANNA, "they are on the list")


async def test_that_nobody_could_note_it_changes_no_refusal(shop, monkeypatch):
    async def breaks(*items, **more):
        if items:
            raise omnigate.StoreError("disk full")
        return []

    monkeypatch.setattr(shop.host, "put", breaks)
    shop.link.outcomes.append(omnigate.Refused("recipient_opted_out", "they are on the list"))
    with pytest.raises(omnigate.Refused):
        await shop.channel.send(shop.part())
    assert shop.logged("not noted that a contact opted out")


async def test_what_may_have_gone_out_counts():
    async with open_shop(limits={"messages_per_number_per_hour": 1}) as shop:
        shop.link.outcomes.append(omnigate.Uncertain("no answer"))
        with pytest.raises(omnigate.Uncertain):
            await shop.channel.send(shop.part())
        with pytest.raises(omnigate.Refused):
            await shop.channel.send(shop.part())


async def test_an_estimate_tells_segments_room_and_cost():
    async with open_shop(price_per_segment="3.50", currency="RUB") as shop:
        estimate = shop.channel.estimate(shop.part("ж" * 71))
        assert estimate == omnigate.Estimate(
            segments=2, encoding="ucs2", length=71, room=63, cost=Decimal("7.00"), currency="RUB"
        )
        assert shop.channel.estimate(shop.part("a" * 160)).segments == 1
    async with open_shop() as shop:
        estimate = shop.channel.estimate(shop.part("hello"))
        assert (estimate.room, estimate.cost, estimate.currency) == (155, None, None)


async def test_what_a_text_may_come_to_is_told_by_the_configuration():
    async with open_shop(max_segments=3) as shop:
        capabilities = shop.channel.capabilities
        assert capabilities.text_limit == 3
        assert capabilities.measure is not None
        assert capabilities.measure("a" * 161) == 2
        assert capabilities.on_uncertain == "hold"
    assert Sms.capabilities.text_limit == 6


async def test_what_an_operators_alphabet_lacks_is_measured_as_it_is_sent():
    smpp = {"host": "127.0.0.1", "system_id": "s", "password": "p", "default_alphabet": "latin1"}
    async with open_shop(link="smpp", kannel=None, smpp=smpp) as shop:
        assert shop.channel.estimate(shop.part("£5")).encoding == "gsm7"
        assert shop.channel.estimate(shop.part("€5")).encoding == "ucs2"


async def test_who_has_written_lately_is_waiting_for_what_is_sent(shop, monkeypatch):
    await shop.channel.send(shop.part())
    await shop.hear(text("Где заказ?"))
    await shop.channel.send(shop.part())
    monkeypatch.setattr(waiting, "WAITS_SECONDS", 0.0)
    await shop.channel.send(shop.part())
    await shop.channel.send(shop.part(reply_to="msg_1"))
    assert [one.is_awaited for one in shop.link.sent] == [False, True, False, True]


def test_only_so_many_who_wrote_are_remembered(monkeypatch):
    monkeypatch.setattr(waiting, "KEPT_LIMIT", 2)
    known = waiting.Waiting()
    for number in ("+1", "+2", "+3"):
        known.wrote(number)
    assert [known.waits(number) for number in ("+1", "+2", "+3")] == [False, True, True]
