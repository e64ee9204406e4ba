"""``omnigate conversation handover`` and what follows: the real command line, a real daemon, a bot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from omnigate.emulators.telegram import Bot
from tests.commandline import Result
from tests.e2e.bots import Platform, give, hides
from tests.e2e.daemon import Daemon
from tests.e2e.receiver import Receiver
from tests.operating.conftest import Operator


@pytest.fixture
def bot(platform: Platform) -> Bot:
    return platform.telegram.add_bot("shop_bot")


@pytest.fixture
def desk(
    new_daemon: Callable[..., Daemon], omnigate: Callable[..., Result], platform: Platform, bot: Bot
) -> Operator:
    """A daemon with a bot, and somebody beside it. Anna has written in the app, signed in there."""
    daemon = new_daemon()
    give(daemon, platform, bot, "poll")
    operator = Operator(daemon.start(), omnigate)
    status, _ = daemon.request(
        "POST",
        "/channels/app/messages",
        {
            "external_id": "1",
            "conversation": "anna",
            "sender": {"address": "user:42", "verified": True, "display_name": "Anna"},
            "text": "Is the blue one in stock?",
            "context": {"page": "https://shop.example/bikes", "handover": None},
        },
    )
    assert status == 202
    return operator


def links_of(desk: Operator, *words: str) -> tuple[dict[str, Any], str]:
    """Ask for a handover; returns the answer and the bot's token in the link, once there is one."""
    (conversation,) = desk.json("conversation", "list", "--channel", "app")["items"]
    answer = desk.json("conversation", "handover", conversation["id"], *words)
    (link,) = answer["links"]
    return answer, link["url"].rpartition("=")[2]


def test_a_customer_carries_on_with_the_bot_and_the_crm_knows_whom_it_talks_to(
    desk: Operator, platform: Platform, bot: Bot, receiver: Receiver, until: Any
) -> None:
    until(lambda: desk.json("channel", "show", "bot")["state"] == "up", "the bot is up")
    answer, token = links_of(desk)
    assert answer["links"][0]["url"] == f"https://t.me/shop_bot?start={answer['token']}"
    hides(desk.daemon, token)

    anna, thief = platform.telegram.person("Анна"), platform.telegram.person("Вор")
    platform.do(anna.starts(bot, token))
    until(lambda: len(receiver.crm.of("conversation.started")) == 2, "the CRM hears of it")
    app, chat = receiver.crm.of("conversation.started")
    told = chat.json["conversation"]["context"]["handover"]
    assert (told["conversation"], told["channel"]) == (app.json["conversation"]["id"], "app")
    assert (told["proven"], told["page"]) == (True, "https://shop.example/bikes")
    assert [message["text"] for message in told["messages"]] == ["Is the blue one in stock?"]
    assert chat.json["contact"]["id"] == app.json["contact"]["id"]

    platform.do(thief.starts(bot, token))
    until(lambda: len(receiver.crm.of("conversation.started")) == 3, "the CRM hears of the thief")
    other = receiver.crm.of("conversation.started")[-1].json
    assert other["conversation"]["context"]["handover"] is None
    assert other["contact"]["id"] != app.json["contact"]["id"]
    status, shown = desk.daemon.request(
        "GET", f"/v1/handovers/{answer['id']}", token=desk.daemon.token
    )
    assert (status, shown["state"]) == (200, "used")
    assert shown["used_in"] == chat.json["conversation"]["id"]


def test_the_operator_sees_links_and_is_told_what_cannot_be(
    desk: Operator, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: desk.json("channel", "show", "bot")["state"] == "up", "the bot is up")
    (conversation,) = desk.json("conversation", "list")["items"]
    shown = desk("conversation", "handover", conversation["id"], "--hours", "1")
    assert shown.code == 0, shown.err
    assert "https://t.me/shop_bot?start=" in shown.out
    assert "█" not in shown.out, "a code is for a terminal"
    same = desk("conversation", "handover", conversation["id"], "--channel", "app")
    assert (same.code, "is on 'app' already" in same.err) == (1, True)
    gone = desk("conversation", "handover", conversation["id"], "--channel", "fax")
    assert (gone.code, "omnigate channel list" in gone.err) == (1, True)
