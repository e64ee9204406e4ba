"""The channel as the host has it: how it is, whom it talks to, and what is the link's to tell."""

from __future__ import annotations

import pytest

import omnigate
from tests.plugins.sms.conftest import ANNA, open_shop, text

pytestmark = pytest.mark.anyio


async def test_a_number_is_one_conversation_however_it_is_spelt(shop):
    for spelt in ("tel:89161234567", "tel:+79161234567", "tel:+7-916-123-45-67"):
        assert shop.channel.conversation_of(omnigate.Address(spelt)) == "+" + ANNA
    with pytest.raises(omnigate.Refused):
        shop.channel.conversation_of(omnigate.Address("tel:112"))


async def test_how_the_channel_is_the_link_tells(shop, monkeypatch):
    async def raising(error: Exception) -> None:
        raise error

    down = omnigate.DestinationUnavailable("nobody there")
    monkeypatch.setattr(shop.link, "check", lambda: raising(down))
    assert await shop.channel.check() == omnigate.Health("down", "nobody there")
    monkeypatch.setattr(shop.link, "check", lambda: raising(omnigate.CredentialsRejected("no")))
    with pytest.raises(omnigate.CredentialsRejected):
        await shop.channel.check()


async def test_without_the_package_that_reads_numbers_the_operator_is_told(shop, monkeypatch):
    monkeypatch.setattr("omnigate.numbers.find_spec", lambda name: None)
    with pytest.raises(omnigate.ConfigError, match=r"omnigate\[sms\]"):
        type(shop.channel)(shop.channel.config, shop.host)


async def test_a_lookup_is_the_links(shop):
    shop.link.found = omnigate.Sent(external_id="found")
    assert await shop.channel.lookup(shop.part()) == shop.link.found


async def test_a_provider_that_vouches_for_numbers_is_believed_if_the_operator_says_so():
    async with open_shop(verified_senders=True) as shop:
        await shop.hear(text("Hello"))
        assert shop.messages[-1].sender.verified
        await shop.hear(text("Hello", source="SBERBANK"))
        assert not shop.messages[-1].sender.verified, "a name is nobody's"
