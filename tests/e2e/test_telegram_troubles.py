"""A Telegram bot in trouble: floods, lost answers, blocks, moves, wrong tokens, updates nobody understood."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omnigate.cli.client import Client
from omnigate.emulators.telegram import Bot
from tests.e2e.bots import Platform, give, hides, rows
from tests.e2e.test_adding import Person

IMPATIENT = "from omnigate.flow import carriers\ncarriers.RESEND_AFTER_SECONDS = 0.5"
"""The real rule waits half a minute before a message that may have arrived is sent once more."""
STUPID = """
import omnigate
from omnigate_telegram import messages
read = messages.content_of
def fail(message, sender_id):
    if message.get("text") == "too new":
        raise ValueError("not understood yet")
    return read(message, sender_id)
messages.content_of = fail
"""
"""An older daemon, which does not know yet what this message is."""


TALKATIVE = """
import sys
from omnigate_telegram import Telegram
introduce = Telegram._introduce
async def told(self):
    print("talkative:", self.config.token.get_secret_value(), file=sys.stderr, flush=True)
    await introduce(self)
Telegram._introduce = told
"""
"""Goes round the log, which would strike the token out."""


def cli(daemon: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "omnigate", *arguments],
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def posted(daemon: Any, body: bytes, secret: str) -> int:
    """Post to the bot's webhook; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    try:
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        connection.request("POST", "/channels/bot/hook", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def talk(daemon: Any, receiver: Any, platform: Platform, bot: Bot, until: Any) -> Any:
    """Have a customer write first; return who and where the CRM answers to."""
    anna = platform.telegram.person("Анна")
    platform.do(anna.starts(bot))
    until(lambda: receiver.crm.of("message.received"), "the CRM hears of it")
    conversation = receiver.crm.of("message.received")[-1].json["conversation"]["id"]
    return anna, {"conversation": conversation}


@pytest.fixture
def bot(platform: Platform) -> Bot:
    return platform.telegram.add_bot()


@pytest.fixture
def polling(new_daemon: Callable[..., Any], platform: Platform, bot: Bot) -> Any:
    """A daemon whose schedule would try again in ten minutes, and its bot, which polls; not started."""
    daemon = new_daemon(schedule="[600]")
    give(daemon, platform, bot, "poll")
    return daemon


def test_a_flood_is_waited_out_as_long_as_the_platform_asks(
    polling: Any, receiver: Any, platform: Platform, bot: Bot, until: Any
) -> None:
    daemon = polling.start()
    anna, to = talk(daemon, receiver, platform, bot, until)
    fault = platform.telegram.faults.add(method="sendMessage", error=429, retry_after=2, times=2)
    began = time.monotonic()
    sent = daemon.send(to, "терпение")
    platform.do(anna.chat(bot).wait_for_text("терпение", 20))
    assert time.monotonic() - began >= 2 * 2
    assert fault.hits == 2
    trace = Client(daemon.folder / "omnigate.sock").get(f"/admin/messages/{sent['id']}/trace")
    assert "wants 2 s of silence" in json.dumps(trace)
    until(lambda: receiver.crm.of("message.sent"), "it is told as sent")
    hides(daemon, bot.token)


def test_a_lost_answer_sends_once_more_and_says_so(
    polling: Any, receiver: Any, platform: Platform, bot: Bot, until: Any
) -> None:
    daemon = polling.start(IMPATIENT)
    anna, to = talk(daemon, receiver, platform, bot, until)
    platform.telegram.faults.add(method="sendMessage", cut="after")
    sent = daemon.send(to, "дважды?")
    platform.do(anna.chat(bot).wait_for(lambda view: view.texts.count("дважды?") == 2, 20))
    until(lambda: receiver.crm.of("message.sent"), "it is told as sent")
    told = cli(daemon, "message", "trace", sent["id"])
    assert "may have been sent" in told.stdout
    assert anna.chat(bot).texts == ["дважды?"] * 2
    hides(daemon, bot.token)


def test_failures_of_every_sort_tell_no_secret_and_a_talkative_daemon_is_found_out(
    polling: Any, receiver: Any, platform: Platform, bot: Bot, until: Any
) -> None:
    daemon = polling.start()
    anna, to = talk(daemon, receiver, platform, bot, until)
    faults = platform.telegram.faults
    faults.add(method="getUpdates", status=502)
    faults.add(method="getFile", cut="before", times=2)
    faults.add(method="sendMessage", error=400, description="Bad Request: chat not found")
    platform.do(anna.sends(bot, "document", b"x" * 1000))
    daemon.send(to, "никуда")
    until(lambda: receiver.crm.of("message.failed"), "it is told as failed")
    platform.telegram.revoke(bot)
    until(lambda: "refuses our credentials: Unauthorized" in daemon.log(), "it stops")
    assert "ExceptionGroup" not in daemon.log()
    hides(daemon, bot.token)
    daemon.stop()
    daemon.start(TALKATIVE)
    until(lambda: "talkative" in daemon.log(), "it has said too much")
    with pytest.raises(AssertionError):
        hides(daemon, bot.token)


def test_whoever_blocks_the_bot_is_told_of_and_may_come_back(
    polling: Any, receiver: Any, platform: Platform, bot: Bot, until: Any
) -> None:
    daemon = polling.start()
    anna, to = talk(daemon, receiver, platform, bot, until)
    platform.telegram.faults.add(
        method="sendMessage", error=403, description="Forbidden: bot was blocked by the user"
    )
    daemon.send(to, "алло")
    until(lambda: receiver.crm.of("message.failed"), "the CRM hears of the failure")
    until(lambda: receiver.crm.of("contact.blocked"), "the CRM hears of the block")
    (failed,) = receiver.crm.of("message.failed")
    assert "bot was blocked by the user" in json.dumps(failed.json)
    platform.do(anna.unblocks(bot))
    until(lambda: receiver.crm.of("contact.unblocked"), "the CRM hears that it is over")
    daemon.send(to, "снова здесь")
    platform.do(anna.chat(bot).wait_for_text("снова здесь"))


def test_a_group_that_moves_while_it_is_answered_stays_one_conversation(
    polling: Any, receiver: Any, platform: Platform, bot: Bot, until: Any
) -> None:
    daemon = polling.start()
    group = platform.telegram.group("Дачники")
    platform.do(group.adds(bot, "administrator"))
    anna, boris = platform.telegram.person("Анна"), platform.telegram.person("Борис")
    for person in (anna, boris):
        platform.do(person.joins(group))
    platform.do(anna.writes(group, "Здравствуйте"))
    platform.do(boris.writes(group, "И от меня"))
    until(lambda: "И от меня" in receiver.crm.texts(), "the group is heard")
    heard = [
        one
        for one in receiver.crm.of("message.received")
        if not one.json["data"]["message"]["automatic"]
    ]
    senders = [one.json["data"]["message"]["sender"]["display_name"] for one in heard]
    assert senders == ["Анна", "Борис"]
    before = heard[-1].json["conversation"]
    bot.updates.hold()  # the answer finds out first
    larger = platform.do(group.migrates())
    daemon.send({"conversation": before["id"]}, "Добрый день")
    platform.do(anna.chat(larger).wait_for_text("Добрый день"))
    platform.do(_release(bot))
    platform.do(boris.writes(larger, "Мы переехали"))
    until(lambda: "Мы переехали" in receiver.crm.texts(), "the larger group is heard")
    after = receiver.crm.of("message.received")[-1].json["conversation"]
    assert after["id"] == before["id"]
    assert (before["external_id"], after["external_id"]) == (str(group.id), str(larger.id))


async def _release(bot: Bot) -> None:
    bot.updates.release()


def test_the_same_person_on_two_bots_is_one_contact(
    polling: Any, receiver: Any, platform: Platform, bot: Bot, until: Any
) -> None:
    other = platform.telegram.add_bot("other_bot", "Other")
    give(polling, platform, other, "webhook", "other")
    polling.start()
    anna = platform.telegram.person("Анна")
    platform.do(anna.starts(bot))
    platform.do(anna.starts(other))
    until(lambda: len(receiver.crm.of("message.received")) == 2, "both are heard")
    one, two = [delivery.json for delivery in receiver.crm.of("message.received")]
    assert one["contact"]["id"] == two["contact"]["id"]
    assert one["conversation"]["id"] != two["conversation"]["id"]


def test_what_a_newer_daemon_understands_is_taken_from_quarantine(
    polling: Any, receiver: Any, platform: Platform, bot: Bot, until: Any
) -> None:
    daemon = polling.start(STUPID)
    anna = platform.telegram.person("Анна")
    for text in ("before", "too new", "behind"):
        platform.do(anna.writes(bot, text))
    until(lambda: "behind" in receiver.crm.texts(), "those behind it come")
    assert receiver.crm.texts() == ["before", "behind"]
    daemon.stop()
    daemon.start()
    ((number,),) = rows(daemon, "SELECT id FROM quarantine")
    assert "not understood yet" in daemon.omnigate("quarantine", "show", str(number))
    daemon.omnigate("quarantine", "retry", str(number))
    until(lambda: "too new" in receiver.crm.texts(), "it comes after all")
    assert rows(daemon, "SELECT id FROM quarantine") == []


class TestOperating:
    """The bot as its operator meets it."""

    @pytest.fixture
    def including(self, new_daemon: Callable[..., Any]) -> Any:
        daemon = new_daemon()
        path: Path = daemon.folder / "omnigate.toml"
        path.write_text('include = ["omnigate.d/*.toml"]\n' + path.read_text())
        return daemon

    def asked(self, daemon: Any, platform: Platform) -> Person:
        keys = (f"api_url={platform.telegram.url}", "allow_private=127.0.0.0/8")
        given = [word for key in keys for word in ("--set", key)]
        return Person(daemon.folder, "channel", "add", "telegram", "--name", "bot", *given)

    def test_adding_a_bot_asks_for_its_token_and_tries_it(
        self, including: Any, platform: Platform, bot: Bot, receiver: Any, until: Any
    ) -> None:
        including.start()
        with self.asked(including, platform) as person:
            person.answers("\ntoken: ", "hello")
            person.reads("That will not do: a bot's token is written <number>:")
            person.answers("\ntoken: ", f"{bot.id}:{'x' * 35}")
            person.answers("\nmode", "poll")
            person.reads("It does not work: Unauthorized")
            person.reads("@BotFather")
            person.answers("[C/k/g]: ", "g")
            assert person.ends() == 1
        assert "Nothing was written." in person.shown
        assert not (including.folder / "omnigate.d").exists()
        with self.asked(including, platform) as person:
            person.answers("\ntoken: ", bot.token)
            person.answers("\nmode", "poll")
            person.reads("Good: @shop_bot")
            assert person.ends() == 0, person.shown
        assert bot.token not in person.shown
        anna = platform.telegram.person("Анна")
        platform.do(anna.writes(bot, "сразу"))
        until(lambda: "сразу" in receiver.crm.texts(), "the daemon has taken it over")

    def test_doctor_and_setup_speak_the_platforms_words(
        self, new_daemon: Any, new_platform: Any, until: Any
    ) -> None:
        platform = new_platform(speed=20.0)
        bot = platform.telegram.add_bot()
        daemon = new_daemon()
        give(daemon, platform, bot, "webhook")
        daemon.start()
        until(lambda: bot.made("setWebhook"), "the webhook is set")
        refused = {"huge": (b" " * 2 * 1024 * 1024, 413), "forged": (b"{}", 401)}
        for body, status in refused.values():
            secret = bot.made("setWebhook")[0].arguments["secret_token"]
            assert posted(daemon, body, secret if status == 413 else "guess") == status
        sender = platform.telegram.receiver(bot)
        platform.telegram.faults.add(method="webhook", cut="after", times=1000)
        anna = platform.telegram.person("Анна")
        platform.do(anna.writes(bot, "раз"))
        until(lambda: sender.info().get("last_error_message"), "a delivery failed")
        told = cli(daemon, "doctor").stdout
        assert "Telegram cannot deliver (1 wait): Webhook connection closed" in told
        platform.telegram.faults.clear()
        until(lambda: not len(bot.updates), "it is delivered")
        assert "cannot deliver" not in cli(daemon, "doctor").stdout
        platform.do(sender.delete_webhook(drop=False))
        told = cli(daemon, "doctor").stdout
        assert "omnigate channel setup bot" in told
        done = daemon.omnigate("channel", "setup", "bot")
        assert done == f"bot: Telegram delivers to {daemon.address}/channels/bot/hook"
        assert sender.info()["url"] == f"{daemon.address}/channels/bot/hook"
        assert "needs nothing" in daemon.omnigate("channel", "setup", "site")
        platform.telegram.revoke(bot)
        failed = cli(daemon, "channel", "setup", "bot")
        assert failed.returncode == 1
        assert "Unauthorized" in failed.stderr
        assert "credentials of bot" in failed.stderr
