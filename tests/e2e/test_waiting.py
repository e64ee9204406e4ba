"""Who waits too long is reported once, also when the daemon was down meanwhile; the real processes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.e2e.scraping import scrape

OVERDUE = "conversation.overdue"
TARGET = "response_target_seconds = {}\n[channels.site]"


def with_target(daemon: Any, seconds: float) -> Any:
    path = daemon.folder / "omnigate.toml"
    path.write_text(path.read_text().replace("[channels.site]", TARGET.format(seconds), 1))
    return daemon


def app(daemon: Any) -> dict[str, Any]:
    """Return how the channel is, as the operator sees it."""
    listed = json.loads(daemon.omnigate("status", "--json"))["channels"]
    return next(dict(one) for one in listed if one["name"] == "app")


def test_who_is_not_answered_in_time_is_reported_once(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    daemon = with_target(new_daemon(), 2).start()
    assert daemon.token, "made before the clock runs"
    daemon.say("hello", "c-1")
    daemon.say("hello?", "c-1")
    daemon.say("hi", "c-2")
    daemon.send({"channel": "app", "address": "app:c-2"}, "at your service")
    [told] = until(lambda: receiver.crm.of(OVERDUE), "it is reported")
    waited = told.json["data"]["wait"]
    assert (told.conversation, waited["target_seconds"], waited["first"]) == ("c-1", 2, True)
    [first] = [one for one in receiver.crm.of("message.received") if one.text == "hello"]
    assert waited["message"] == first.json["data"]["message"]["id"]
    until(lambda: app(daemon)["overdue"] == 1, "the operator sees it")
    assert app(daemon)["waiting"] == 1

    daemon.send({"channel": "app", "address": "app:c-1"}, "sorry")
    until(lambda: app(daemon)["waiting"] == 0, "nobody waits any more")
    daemon.say("thanks", "c-1")
    until(lambda: len(receiver.crm.of(OVERDUE)) == 2, "the next wait is another one")
    assert receiver.crm.of(OVERDUE)[1].json["data"]["wait"]["first"] is False
    [shown] = daemon.get("/v1/stats?channel=app")["channels"]
    assert (shown["began"], shown["answered"], shown["missed"]) == (3, 2, 2)
    assert shown["first_response"]["count"] == 2
    figures = scrape(daemon)
    assert figures.value("omnigate_response_seconds_count", channel="app") == 2
    assert figures.value("omnigate_overdue_customers", channel="app") == 1


def test_who_becomes_overdue_while_the_daemon_is_down_is_reported_after_the_start(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    daemon = with_target(new_daemon(), 1).start()
    for number in range(3):
        daemon.say(f"m-{number}", f"c-{number}")
    daemon.kill()
    assert receiver.crm.of(OVERDUE) == []
    daemon.start()
    until(lambda: len(receiver.crm.of(OVERDUE)) >= 3, "all are reported")
    daemon.stop()
    daemon.start()
    daemon.say("later", "c-9")
    until(lambda: "later" in receiver.crm.texts(), "the daemon goes on")
    told = Counter({one.id: one.conversation for one in receiver.crm.of(OVERDUE)}.values())
    assert told.keys() >= {"c-0", "c-1", "c-2"}
    assert max(told.values()) == 1, "once each"


def test_a_target_that_is_taken_away_holds_for_waits_that_began_before(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    daemon = with_target(new_daemon(), 2).start()
    daemon.say("early", "c-1")
    path = daemon.folder / "omnigate.toml"
    path.write_text(path.read_text().replace("response_target_seconds = 2\n", ""))
    daemon.omnigate("reload")
    daemon.say("late", "c-2")
    [told] = until(lambda: receiver.crm.of(OVERDUE), "the early one is reported")
    assert told.conversation == "c-1"
    [shown] = daemon.get("/v1/stats?channel=app")["channels"]
    assert (shown["waiting"], shown["overdue"]) == (2, 1)


def test_when_the_crm_cannot_keep_up_chats_come_before_mail_and_mail_comes_all_the_same(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    daemon = new_daemon()
    path = daemon.folder / "omnigate.toml"
    slow = path.read_text().replace("[channels.app]", "[channels.app]\npriority = 200", 1)
    chat = slow[slow.index("[channels.app]") : slow.index("[channels.site]")]
    chat = chat.replace("[channels.app]\npriority = 200", "[channels.chat]\npriority = 20")
    text = slow.replace("[channels.site]", f"{chat}[channels.site]", 1)
    path.write_text(text.replace("concurrency = 4", "concurrency = 2", 1))
    daemon.start()
    daemon.omnigate("backend", "pause", "crm")
    for name, count in (("app", 60), ("chat", 20)):
        batch = [
            {
                "external_id": f"{name}-{number}",
                "conversation": f"c-{number}",
                "sender": {"address": f"{name}:{number}"},
                "text": f"{name}-{number}",
            }
            for number in range(count)
        ]
        assert daemon.request("POST", f"/channels/{name}/messages", batch)[0] == 202
    receiver.crm.behave = lambda one: answer(204, delay_seconds=0.02)
    daemon.omnigate("backend", "resume", "crm")
    until(lambda: len(set(receiver.crm.texts())) == 80, "everything has come")
    order = list(dict.fromkeys(one for one in receiver.crm.texts() if one))
    mail = [at for at, one in enumerate(order) if one.startswith("app")]
    chats = [at for at, one in enumerate(order) if one.startswith("chat")]
    assert max(chats) < 40, "chats came long before the mail that had waited longer"
    assert min(mail) < max(chats), "and some mail all the same: nobody starves"
