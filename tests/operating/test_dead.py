"""``omnigate dead`` through the real command line against a real daemon."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def test_a_dead_letter_is_listed_shown_and_offered_again_with_its_id(
    operator: Callable[..., Any], receiver: Any, refuse: Any, until: Any
) -> None:
    receiver.crm.behave = refuse("bad")
    omnigate = operator()
    omnigate.daemon.say("bad")
    omnigate.daemon.say("good")
    (letter,) = omnigate.dead(1)
    assert (letter["destination"], letter["reason"], letter["attempts"]) == ("crm", "attempts", 5)
    assert letter["type"] == "message.received"

    plain = omnigate("dead", "list", "--to", "crm", "--since", "1h", "--reason", "attempts")
    assert plain.code == 0, plain.err
    assert letter["event"] in plain.out

    assert omnigate.json("dead", "list", "--reason", "expired")["items"] == [], "a known reason"

    shown = omnigate("dead", "show", str(letter["id"]))
    assert shown.code == 0, shown.err
    assert shown.out.count("400") >= 5, "every attempt is there"
    assert '"text": "bad"' in shown.out
    in_full = omnigate.json("dead", "show", str(letter["id"]))
    assert [one["number"] for one in in_full["tries"]] == [1, 2, 3, 4, 5]
    assert {one["status"] for one in in_full["tries"]} == {400}

    receiver.crm.behave = refuse()
    done = omnigate("dead", "replay", str(letter["id"]))
    assert (done.code, done.out) == (0, "Queued again: 1 dead letter.\n")
    until(lambda: receiver.crm.texts().count("bad") == 6, "the letter is delivered")
    again = receiver.crm.deliveries[-1]
    assert again.id == letter["event"]
    assert again.attempt == 1, "it begins anew"
    assert again.replay
    assert not any(one.replay for one in receiver.crm.deliveries[:-1])
    assert again.json["gap"] == [], "a replay announces no gap"
    assert omnigate.json("dead", "list")["items"] == [], "replaying removes it"
    until(lambda: omnigate.daemon.status("crm")["pending"] == 0, "nothing is owed")
    assert omnigate.is_sound()


def test_letters_of_one_conversation_are_replayed_in_order_and_hold_up_nobody(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(400 if delivery.conversation == "c-1" else 204)
    omnigate = operator()
    for number in range(4):
        omnigate.daemon.say(f"old {number}")
    omnigate.dead(5)  # the conversation's beginning too
    failing = True
    receiver.crm.behave = lambda delivery: answer(500 if delivery.replay and failing else 204)
    done = omnigate("dead", "replay", "--to", "crm")
    assert (done.code, done.out) == (0, "Queued again: 5 dead letters.\n")
    until(lambda: any(one.replay for one in receiver.crm.deliveries), "they are tried")
    omnigate.daemon.say("live")
    until(lambda: "live" in receiver.crm.texts(), "what happens now is not held up")
    failing = False
    until(lambda: omnigate.daemon.status("crm")["pending"] == 0, "all are delivered")
    delivered = [one.text for one in receiver.crm.deliveries if one.replay]
    firsts = [text for text in dict.fromkeys(delivered) if text is not None]
    assert firsts == [f"old {number}" for number in range(4)]
    (live,) = [one for one in receiver.crm.deliveries if one.text == "live"]
    assert len(live.json["gap"]) == 5, "what died is announced once, by what is live"


def test_a_message_that_could_not_be_sent_is_sent_after_all(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    receiver.answers.behave = lambda delivery: answer(422)
    omnigate = operator()
    omnigate.daemon.say("hello")
    conversation = omnigate.daemon.get("/v1/conversations")["items"][0]["id"]
    queued = omnigate.daemon.send({"conversation": conversation}, "an answer")
    (letter,) = omnigate.dead(1)
    assert (letter["direction"], letter["destination"]) == ("channel", "app")
    assert letter["message"] == queued["id"]
    assert letter["conversation"] == conversation
    assert omnigate.daemon.get(f"/v1/messages/{queued['id']}")["state"] == "failed"
    assert "an answer" in omnigate("dead", "show", str(letter["id"])).out

    receiver.answers.behave = lambda delivery: answer(200, b'{"external_id": "p-1"}')
    assert omnigate("dead", "replay", "--all", "--yes").code == 0
    until(lambda: "message.sent" in [one.json["type"] for one in receiver.crm.deliveries], "sent")
    said = omnigate.daemon.get(f"/v1/messages/{queued['id']}")
    assert (said["state"], said["error"]) == ("sent", None)
    assert [part["external_id"] for part in said["parts"]] == ["p-1"]
    (sent,) = receiver.crm.of("message.sent")
    assert sent.json["data"]["message"]["state"] == "sent"


def test_dropping_asks_where_it_can_and_deletes_by_filter(
    operator: Callable[..., Any], receiver: Any, refuse: Any
) -> None:
    receiver.crm.behave = refuse("bad", "worse")
    omnigate = operator()
    omnigate.daemon.say("bad")
    omnigate.daemon.say("worse", conversation="c-2")
    first, second = omnigate.dead(2)
    unasked = omnigate("dead", "drop", "--to", "crm")
    assert unasked.code == 2
    assert "--yes" in unasked.err
    assert len(omnigate.dead(2)) == 2
    assert "Drop 2 dead letters? [y/N]" in at_a_terminal(omnigate, b"n", "dead", "drop", "--all")
    assert len(omnigate.dead(2)) == 2, "the answer was no"
    counted = omnigate("dead", "drop", "--all", "--dry-run")
    assert (counted.code, counted.out) == (0, "2 dead letters would be dropped.\n")
    assert omnigate("dead", "drop", str(first["id"])).code == 0
    (left,) = omnigate.dead(1)
    assert left["id"] == second["id"]
    assert omnigate.json("dead", "drop", "--to", "crm", "--yes") == {"count": 1, "refused": []}
    nothing = omnigate("dead", "drop", "--to", "crm", "--yes")
    assert nothing.code == 1
    assert "No dead letter matches." in nothing.err


def at_a_terminal(omnigate: Any, answer: bytes, *words: str) -> str:
    """Run a command as somebody at a terminal; returns what stood there in the end."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "omnigate", *words]
    config = str(omnigate.daemon.folder / "omnigate.toml")
    with subprocess.Popen(
        [*command, "--config", config], stdin=theirs, stdout=theirs, stderr=theirs
    ) as running:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how a terminal ends on Linux
            while some := os.read(ours, 4096):
                shown += some
                if shown.endswith(b"]: "):
                    os.write(ours, answer + b"\n")
        os.close(ours)
        assert running.wait(30) == 1, shown
    return shown.decode()


