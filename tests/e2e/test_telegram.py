"""Customers of a Telegram bot and a CRM, with a daemon between them: talk, files, kills, secrets."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import defaultdict
from typing import Any

import pytest

from omnigate.emulators.telegram import Bot
from tests.e2e.bots import Platform, give, hides, rows

MODES = ("poll", "webhook")


def admit(daemon: Any) -> None:
    """Give the CRM a token that may hand in files too: whoever handed one in may send it."""
    daemon.allow("messages:send", "messages:read", "events:read", "media")


def upload(daemon: Any, content: bytes, name: str, mime: str) -> str:
    """Hand in a file as a CRM does; returns its id."""
    headers = {"Authorization": f"Bearer {daemon.token}", "Content-Type": mime}
    url = f"{daemon.address}/v1/media?name={name}"
    request = urllib.request.Request(url, content, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.loads(answer.read())["id"])


@pytest.mark.parametrize("mode", MODES)
def test_a_customer_and_a_crm_talk_and_neither_sees_a_secret(
    mode: str, receiver: Any, new_daemon: Any, platform: Platform, until: Any
) -> None:
    bot = platform.telegram.add_bot()
    anna = platform.telegram.person("Анна", username="anna", language_code="ru")
    daemon = new_daemon()
    give(daemon, platform, bot, mode)
    daemon.start()
    admit(daemon)
    platform.do(anna.starts(bot, "w_4hJq0bR2nVtQ"))
    asked = platform.do(anna.writes(bot, "Есть велосипед?"))
    until(lambda: len(receiver.crm.of("message.received")) == 2, "the CRM hears of both")
    started, question = receiver.crm.of("message.received")
    assert started.json["conversation"]["context"]["custom"] == {"start": "w_4hJq0bR2nVtQ"}
    assert question.text == "Есть велосипед?"
    contact = question.json["contact"]
    assert (contact["display_name"], contact["locale"]) == ("Анна", "ru")
    assert contact["addresses"][0]["address"] == f"telegram:{anna.id}"
    to = {"conversation": question.json["conversation"]["id"]}
    chat = anna.chat(bot)

    sent = daemon.send(to, "Есть, сто рублей", reply_to=question.json["data"]["message"]["id"])
    seen = platform.do(chat.wait_for_text("Есть, сто рублей"))
    assert seen.reply_to == asked.id
    until(lambda: receiver.crm.of("message.sent"), "the CRM hears that it is sent")
    path = f"/v1/messages/{sent['id']}"
    assert daemon.request("PATCH", path, {"text": "двести"}, token=daemon.token)[0] == 202
    assert platform.do(chat.wait_for_text("двести")).edited
    inbound = f"/v1/messages/{question.json['data']['message']['id']}/reaction"
    assert daemon.request("PUT", inbound, {"emoji": ["👍"]}, token=daemon.token)[0] == 202
    platform.do(chat.wait_for(lambda view: any(one.reactions for one in view.messages)))
    assert daemon.request("DELETE", path, token=daemon.token)[0] == 202
    platform.do(chat.wait_for(lambda view: "двести" not in view.texts))

    content = bytes(range(256)) * 4000
    platform.do(anna.sends(bot, "document", content, file_name="план.pdf", caption="вот"))
    until(lambda: "вот" in receiver.crm.texts(), "the file's message comes")
    (file,) = receiver.crm.of("message.received")[-1].json["data"]["message"]["attachments"]
    assert (file["name"], file["kind"]) == ("план.pdf", "file")
    with urllib.request.urlopen(file["url"], timeout=20) as answer:
        assert answer.read() == content
    number = upload(daemon, content[::-1], "offer.pdf", "application/pdf")
    daemon.send(to, "и вам", attachments=[{"id": number}])
    got = platform.do(chat.wait_for_text("и вам"))
    assert (got.kind, got.media, got.file_name) == ("document", content[::-1], "offer.pdf")

    platform.do(anna.edits(asked, "Есть самокат?"))
    until(lambda: "Есть самокат?" in receiver.crm.texts("message.edited"), "the edit comes")
    platform.do(anna.renames(first_name="Анна Мария"))
    platform.do(anna.writes(bot, "это я"))
    until(lambda: receiver.crm.of("contact.updated"), "the new name comes")
    changed = receiver.crm.of("contact.updated")[-1].json
    assert changed["data"]["contact"]["changed"] == ["display_name"]
    assert changed["contact"]["display_name"] == "Анна Мария"
    secrets = [bot.token, *(call.arguments["secret_token"] for call in bot.made("setWebhook"))]
    hides(daemon, *secrets)


PEOPLE = 25
BURST = 10_000
POISON = {"message": {"message_id": "no number", "date": None}}
EARLY = """
import asyncio
from omnigate.hosting import Recorded
from omnigate.flow.inbox import Inbox
put = Inbox.put
async def early(self, channel, items, cursor=None, puzzles=(), notes=None):
    async def later():
        await asyncio.sleep(0.5)
        await put(self, channel, items, None, puzzles)
    self.late = getattr(self, "late", set())
    self.late.add(asyncio.create_task(later()))
    return [Recorded(None, None, None) for _ in items]
