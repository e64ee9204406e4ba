"""How updates come: by poll and by webhook, over failures and restarts, nothing lost or stored twice."""

from __future__ import annotations

import asyncio
import time

import pytest
from omnigate_telegram import pressing, receiving
from omnigate_telegram.receiving import Webhook
from pydantic import SecretStr

import omnigate
from omnigate.emulators.telegram import TelegramEmulator
from omnigate.emulators.telegram.model import Call
from omnigate.testing import MemoryStore
from tests.plugins.atwork import texts

from .conftest import Shop, open_shop

pytestmark = pytest.mark.anyio

HALF = (
    rb'{"update_id":901,"message":{"message_id":1,"date":1760000000,"text":"half \ud83d",'
    rb'"chat":{"id":42,"type":"private","first_name":"A"},"dice":{"emoji":"\ud83d","value":1},'
    rb'"from":{"id":42,"is_bot":false,"first_name":"A"},"entities":['
    rb'{"type":"bold","offset":0,"length":6}],"hologram":{"\ud83d":"\ud83d"}}}'
)
"""An update with half of an emoji, as cutting a text by UTF-16 units makes it."""


async def test_what_a_customer_writes_comes_in(shop: Shop) -> None:
    await shop.anna.starts(shop.bot)
    await shop.anna.writes(shop.bot, "Есть велосипед?")
    said = await shop.said(1)
    assert (said.text, said.conversation) == ("Есть велосипед?", str(shop.anna.id))
    assert said.sender.address == f"telegram:{shop.anna.id}"
    assert (said.sender.display_name, said.sender.username) == ("Анна", "anna")
    await shop.until(lambda: shop.host.states and shop.host.states[-1][0] == "up")


async def test_what_is_polled_is_confirmed_only_once_it_is_stored() -> None:
    async with open_shop() as shop:
        await shop.until(lambda: shop.bot.made("getUpdates"))
        shop.host.store.failure = omnigate.StoreError("the disk is full")
        await shop.anna.starts(shop.bot)
        await shop.until(lambda: len(shop.bot.made("getUpdates")) > 2)
        assert not shop.items
        shop.host.store.failure = None
        assert (await shop.said()).text == "/start"


async def test_a_restart_in_the_middle_stores_everything_once() -> None:
    store = MemoryStore()
    async with TelegramEmulator() as telegram:
        bot = telegram.add_bot()
        for turn in range(3):
            async with open_shop(telegram=telegram, bot=bot, store=store) as shop:
                for number in range(40):
                    await shop.anna.writes(bot, f"{turn}.{number}")
                await shop.until(lambda turn=turn: len(store.items) > turn * 40 + 10)  # type: ignore[misc]
        async with open_shop(telegram=telegram, bot=bot, store=store) as shop:
            await shop.until(lambda: len(texts(store.items)) == 120)
    assert texts(store.items) == [f"{turn}.{number}" for turn in range(3) for number in range(40)]


async def test_one_poisoned_update_does_not_hold_up_those_behind_it() -> None:
    async with open_shop(running=False) as shop:
        await shop.anna.starts(shop.bot)
        shop.bot.updates.inject({"message": {"message_id": "no number"}})
        await shop.anna.writes(shop.bot, "behind it")
        async with open_shop(telegram=shop.telegram, bot=shop.bot) as again:
            assert (await again.said(1)).text == "behind it"
            ((raw, reason),) = again.host.store.quarantine
            assert b"no number" in raw
            assert "message" in reason


async def test_a_second_reader_is_told_of_clearly_and_waited_for() -> None:
    async with open_shop(running=False) as shop:
        shop.telegram.faults.add(
            method="getUpdates",
            error=409,
            description=(
                "Conflict: terminated by other getUpdates request; make sure that only one bot "
                "instance is running"
            ),
        )
        async with open_shop(telegram=shop.telegram, bot=shop.bot) as again:
            await again.until(lambda: any(state == "down" for state, _ in again.host.states))
            (told,) = [text for state, text in again.host.states if state == "down"]
            assert "another program reads" in told
            assert shop.bot.token not in told


async def test_trouble_is_told_once_and_so_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_FIRST_PAUSE_SECONDS", 0.05)
    async with TelegramEmulator() as telegram:
        bot = telegram.add_bot()
        telegram.faults.add(method="getMe", status=502, times=3)
        async with open_shop(telegram=telegram, bot=bot) as shop:
            await shop.until(lambda: shop.host.states and shop.host.states[-1][0] == "up")
            told = [state for state, _ in shop.host.states]
            assert told == ["down"] * 3 + ["up"]  # the host says each state once


async def test_a_revoked_token_stops_the_channel() -> None:
    async with open_shop(running=False) as shop:
        shop.telegram.revoke(shop.bot)
        with pytest.raises(omnigate.CredentialsRejected, match="BotFather") as refused:
            await shop.channel._receive()
        assert shop.bot.token not in str(refused.value)
        with pytest.raises(omnigate.CredentialsRejected):
            await shop.channel.check()


