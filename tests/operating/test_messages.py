"""Messages at the command line: sent with a subject, shown with who carries them and to whom."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from omnigate.emulators.telegram import Bot
from tests.e2e.bots import Platform, give
from tests.e2e.mails import Mailbox, Outside
from tests.operating.conftest import Operator

ANNA = "mailto:anna@client.test"


@pytest.fixture
def outside() -> Iterator[Outside]:
    opened = Outside()
    yield opened
    opened.end()


def test_a_mail_is_sent_with_its_subject_and_shown_with_channel_and_recipient(
    new_daemon: Callable[..., Any], omnigate: Any, outside: Outside, until: Any
) -> None:
    daemon = new_daemon()
    Mailbox(daemon, outside.sink.port)
    operator = Operator(daemon.start(), omnigate)
    to = ("--channel", "mail", "--address", ANNA)
    sent = operator.json("message", "send", "It is here.", *to, "--subject", "Your bicycle")
    until(lambda: outside.mails, "the customer gets it")
    assert outside.mails[0]["Subject"] == "Your bicycle"

    shown = operator("message", "show", sent["id"])
    assert shown.code == 0, shown.err
    fields = dict(line.split(maxsplit=1) for line in shown.out.splitlines() if "  " in line)
    assert fields["channel"] == "mail (email)"
    assert fields["to"] == ANNA
    assert fields["subject"] == "Your bicycle"
    status, answer = daemon.request("GET", f"/v1/messages/{sent['id']}", token=daemon.token)
    assert status == 200
    assert answer["channel"] == {"name": "mail", "kind": "email"}
    assert answer["address"] == ANNA
    (listed,) = operator.json("message", "list")["items"]
    assert (listed["channel"], listed["address"]) == (answer["channel"], ANNA)


def test_what_came_in_is_shown_with_its_sender_and_without_a_recipient(operator: Any) -> None:
    omnigate = operator()
    omnigate.daemon.say("hello")
    (listed,) = omnigate.json("message", "list")["items"]
    shown = omnigate("message", "show", listed["id"]).out.splitlines()
    fields = dict(line.split(maxsplit=1) for line in shown if "  " in line)
    assert (fields["channel"], fields["from"]) == ("app (http)", "app:c-1")
    assert "to" not in fields
    assert listed["address"] == "app:c-1"


def test_a_change_that_is_owed_or_was_given_up_is_shown_as_what_it_is(
    new_daemon: Callable[..., Any], omnigate: Any, platform: Platform, receiver: Any, until: Any
) -> None:
    """Not as if the whole message were sent once more; the customer's side had deleted the message."""
    bot = platform.telegram.add_bot()
    anna = platform.telegram.person("Anna")
    daemon = new_daemon()
    give(daemon, platform, bot, "poll")
    operator = Operator(daemon.start(), omnigate)
    platform.do(anna.starts(bot, ""))
    (asked,) = until(lambda: receiver.crm.of("message.received"), "the CRM hears of her")
    sent = daemon.send({"conversation": asked.json["conversation"]["id"]}, "a hundred")
    until(lambda: receiver.crm.of("message.sent"), "it is sent")
    assert operator("channel", "pause", "bot").code == 0
    path = f"/v1/messages/{sent['id']}"
    assert daemon.request("PATCH", path, {"text": "two hundred"}, token=daemon.token)[0] == 202
    assert daemon.request("DELETE", path, token=daemon.token)[0] == 202

    items = operator.json("queue", "show", sent["conversation"])["items"]
    assert [item["action"] for item in items] == ["edit", "delete"]
    plain = operator("queue", "show", sent["conversation"]).out
    assert "message edit" in plain
    assert "message delete" in plain
    edit, deletion = (operator.json("queue", "show", str(item["id"])) for item in items)
    name = operator.json("message", "show", sent["id"])["external_ids"][0]
    assert edit["content"] == {
        "message": sent["id"],
        "action": "edit",
        "steps": [
            {
                "external_id": name,
                "state": "queued",
                "error": None,
                "text": "two hundred",
                "attachments": [],
                "buttons": [],
            }
        ],
    }
    assert deletion["content"]["action"] == "delete"
    assert "a hundred" not in str(deletion)

    taken_back(platform, bot, name)
    assert operator("channel", "resume", "bot").code == 0
    letter = operator.dead(1)[0]
    assert letter["action"] == "edit"
    shown = operator("dead", "show", str(letter["id"])).out
    assert "two hundred" in shown
    assert "a hundred" not in shown
    assert "message edit" in operator("dead", "list").out


def taken_back(platform: Platform, bot: Bot, name: str) -> None:
    """Delete a message behind the daemon's back."""
    chat, _, number = name.rpartition(":")
    url = f"{platform.telegram.url}/bot{bot.token}/deleteMessage"
    body = json.dumps({"chat_id": int(chat), "message_id": int(number)}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer)["ok"]