Inbox.put = early
"""
"""Says that items are stored while they are yet to be queued: what a missing sync would look like."""


async def burst(platform: Platform, bot: Bot, count: int) -> list[str]:
    """Have many people write so much in turns, poison in the middle; return what they wrote."""
    people = [platform.telegram.person(f"P{number}") for number in range(PEOPLE)]
    written = []
    for number in range(count):
        if number == count // 2:
            bot.updates.inject(POISON, queue=people[0].id)
        text = f"{people[number % PEOPLE].id} {number}"
        await people[number % PEOPLE].writes(bot, text)
        written.append(text)
        if number % 100 == 0:
            await asyncio.sleep(0)
    return written


def kept(daemon: Any) -> list[str]:
    """Return what customers wrote as it stands in the store, in its order."""
    query = (
        "SELECT body FROM event JOIN event_body USING (position) "
        "WHERE type = 'message.received' ORDER BY position"
    )
    return [json.loads(body)["data"]["message"]["text"] for (body,) in rows(daemon, query)]


def count_of(daemon: Any) -> int:
    return int(rows(daemon, "SELECT count(*) FROM message")[0][0])


@pytest.mark.parametrize("mode", MODES)
def test_kills_in_a_burst_of_ten_thousand_with_poison_in_it_lose_and_double_nothing(
    mode: str, new_daemon: Any, new_platform: Any, until: Any
) -> None:
    platform = new_platform(speed=1.0 if mode == "poll" else 20.0)
    bot = platform.telegram.add_bot()
    daemon = new_daemon()
    give(daemon, platform, bot, mode)
    daemon.start()
    daemon.omnigate("backend", "pause", "crm")
    written = platform.do(burst(platform, bot, BURST))
    for least in (BURST // 5, BURST // 2):
        until(lambda: count_of(daemon) >= least, "enough is stored", 60)  # noqa: B023  # used at once
        daemon.kill()
        assert count_of(daemon) < BURST, "it was not in the middle"
        daemon.start()
    until(lambda: not len(bot.updates), "all is confirmed", 120)
    stored = kept(daemon)
    assert len(stored) == BURST
    assert sorted(stored) == sorted(written)
    chats: dict[str, list[int]] = defaultdict(list)
    for text in stored:
        chats[text.split()[0]].append(int(text.split()[1]))
    assert len(chats) == PEOPLE
    assert all(numbers == sorted(numbers) for numbers in chats.values())
    ((reason,),) = rows(daemon, "SELECT reason FROM quarantine")
    assert reason.startswith("message: ")


@pytest.mark.parametrize("mode", MODES)
def test_a_daemon_that_confirms_before_it_stores_is_found_out(
    mode: str, new_daemon: Any, new_platform: Any, until: Any
) -> None:
    platform = new_platform(speed=1.0 if mode == "poll" else 20.0)
    bot = platform.telegram.add_bot()
    daemon = new_daemon()
    give(daemon, platform, bot, mode)
    daemon.start(EARLY)
    daemon.omnigate("backend", "pause", "crm")
    written = platform.do(burst(platform, bot, 2000))
    until(lambda: count_of(daemon) >= 200, "some is stored")
    daemon.kill()
    daemon.start()
    until(lambda: not len(bot.updates), "all is confirmed")
    assert set(kept(daemon)) < set(written)