async def test_from_webhook_to_poll_and_back_nothing_is_lost() -> None:
    store = MemoryStore()
    async with TelegramEmulator(local=True) as telegram:
        bot = telegram.add_bot()
        anna = telegram.person()
        for mode, text in (("webhook", "one"), ("poll", "two"), ("webhook", "three")):
            await anna.writes(bot, f"before {text}")
            async with open_shop(mode, telegram=telegram, bot=bot, store=store) as shop:
                await shop.until(lambda text=text: f"before {text}" in texts(store.items))  # type: ignore[misc]
                await anna.writes(bot, text)
                await shop.until(lambda text=text: text in texts(store.items))  # type: ignore[misc]
    assert texts(store.items) == [
        "before one",
        "one",
        "before two",
        "two",
        "before three",
        "three",
    ]


async def test_strangers_cannot_post_updates() -> None:
    async with open_shop("webhook") as shop:
        await shop.until(lambda: shop.bot.made("setWebhook"))
        url = shop.host.public_url("hook")
        forged = {"update_id": 1, "message": {}}
        for headers in ({}, {"X-Telegram-Bot-Api-Secret-Token": "guess"}):
            async with shop.host.http.post(url, json=forged, headers=headers) as answer:
                assert answer.status == 401
        assert not shop.items


async def test_a_polling_bot_takes_no_webhooks() -> None:
    async with open_shop(running=False) as shop:
        request = omnigate.Request(method="POST", path="/hook", query={}, headers={}, body=b"{}")
        with pytest.raises(omnigate.Unauthorized):
            shop.channel.authenticate(request)


async def test_the_webhook_is_set_with_a_secret_and_what_is_wanted() -> None:
    async with open_shop("webhook", reactions=True) as shop:
        (call,) = await shop.until(lambda: shop.bot.made("setWebhook"))
        arguments = call.arguments
        assert arguments["url"].endswith("/channels/bot/hook")
        assert len(arguments["secret_token"]) >= 32
        assert "message_reaction" in str(arguments["allowed_updates"])


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://chat.example.org/hook", "https only"),
        ("https://chat.example.org:9443/hook", "443, 80, 88, 8443"),
    ],
    ids=["plain", "port"],
)
async def test_an_address_that_telegram_would_refuse_is_explained(address: str, words: str) -> None:
    async with open_shop("webhook", running=False) as shop:
        config = shop.channel.config.model_copy(update={"api_url": "https://api.telegram.org"})
        shop.host.address = address.removesuffix("/hook")
        channel = type(shop.channel)(config, shop.host)
        webhook = Webhook(channel.api, config, shop.host, channel._secret_token)
        assert words in webhook.trouble_of({})
        with pytest.raises(omnigate.NotReady, match="Telegram delivers"):
            await webhook.begin()


async def test_check_says_what_is_wrong_in_the_platforms_own_words() -> None:
    async with (
        TelegramEmulator(local=True) as telegram,
        open_shop(telegram=telegram, running=False) as shop,
    ):
        health = await shop.channel.check()
        assert (health.state, "@shop_bot" in health.message) == ("up", True)
        await shop.channel.api.call("setWebhook", {"url": "http://127.0.0.1:9/x"})
        health = await shop.channel.check()
        assert health.state == "degraded"
        assert "omnigate channel setup" in health.message
        assert await shop.channel.setup() == ["no webhook is set: updates are polled"]
        assert (await shop.channel.check()).state == "up"


async def test_the_cursor_of_long_ago_is_not_told_to_the_platform(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_shop(running=False) as shop:
        await shop.host.put(cursor="999999999 1000000000")
        async with open_shop(telegram=shop.telegram, bot=shop.bot, store=shop.host.store) as again:
            await shop.anna.starts(shop.bot)
            await again.said()
        offsets = [call.arguments.get("offset") for call in shop.bot.made("getUpdates")]
        assert "999999999" not in map(str, offsets)


async def test_a_bot_that_begins_to_count_anew_after_a_week_is_read_on(shop: Shop) -> None:
    def polls() -> list[Call]:
        return shop.bot.made("getUpdates")

    await shop.anna.writes(shop.bot, "before")
    await shop.said()
    if shop.channel.config.mode == "poll":  # nothing came for a while: all is confirmed
        await shop.until(lambda: any("offset" in call.arguments for call in polls()))
        await shop.until(lambda: "offset" not in polls()[-1].arguments)
    shop.bot.updates.renumber()
    await shop.anna.writes(shop.bot, "after")
    assert (await shop.said(1)).text == "after"


async def test_a_pressed_button_stops_spinning(shop: Shop) -> None:
    await shop.anna.starts(shop.bot)
    await shop.said()
    yes = omnigate.Button(label="Да", value="yes")
    await shop.channel.send(shop.part("Подходит?", buttons=[[yes]]))
    asked = await shop.anna.chat(shop.bot).wait_for_text("Подходит?")
    press = await shop.anna.presses(asked, "Да")
    await shop.anna.sees_answer(press)
    pressed = await shop.item(omnigate.ButtonPressed)
    assert (pressed.payload, pressed.label) == ("yes", "Да")
    assert pressed.message_id == f"{shop.anna.id}:{asked.id}"


async def test_a_pressed_button_stops_spinning_after_a_short_outage_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pressing, "_FIRST_PAUSE_SECONDS", 0.01)
    async with open_shop() as shop:
        await shop.anna.starts(shop.bot)
        await shop.said()
        yes = omnigate.Button(label="Да", value="yes")
        await shop.channel.send(shop.part("Подходит?", buttons=[[yes]]))
        asked = await shop.anna.chat(shop.bot).wait_for_text("Подходит?")
        shop.telegram.faults.add(method="answerCallbackQuery", status=502, times=2)
        shop.telegram.faults.add(method="answerCallbackQuery", cut="before")
        await shop.anna.sees_answer(await shop.anna.presses(asked, "Да"))
        assert len(shop.bot.made("answerCallbackQuery")) == 4


