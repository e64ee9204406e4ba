"""Outages: what waits, what is tried, and how fast it all arrives when the receiver is back."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pytest

# The breaker's real times are fixed; a test does not wait half a minute.
IMPATIENT = "import omnigate.flow.breaker as breaker\nbreaker.OPEN_SECONDS = 1.0"
LANES = 30


def in_order(deliveries: list[Any]) -> None:
    """Check that each conversation's events came first in the order of their sequence."""
    seen: dict[str, list[int]] = defaultdict(list)
    for delivery in deliveries:
        if delivery.json["sequence"] not in seen[delivery.conversation]:
            seen[delivery.conversation].append(delivery.json["sequence"])
    for conversation, sequences in seen.items():
        assert sequences == list(range(1, len(sequences) + 1)), conversation


@pytest.mark.parametrize("restarts", [False, True])
def test_after_an_outage_all_that_waited_arrives_at_once_and_in_order(
    restarts: bool, receiver: Any, new_daemon: Any, until: Any
) -> None:
    daemon = new_daemon(schedule="[600]").start(IMPATIENT)
    receiver.down()
    for number in range(LANES):
        daemon.say(f"one-{number}", f"c-{number}")
        daemon.say(f"two-{number}", f"c-{number}")
    until(lambda: daemon.status("crm")["state"] != "up", "the outage is noticed")
    if restarts:
        daemon.stop()
        daemon.start(IMPATIENT)
    receiver.up()
    # Every lane that was tried waits ten minutes by the schedule: recovery is what wakes it.
    until(lambda: len(set(receiver.crm.texts())) == 2 * LANES, "all has come", 15)
    in_order(receiver.crm.deliveries)
    assert Counter(one.id for one in receiver.crm.deliveries).most_common(1)[0][1] == 1
    until(lambda: daemon.status("crm")["pending"] == 0, "nothing is left")
    assert daemon.status("crm")["dead"] == 0


def test_while_the_breaker_is_open_the_receiver_is_only_probed(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    daemon = new_daemon(schedule="[0.1]").start(IMPATIENT)
    receiver.crm.behave = lambda delivery: answer(503)
    for number in range(LANES):
        daemon.say(f"m-{number}", f"c-{number}")
    until(lambda: daemon.status("crm")["state"] != "up", "the outage is noticed")
    until(lambda: len(receiver.crm.deliveries) >= 8, "it was probed", 20)
    times = [one.at for one in receiver.crm.deliveries]
    assert times[4] - times[0] < 2, "five failures open it"
    # What was under way when the fifth failed comes still; after it the receiver is left alone.
    last = max(at for at in times if at - times[4] < 0.5)
    waits = [later - earlier for earlier, later in pairwise(times[times.index(last) :])]
    assert all(wait > 0.9 for wait in waits), waits
    assert waits == sorted(waits), "each time it is left alone for longer"
    receiver.crm.behave = lambda delivery: answer()
    until(lambda: daemon.status("crm")["pending"] == 0, "all is delivered")
    in_order([one for one in receiver.crm.deliveries if one.at > times[-1]])


def test_a_receiver_that_refuses_everything_kills_nothing(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    """A bad deploy answers 400 to all: that is the receiver's failure, not the events'."""
    daemon = new_daemon(schedule="[0.3]").start(IMPATIENT)
    receiver.crm.behave = lambda delivery: answer(400)
    for number in range(LANES):
        daemon.say(f"m-{number}", f"c-{number}")
    until(lambda: daemon.status("crm")["state"] != "up", "the receiver is blamed")
    receiver.crm.behave = lambda delivery: answer()
    until(lambda: daemon.status("crm")["pending"] == 0, "all is delivered")
    assert daemon.status("crm")["dead"] == 0
    assert len(set(receiver.crm.texts())) == LANES


def test_a_reply_that_cannot_be_sent_does_not_make_the_event_undelivered(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    stray = "msg_" + "0" * 26
    reply = json.dumps({"messages": [{"text": "hi", "reply_to": stray}, {"text": "hello"}]})
    receiver.crm.behave = lambda delivery: answer(
        200, reply.encode() if delivery.text == "question" else b""
    )
    daemon.say("question")
    daemon.say("more")
    until(lambda: "more" in receiver.crm.texts(), "the conversation goes on")
    assert receiver.crm.texts() == ["question", "more"]
    assert receiver.crm.deliveries[-1].json["gap"] == []
    until(lambda: receiver.answers.deliveries, "what could be sent is sent")
    assert daemon.status("crm")["dead"] == 0
    assert "reply" in daemon.log()


def test_what_does_not_end_in_time_at_a_stop_is_tried_again_later(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    daemon = new_daemon()
    path = daemon.folder / "omnigate.toml"
    path.write_text(path.read_text().replace("[server]", "[server]\nshutdown_seconds = 0.3"))
    daemon.start()
    receiver.crm.behave = lambda delivery: answer(delay_seconds=1.5)
    daemon.say("one")
    until(lambda: receiver.crm.deliveries, "the attempt is under way")
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 15
    receiver.crm.behave = lambda delivery: answer()
    daemon.start()
    until(lambda: receiver.crm.texts() == ["one"], "it came after all")
    first, again = [one for one in receiver.crm.deliveries if one.json["sequence"] == 1]
    assert first.id == again.id
