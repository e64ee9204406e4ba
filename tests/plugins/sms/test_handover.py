"""Carrying on from elsewhere: a text with the code of a link brings the conversation along."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

import omnigate
from tests.plugins.sms.conftest import SHOP, open_shop, text

pytestmark = pytest.mark.anyio


TOKEN = "7k3m9x2c4vb6n8q1w5e7r9t0yz"


def said_by(link: str | None) -> tuple[str, str]:
    """Return the number and the text that a phone makes of a link."""
    assert link is not None
    number, _, text = link.removeprefix("sms:").partition("?&body=")
    return number, unquote(text)


async def test_a_handover_comes_back_with_the_text_of_its_link(shop):
    number, written = said_by(shop.channel.handover_link(TOKEN))
    assert (number, written) == (f"+{SHOP}", TOKEN)
    for said in (written, written.upper(), f"Hello! {written}.", "7K3M9-X2C4V-B6N8Q-1W5E7-R9TOY-Z"):
        await shop.hear(text(said))
        message = shop.messages[-1]
        assert omnigate.find_handover_token(message.text) == message.handover == TOKEN
        assert message.text == said
        assert not message.sender.verified, "numbers of senders can be forged"


async def test_an_ordinary_text_has_no_handover(shop):
    await shop.hear(text("Call me at 89161234567"))
    assert shop.messages[-1].handover is None


async def test_the_words_around_the_code_are_the_shops():
    async with open_shop(handover_text="Продолжить: {code}.") as shop:
        _, written = said_by(shop.channel.handover_link(TOKEN))
        assert written == f"Продолжить: {TOKEN}."
        await shop.hear(text(written))
        assert shop.messages[-1].handover == TOKEN


@pytest.mark.parametrize(
    ("sender", "number"),
    [("+79990000001", "+79990000001"), ("79990000001", "+79990000001"), ("1234", "1234")],
)
async def test_the_link_writes_to_our_number_however_it_is_spelt(sender, number):
    async with open_shop(sender=sender) as shop:
        assert said_by(shop.channel.handover_link(TOKEN)) == (number, TOKEN)


@pytest.mark.parametrize("sender", ["Shop", None])
async def test_nobody_can_write_to_a_name(sender):
    async with open_shop(sender=sender) as shop:
        assert shop.channel.handover_link(TOKEN) is None