async def test_a_press_that_is_too_old_is_let_go_and_the_next_one_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pressing, "GOOD_FOR_SECONDS", 0.3)
    async with open_shop(running=False) as shop:
        presses = pressing.Presses(shop.channel.api, shop.host)
        shop.telegram.faults.add(method="answerCallbackQuery", status=502)
        presses.note({"id": "1"})
        presses.note({"id": "2"})
        presses.note({"no": "id"})
        work = asyncio.create_task(presses.answer())
        await shop.until(lambda: len(shop.host.log_lines) == 2, "both are told of")
        work.cancel()
        asked = [
            call.arguments["callback_query_id"] for call in shop.bot.made("answerCallbackQuery")
        ]
        assert asked == ["1", "2"]


async def test_an_update_without_a_number_does_not_end_the_channel(shop: Shop) -> None:
    if shop.channel.config.mode == "webhook":
        return
    shop.telegram.faults.add(
        method="getUpdates", body=b'{"ok":true,"result":[{"callback_query":{"id":"1"}}]}'
    )
    await shop.anna.starts(shop.bot)
    assert (await shop.said()).text == "/start"


async def test_half_a_surrogate_pair_costs_neither_its_update_nor_those_beside_it() -> None:
    async with open_shop(running=False) as shop:
        beside = HALF.replace(rb"\ud83d", b"!")
        updates = [
            one.replace(b"901", n)
            for one, n in ((beside, b"901"), (HALF, b"902"), (beside, b"903"))
        ]
        page = b'{"ok":true,"result":[%s]}' % b",".join(updates)
        shop.telegram.faults.add(method="getUpdates", body=page)
        async with open_shop(telegram=shop.telegram, bot=shop.bot) as again:
            said = [(await again.said(number)).text for number in range(3)]
            assert said == ["half !", "half \ufffd", "half !"]
            assert not again.host.store.quarantine


async def test_half_a_surrogate_pair_comes_by_webhook_too() -> None:
    async with open_shop("webhook") as shop:
        (call,) = await shop.until(lambda: shop.bot.made("setWebhook"))
        headers = {"X-Telegram-Bot-Api-Secret-Token": str(call.arguments["secret_token"])}
        url = shop.host.public_url("hook")
        async with shop.host.http.post(url, data=HALF, headers=headers) as answer:
            assert answer.status == 200
        said = await shop.said()
        assert said.text == "half \ufffd"
        assert said.model_dump_json()  # the extensions are clean too


async def test_a_webhook_that_somebody_changed_is_set_anew_and_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receiving, "_LOOK_SECONDS", 1.2)  # the platform takes one a second
    async with open_shop("webhook") as shop:
        await shop.until(lambda: shop.bot.made("setWebhook"))
        await shop.telegram.receiver(shop.bot).delete_webhook(drop=False)
        await shop.until(lambda: len(shop.bot.made("setWebhook")) == 2)
        (line,) = [line for line in shop.host.log_lines if "somebody" in line["event"]]
        assert line["was"] == "nothing"
        await shop.anna.starts(shop.bot)
        assert (await shop.said()).text == "/start"


async def test_a_webhook_that_failed_and_has_delivered_since_is_up(shop: Shop) -> None:
    webhook = Webhook(shop.channel.api, shop.channel.config, shop.host, SecretStr("x"))
    info = {"url": webhook.url, "last_error_date": time.time(), "last_error_message": "oops"}
    assert "oops" in webhook.trouble_of({**info, "pending_update_count": 3})
    assert webhook.trouble_of({**info, "pending_update_count": 0}) == ""
    assert "another address" in webhook.trouble_of({**info, "url": "nonsense"})