def test_without_a_daemon_letters_can_be_seen_and_dropped_but_not_replayed(
    operator: Callable[..., Any], receiver: Any, refuse: Any
) -> None:
    receiver.crm.behave = refuse("bad")
    omnigate = operator()
    omnigate.daemon.say("bad")
    (letter,) = omnigate.dead(1)
    omnigate.daemon.stop()
    assert omnigate.json("dead", "list")["items"] == [letter]
    assert omnigate.json("dead", "show", str(letter["id"]))["tries"]
    replayed = omnigate("dead", "replay", str(letter["id"]))
    assert replayed.code == 1
    assert "not running" in replayed.err
    assert "omnigate run" in replayed.err
    assert omnigate("dead", "drop", str(letter["id"])).code == 0
    assert omnigate.json("dead", "list")["items"] == []
    assert omnigate.is_sound()


def test_a_letter_for_somebody_who_left_the_configuration_stays(
    operator: Callable[..., Any], receiver: Any, answer: Any
) -> None:
    receiver.at("old").behave = lambda delivery: answer(400)
    omnigate = operator(more_backends={"old": f'url = "{receiver.url}/old"\n'})
    omnigate.daemon.say("bad")
    letters = omnigate.dead(2)
    assert {letter["destination"] for letter in letters} == {"old"}
    omnigate.daemon.stop()
    path = omnigate.daemon.folder / "omnigate.toml"
    text = path.read_text()
    path.write_text(text[: text.index("[backends.old]")] + '[[routes]]\nbackends = ["crm"]\n')
    omnigate.daemon.start()
    result = omnigate("dead", "replay", "--all")
    assert result.code == 1
    assert "no backend old in the configuration any more" in result.err
    assert len(omnigate.dead(2)) == 2
