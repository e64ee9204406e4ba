"""Texts that come in, as the host sees them: whole, in pieces, and those that say stop."""

from __future__ import annotations

import asyncio

import pytest
from omnigate_sms.gathering import Gathering
from omnigate_sms.link import Report

import omnigate
from tests.plugins.sms.conftest import ANNA, AT, SHOP, open_shop, text

pytestmark = pytest.mark.anyio


async def test_a_text_is_a_message_of_the_number_it_came_from(shop):
    await shop.hear(text("Здравствуйте", external_id="17"))
    (message,) = shop.items
    assert message.external_id == "17"
    assert message.conversation == "+" + ANNA
    assert message.sender.address == f"tel:+{ANNA}"
    assert message.sender.phone == "+" + ANNA
    assert message.extensions == {"sms": {"to": SHOP}}
    assert message.occurred_at == AT


async def test_a_name_is_a_sender_that_nobody_can_answer(shop):
    await shop.hear(text("Код 1234", source="SBERBANK"))
    (message,) = shop.items
    assert message.sender.address == "sms:SBERBANK"
    assert message.sender.display_name == "SBERBANK"
    with pytest.raises(omnigate.Refused, match="only numbers get texts"):
        await shop.channel.send(shop.part(address=message.sender.address))


async def test_octets_are_read(shop):
    await shop.hear(text(None, data="04160436", encoding="ucs2"))
    await shop.hear(text(None, data="1b6541", encoding="gsm7"))
    await shop.hear(text(None, data="00ff", encoding="binary"))
    assert shop.texts == ["Жж", "€A", None]
    assert shop.messages[2].extensions["sms"]["data"] == "AP8="


async def test_a_text_without_an_id_is_the_same_within_a_minute(shop):
    for seconds in (0, 59, 60):
        await shop.hear(text("да", at_seconds=seconds))
    await shop.hear(text("нет"))
    assert shop.texts == ["да", "да", "нет"]
    assert all(message.external_id.startswith("weak:") for message in shop.messages)


async def test_whatever_a_provider_says_is_stored(shop):
    await shop.hear(
        text("a\x00\ud800b", external_id="x" * 5000, source="\ud800" * 200, destination="y" * 5000),
        text("c", piece=(1, 2, 3)),
        text("", external_id=""),
    )
    assert shop.texts == ["a\N{REPLACEMENT CHARACTER}b", "c", ""]
    assert shop.messages[1].extensions["sms"] == {"to": SHOP, "parts": [3], "total": 2}


async def test_an_id_of_nothing_is_an_id(shop):
    """Nobody stores NUL, and a text must not be lost for it."""
    said = text("Здравствуйте", external_id="\0")
    await shop.hear(said, said, Report(external_id="\0", state="sent", occurred_at=AT))
    assert len(shop.items) == 2


async def test_pieces_are_one_message_even_over_a_restart() -> None:
    async with open_shop() as shop:
        await shop.hear(text("мир", piece=(9, 2, 2), external_id="b"))
        assert shop.items == []
    async with open_shop(shop.host.store) as shop:
        await shop.hear(text("Здравствуй, ", piece=(9, 2, 1), external_id="a"))
        (message,) = shop.messages
    assert message.text == "Здравствуй, мир"
    assert message.extensions["sms"] == {
        "to": SHOP,
        "parts": [1, 2],
        "total": 2,
        "truncated": False,
    }


async def test_pieces_that_are_only_remembered_in_memory_are_found(monkeypatch):
    """The sabotage twin: without notes a restart between pieces loses what had come."""

    async def keeps_no_notes(self, items, notes):
        await self._host.put(*items)

    monkeypatch.setattr(Gathering, "_commit", keeps_no_notes)
    with pytest.raises(ValueError, match="not enough values"):
        await test_pieces_are_one_message_even_over_a_restart()


async def test_a_piece_that_cannot_be_stored_is_not_taken_and_comes_again(shop):
    await shop.hear(text("a", piece=(9, 2, 1)))
    for failure in (omnigate.StoreError("disk full"), omnigate.Overloaded("busy")):
        shop.host.store.failure = failure
        with pytest.raises(type(failure)):
            await shop.hear(text("b", piece=(9, 2, 2)))
    shop.host.store.failure = None
    await shop.hear(text("b", piece=(9, 2, 2)))
    assert shop.texts == ["ab"]


async def test_pieces_that_come_at_once_are_one_message(shop):
    said = [text(str(number), piece=(9, 9, number)) for number in range(1, 10)]
    await asyncio.gather(*(shop.hear(piece) for piece in said * 3))
    assert shop.texts == ["123456789"]


async def test_what_is_missing_is_not_waited_for_for_ever():
    async with open_shop(incomplete_after_seconds=1) as shop:
        await shop.hear(text("b", piece=(9, 3, 2)))
        async with shop.working():
            await shop.until(lambda: shop.items)
        (message,) = shop.messages
        assert message.text == "b"
        assert message.extensions["sms"] == {
            "to": SHOP,
            "parts": [2],
            "total": 3,
            "truncated": True,
        }


async def test_what_cannot_be_handed_on_yet_is_handed_on_later():
    async with open_shop(incomplete_after_seconds=1) as shop:
        await shop.hear(text("b", piece=(9, 3, 2)))
        shop.host.store.failure = omnigate.StoreError("disk full")
        async with shop.working():
            await shop.until(lambda: shop.logged("long texts wait longer"))
            shop.host.store.failure = None
            await shop.until(lambda: shop.items)
    assert shop.texts == ["b"]


async def test_pieces_and_whole_texts_may_come_in_one_call(shop):
    await shop.hear(
        text("a", piece=(9, 2, 1)), text("c", external_id="c"), text("b", piece=(9, 2, 2))
    )
    assert shop.texts == ["c", "ab"]


async def test_who_says_stop_is_left_alone_and_heard_all_the_same(shop):
    await shop.hear(text("СТОП!", external_id="1"))
    await shop.hear(text("start", external_id="2"))
    message, blocked, again, unblocked = shop.items
    assert (message.text, again.text) == ("СТОП!", "start")
    assert isinstance(blocked, omnigate.ContactBlocked)
    assert blocked.sender.address == message.sender.address
    assert blocked.reason == "СТОП!"
    assert isinstance(unblocked, omnigate.ContactUnblocked)


async def test_stop_in_pieces_is_stop_and_a_long_text_about_it_is_not(shop):
    await shop.hear(text("ст", piece=(1, 2, 1)), text("оп", piece=(1, 2, 2)))
    await shop.hear(text("стоп", piece=(2, 2, 1)), text(", где мой заказ?", piece=(2, 2, 2)))
    assert [type(item).__name__ for item in shop.items] == [
        "InboundMessage",
        "ContactBlocked",
        "InboundMessage",
    ]
