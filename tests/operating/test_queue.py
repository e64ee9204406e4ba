"""``omnigate queue`` and ``message cancel`` through the real command line against a real daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def first_conversation(daemon: Any) -> str:
    return str(daemon.get("/v1/conversations")["items"][0]["id"])


def test_the_queue_says_what_waits_for_whom_and_why_and_is_hastened(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(503)
    omnigate = operator(schedule="[3600]")
    omnigate.daemon.say("one")
    omnigate.daemon.say("two")
    omnigate.daemon.say("three", conversation="c-2")
    conversation = next(
        item["id"]
        for item in omnigate.daemon.get("/v1/conversations")["items"]
        if item["external_id"] == "c-1"
    )

    def waiting() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = omnigate.json("queue", "list")["items"]
        return items if all(item["attempts"] == 1 for item in items) and len(items) == 2 else []

    lanes = until(waiting, "both lanes were tried")
    by_conversation = {item["conversation"]: item for item in lanes}
    lane = by_conversation[conversation]
    assert (lane["destination"], lane["pending"], lane["state"]) == ("crm", 3, "waiting")
    assert "503" in lane["last_error"]
    plain = omnigate("queue", "list", "--to", "crm")
    assert plain.code == 0, plain.err
    assert conversation in plain.out
    assert "in 59 min" in plain.out or "in 1 h" in plain.out
    items = omnigate.json("queue", "show", conversation)["items"]
    assert [item["type"] for item in items][1:] == ["message.received"] * 2
    assert conversation not in omnigate("queue", "show", str(items[1]["id"])).err
    shown = omnigate("queue", "show", str(lane["head"]))
    assert shown.code == 0, shown.err
    assert "503" in shown.out
    assert '"type": "conversation.started"' in shown.out
    assert omnigate.json("queue", "list", "--to", "app")["items"] == []

    receiver.crm.behave = lambda delivery: answer()
    assert omnigate("queue", "retry", "--conversation", conversation).out == (
        "Due now: 1 conversation.\n"
    )
    until(lambda: "two" in receiver.crm.texts(), "the lane went out")
    assert omnigate("queue", "retry", "--to", "crm").out == "Due now: 1 conversation.\n"
    until(lambda: omnigate.json("queue", "list")["items"] == [], "nothing waits")
    nothing = omnigate("queue", "list")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "Nothing waits.\n")
    assert omnigate("queue", "retry").out == "Due now: 0 conversations.\n"


def test_what_is_dropped_is_announced_by_what_follows(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(503)
    omnigate = operator(schedule="[3600]")
    for text in ("one", "two", "three"):
        omnigate.daemon.say(text)
    until(lambda: omnigate.daemon.status("crm")["pending"] == 4, "all is pending")
    conversation = first_conversation(omnigate.daemon)
    items = omnigate.json("queue", "show", conversation)["items"]
    first, second = str(items[0]["id"]), str(items[2]["id"])
    counted = omnigate("queue", "drop", "--to", "crm", "--dry-run")
    assert counted.out == "4 items would be dropped.\n"
    unasked = omnigate("queue", "drop", "--conversation", conversation)
    assert unasked.code == 2
    assert "--yes" in unasked.err
    done = omnigate("queue", "drop", first, second)
    assert (done.code, done.out) == (0, "Dropped 2 items.\n")
    receiver.crm.behave = lambda delivery: answer()
    until(
        lambda: (
            omnigate("queue", "retry").code == 0 and omnigate.json("queue", "list")["items"] == []
        ),
        "the rest went out",
    )
    delivered = [one for one in receiver.crm.deliveries if one.json["sequence"] in (2, 4)]
    accepted = delivered[-2:]
    assert [one.text for one in accepted] == ["one", "three"]
    assert accepted[0].json["gap"] == [1, 3]
    assert accepted[1].json["gap"] == []
    assert omnigate.is_sound()


def test_without_a_daemon_the_queue_can_be_seen_and_dropped(
    operator: Callable[..., Any], receiver: Any, answer: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(200, delay_seconds=60)
    omnigate = operator()
    omnigate.daemon.say("hello")
    omnigate.daemon.kill()  # in the midst of an attempt
    (lane,) = omnigate.json("queue", "list")["items"]
    assert (lane["pending"], lane["state"]) == (2, "waiting"), "nobody works on it any more"
    assert (lane["held"]["why"], lane["next_try_at"]) == ("not_running", None)
    retried = omnigate("queue", "retry")
    assert retried.code == 1
    assert "not running" in retried.err
    assert omnigate.json("queue", "drop", "--all", "--yes") == {"count": 2, "refused": []}
    assert omnigate.json("queue", "list")["items"] == []
    assert omnigate.is_sound()


def test_a_message_that_waits_is_cancelled_and_the_crm_hears_of_it(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    receiver.answers.behave = lambda delivery: answer(503)
    omnigate = operator(schedule="[3600]")
    omnigate.daemon.say("hello")
    conversation = first_conversation(omnigate.daemon)
    first, second = (
        omnigate.daemon.send({"conversation": conversation}, text)["id"] for text in ("a", "b")
    )
    until(
        lambda: (
            [item["attempts"] for item in omnigate.json("queue", "list", "--to", "app")["items"]]
            == [1]
        ),
        "the first was tried",
    )
    # The first was surely not sent, and waits; the second waits behind it.
    done = omnigate("message", "cancel", second)
    assert (done.code, done.out) == (0, f"Cancelled {second}; it is failed: cancelled.\n")
    status, said = omnigate.daemon.request(
        "POST", f"/v1/messages/{first}/cancel", token=omnigate.daemon.token
    )
    assert (status, said["state"], said["error"]) == (200, "failed", "cancelled")
    until(lambda: len(receiver.crm.of("message.failed")) == 2, "the CRM hears of both")
    told = [one.json["data"]["message"] for one in receiver.crm.of("message.failed")]
    assert [(one["id"], one["error"]) for one in told] == [
        (second, "cancelled"),
        (first, "cancelled"),
    ]
    assert omnigate.json("queue", "list", "--to", "app")["items"] == []
    assert omnigate.daemon.get(f"/v1/messages/{first}")["state"] == "failed"
    again = omnigate("message", "cancel", first)
    assert again.code == 1
    assert "nothing of it waits any more" in again.err

    third, _ = (
        omnigate.daemon.send({"conversation": conversation}, text)["id"] for text in ("c", "d")
    )
    omnigate.daemon.stop()
    assert omnigate("message", "cancel", third).code == 0
    assert omnigate("queue", "drop", "--to", "app", "--yes").out == "Dropped 1 item.\n"
    omnigate.daemon.start()
    until(
        lambda: len(receiver.crm.of("message.failed")) == 4,
        "what was cancelled without a daemon is told by the next one",
    )
    assert omnigate.is_sound()


def test_what_is_sent_or_being_sent_cannot_be_cancelled(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    omnigate = operator()
    omnigate.daemon.say("hello")
    conversation = first_conversation(omnigate.daemon)
    sent = omnigate.daemon.send({"conversation": conversation}, "sent")["id"]
    until(lambda: omnigate.daemon.get(f"/v1/messages/{sent}")["state"] == "sent", "it is sent")
    assert "The message is sent" in omnigate("message", "cancel", sent).err
    receiver.answers.behave = lambda delivery: answer(delay_seconds=1.5)
    slow = omnigate.daemon.send({"conversation": conversation}, "slow")["id"]
    until(lambda: "slow" in [one.json["text"] for one in receiver.answers.deliveries], "under way")
    refused = omnigate("message", "cancel", slow)
    assert refused.code == 1
    assert "being sent at this moment" in refused.err
    dropped = omnigate("queue", "drop", "--to", "app", "--yes")
    assert dropped.code == 1
    assert "being sent at this moment" in dropped.err
    until(lambda: omnigate.daemon.get(f"/v1/messages/{slow}")["state"] == "sent", "it arrives")
    assert [one.json["text"] for one in receiver.answers.deliveries] == ["sent", "slow"]
    (inbound,) = [
        item["id"]
        for item in omnigate.daemon.get("/v1/messages")["items"]
        if item["direction"] == "inbound"
    ]
    assert "came from the customer" in omnigate("message", "cancel", inbound).err
    assert "no such message" in omnigate("message", "cancel", "msg_" + "0" * 26).err
    assert omnigate.is_sound()


def test_of_a_channel_and_a_backend_of_one_name_it_is_said_which_is_meant(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(503)
    receiver.answers.behave = lambda delivery: answer(503)
    omnigate = operator(
        schedule="[3600]", more_backends={"app": f'url = "{receiver.url}/crm"\nevents = ["*"]\n'}
    )
    omnigate.daemon.say("one")
    omnigate("message", "send", "yes", "--conversation", first_conversation(omnigate.daemon))

    def directions(to: str) -> set[str]:
        return {item["direction"] for item in omnigate.json("queue", "list", "--to", to)["items"]}

    until(lambda: directions("app") == {"backend", "channel"}, "both are owed something")
    assert directions("backend:app") == {"backend"}
    for words in (["queue", "drop", "--yes"], ["dead", "drop", "--yes"], ["dead", "replay"]):
        refused = omnigate(*words, "--to", "app")
        assert refused.code == 1, words
        assert "say backend:app or channel:app" in refused.err
    assert directions("app") == {"backend", "channel"}, "nothing was dropped"
    until(
        lambda: omnigate("queue", "drop", "--yes", "--to", "channel:app").code == 0,
        "it is not being sent any more",
    )
    assert directions("app") == {"backend"}
    assert omnigate("queue", "list", "--to", "channel:crm").code == 1, "a backend is no channel"
    assert omnigate("queue", "list", "--to", "backend:crm").code == 0
    assert omnigate.is_sound()


def test_an_error_is_shown_whole_where_one_message_is_looked_at(
    operator: Callable[..., Any], receiver: Any, until: Any
) -> None:
    omnigate = operator(schedule="[3600]")
    path = omnigate.daemon.folder / "omnigate.toml"
    path.write_text(
        path.read_text().replace(f"{receiver.url}/answers", "http://127.0.0.1:1/answers")
    )
    assert omnigate("reload").code == 0
    omnigate.daemon.say("one")
    conversation = first_conversation(omnigate.daemon)
    sent = omnigate.json("message", "send", "yes", "--conversation", conversation)["id"]
    until(lambda: "refused" in omnigate("message", "show", sent).out, "it was tried")
    assert "connection refused; is anything running there?" in omnigate("message", "show", sent).out
    shown = omnigate("conversation", "show", conversation).out
    contact = omnigate.json("conversation", "show", conversation)["contact"]["id"]
    assert contact in shown, "who is to be exported or erased can be named"
