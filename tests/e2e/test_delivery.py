"""Delivery as a CRM sees it: order, repetition, pauses, dead letters; the daemon is a real process."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any


def outbound(daemon: Any) -> list[dict[str, Any]]:
    return list(daemon.get("/v1/messages?direction=outbound")["items"])


def test_a_conversation_stays_in_order_whatever_the_receiver_does(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)
    streak = 0

    def moody(delivery: Any) -> Any:
        # Never five failures in a row: the breaker would keep the destination closed for 30 s.
        nonlocal streak
        fails = chance.random() < 0.25 and streak < 3
        streak = streak + 1 if fails else 0
        return chance.choice([answer(500), answer(503), answer(0)]) if fails else answer()

    receiver.crm.behave = moody
    for number in range(12):
        for conversation in range(5):
            daemon.say(f"{conversation}-{number}", f"c-{conversation}")
    until(lambda: len(set(receiver.crm.texts())) == 60, "all 60 have come")
    seen: dict[str, list[int]] = defaultdict(list)
    for delivery in receiver.crm.deliveries:
        sequence = delivery.json["sequence"]
        if sequence is not None and sequence not in seen[delivery.conversation]:
            seen[delivery.conversation].append(sequence)
    assert len(seen) == 5
    for name, sequences in seen.items():
        assert sequences == list(range(1, 14)), name
    assert any(one.attempt > 1 for one in receiver.crm.deliveries)


def test_a_dead_destination_does_not_slow_a_healthy_one(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    dead = f'url = "{receiver.url}/dead"\ntimeout_seconds = 2\nconcurrency = 2\n'
    daemon = new_daemon(more_backends={"dead": dead}).start()
    receiver.at("dead").behave = lambda delivery: answer(204, delay_seconds=5)
    began = time.monotonic()
    for number in range(40):
        daemon.say(f"m-{number}", f"c-{number % 8}")
    until(lambda: len(set(receiver.crm.texts())) == 40, "the healthy one has all", 20)
    assert time.monotonic() - began < 20, "the dead one takes three quarters of a minute"
    assert receiver.at("dead").deliveries, "the dead one was tried"
    assert daemon.status("dead")["pending"] > 0


def test_gone_pauses_a_destination_and_keeps_its_queue(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(410)
    daemon.say("one")
    until(lambda: receiver.crm.deliveries, "the receiver has said that it is gone")
    until(lambda: daemon.status("crm")["state"] == "paused", "it is paused")
    receiver.crm.behave = lambda delivery: answer()
    tried = len(receiver.crm.deliveries)
    daemon.say("two", "c-2")
    daemon.stop()
    daemon.start()
    assert daemon.status("crm")["state"] == "paused"
    assert daemon.status("crm")["pending"] == 4
    assert len(receiver.crm.deliveries) == tried
    assert "goes out now" in daemon.omnigate("backend", "test", "crm")
    until(lambda: daemon.status("crm")["pending"] == 0, "a test that it passes lets it go on")


def test_retry_after_holds_the_whole_destination_back(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: (
        answer(429, headers={"retry-after": "2"}) if len(receiver.crm.deliveries) == 1 else answer()
    )
    daemon.say("first")
    until(lambda: receiver.crm.deliveries, "it was told to wait")
    daemon.say("second", "c-2")
    until(lambda: len(set(receiver.crm.texts())) == 2, "both have come")
    refused, following = receiver.crm.deliveries[0], receiver.crm.deliveries[1]
    assert following.at - refused.at >= 1.9


def test_an_attempt_that_was_under_way_does_not_undo_retry_after(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    def busy(delivery: Any) -> Any:
        if delivery.conversation == "c-slow":
            return answer(delay_seconds=0.7)
        if len([one for one in receiver.crm.deliveries if one.conversation == "c-1"]) == 1:
            return answer(429, headers={"retry-after": "3"})
        return answer()

    receiver.crm.behave = busy
    daemon.say("slow", "c-slow")
    until(lambda: receiver.crm.deliveries, "the slow attempt is under way")
    daemon.say("fast", "c-1")
    until(lambda: "fast" in receiver.crm.texts(), "it came in the end")
    fast = [one for one in receiver.crm.deliveries if one.conversation == "c-1"]
    assert fast[1].at - fast[0].at >= 2.9
    between = [one for one in receiver.crm.deliveries if fast[0].at < one.at < fast[1].at]
    assert len(between) <= 1, "at most the lane that was being worked on went on"


def test_a_poisonous_event_dies_after_five_attempts_and_its_gap_is_announced(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    refused = answer(400, delay_seconds=0.6)
    receiver.crm.behave = lambda delivery: refused if delivery.text == "poison" else answer()
    daemon.say("before")
    daemon.say("poison")
    daemon.say("after")
    for number in range(5):
        daemon.say(f"other-{number}", f"o-{number}")
    until(lambda: "after" in receiver.crm.texts(), "the conversation goes on")
    poison = [one for one in receiver.crm.deliveries if one.text == "poison"]
    assert [one.attempt for one in poison] == [1, 2, 3, 4, 5]
    assert len({one.id for one in poison}) == 1
    (after,) = [one for one in receiver.crm.deliveries if one.text == "after"]
    assert after.json["gap"] == [poison[0].json["sequence"]]
    others = [one for one in receiver.crm.deliveries if one.conversation.startswith("o-")]
    assert {one.attempt for one in others} == {1}
    assert all(one.at < poison[-1].at for one in others), "nobody waited for the poison"
    daemon.say("at last")
    until(lambda: "at last" in receiver.crm.texts(), "the lane is healthy")
    assert receiver.crm.deliveries[-1].json["gap"] == [], "a gap is announced once"
    until(lambda: daemon.status("crm")["dead"] == 1, "it is listed as dead")


def test_a_reply_in_the_response_is_sent_once_though_the_event_is_delivered_twice(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    reply = json.dumps({"messages": [{"text": "from the bot"}]}).encode()

    def bot(delivery: Any) -> Any:
        if delivery.text == "question" and delivery.attempt == 1:
            # Taken, answered, and yet the daemon cannot know: it has to ask again.
            return answer(200, reply, delay_seconds=2.3)
        return answer(200, reply if delivery.text == "question" else b"")

    receiver.crm.behave = bot
    daemon.say("question")
    until(lambda: receiver.answers.deliveries, "the bot's words are sent")
    daemon.say("more")
    until(lambda: "more" in receiver.crm.texts(), "the conversation goes on")
    assert receiver.crm.texts() == ["question", "question", "more"]
    assert [one["text"] for one in outbound(daemon)] == ["from the bot"]
    assert len(receiver.answers.deliveries) == 1


def test_a_reply_repeated_over_a_kill_is_sent_once(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    """The daemon dies after it took the reply and before it wrote down that the event is delivered."""
    daemon = new_daemon()
    crash = (
        "import os\nfrom omnigate.flow.carriers import BackendCarrier\n"
        "carry = BackendCarrier.carry\n"
        "async def dying(self, lease, item):\n"
        "    await carry(self, lease, item)\n"
        "    if item.event_type == 'message.received': os._exit(9)\n"
        "BackendCarrier.carry = dying\n"
    )
    reply = json.dumps({"messages": [{"text": "from the bot"}]}).encode()
    receiver.crm.behave = lambda delivery: answer(
        200, reply if delivery.text == "question" else b""
    )
    daemon.start(crash)
    daemon.say("question")
    assert daemon.process.wait(10) == 9
    daemon.process = None
    daemon.start()
    until(lambda: receiver.crm.texts().count("question") == 2, "the event is delivered again")
    until(lambda: receiver.answers.deliveries, "the reply is sent")
    until(lambda: daemon.status("crm")["pending"] == 0, "all is delivered")
    assert len(outbound(daemon)) == 1


def test_one_idempotency_key_in_fifty_parallel_calls_sends_one_message(
    receiver: Any, daemon: Any, until: Any
) -> None:
    daemon.say("hello")
    to = {"channel": "app", "address": "app:c-1"}
    assert daemon.token
    with ThreadPoolExecutor(50) as pool:
        sent = list(pool.map(lambda _: daemon.send(to, "once", key="k-1"), range(50)))
    assert len({one["id"] for one in sent}) == 1
    until(lambda: receiver.answers.deliveries, "it is sent")
    body = {"to": to, "text": "something else"}
    status, problem = daemon.request(
        "POST", "/v1/messages", body, token=daemon.token, headers={"Idempotency-Key": "k-1"}
    )
    assert (status, problem["status"]) == (422, 422)
    assert len(outbound(daemon)) == 1
    assert len(receiver.answers.deliveries) == 1


def test_an_answer_is_tried_again_until_the_channel_takes_it(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    receiver.answers.behave = lambda delivery: (
        answer(500) if delivery.attempt < 3 else answer(200, b'{"external_id": "theirs-7"}')
    )
    daemon.say("hello")
    sent = daemon.send({"channel": "app", "address": "app:c-1"}, "reply", client_ref="case-1")
    until(lambda: receiver.crm.of("message.sent"), "the CRM learns that it is sent")
    assert [one.attempt for one in receiver.answers.deliveries] == [1, 2, 3]
    assert {one.id for one in receiver.answers.deliveries} == {f"{sent['id']}_0"}
    (event,) = receiver.crm.of("message.sent")
    message = event.json["data"]["message"]
    assert (message["id"], message["client_ref"]) == (sent["id"], "case-1")
    assert message["external_ids"] == ["theirs-7"]
    for state in ("read", "delivered"):  # the wrong way round: what is read was delivered
        receipt = {"external_id": "theirs-7", "state": state, "conversation": "c-1"}
        assert daemon.request("POST", "/channels/app/receipts", receipt)[0] == 202
    until(lambda: receiver.crm.of("message.read"), "the CRM learns that it is read")
    assert daemon.get(f"/v1/messages/{sent['id']}")["state"] == "read"
    assert receiver.crm.of("message.delivered") == []


def test_a_message_that_expires_fails_and_the_crm_is_told(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    daemon = new_daemon(schedule="[60]").start()
    receiver.answers.behave = lambda delivery: answer(500)
    daemon.say("hello")
    assert daemon.token  # made now: it must not take from the time that the message has
    soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    sent = daemon.send({"channel": "app", "address": "app:c-1"}, "late", expires_at=soon)
    until(lambda: receiver.crm.of("message.failed"), "the CRM is told")
    (event,) = receiver.crm.of("message.failed")
    message = event.json["data"]["message"]
    assert (message["id"], message["state"]) == (sent["id"], "failed")
    assert "expired" in message["error"]


def test_sigterm_lets_attempts_under_way_end_and_keeps_the_rest(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(delay_seconds=1.0)
    daemon.say("one")
    until(lambda: receiver.crm.deliveries, "the attempt is under way")
    daemon.stop()
    receiver.crm.behave = lambda delivery: answer()
    daemon.start()
    until(lambda: "one" in receiver.crm.texts(), "the rest comes after the restart")
    until(lambda: daemon.status("crm")["pending"] == 0, "nothing is left")
    assert {one.attempt for one in receiver.crm.deliveries} == {1}
    ids = [one.id for one in receiver.crm.deliveries]
    assert len(ids) == len(set(ids)), "what had ended in time is not delivered again"


def test_a_webhook_signed_with_another_secret_is_found_out(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    """The sabotage twin of every signature that the receiver checks."""
    daemon = new_daemon()
    path = daemon.folder / "omnigate.toml"
    secret = path.read_text().partition('secret = "')[2].partition('"')[0]
    other = "whsec_" + base64.b64encode(b"another secret of about that length").decode()
    path.write_text(path.read_text().replace(secret, other))
    daemon.start()
    daemon.say("hello")
    until(lambda: receiver.crm.forged, "the receiver has seen it")
    assert receiver.crm.deliveries == []
    assert "WebhookVerificationError" in receiver.crm.forged[0]
    daemon.stop()
    receiver.crm.forged.clear()


def test_a_second_daemon_on_one_store_says_who_has_it(daemon: Any, new_daemon: Any) -> None:
    other = new_daemon()
    path = other.folder / "omnigate.toml"
    path.write_text(
        path.read_text().replace("sqlite:///store.db", f"sqlite:///{daemon.folder}/store.db")
    )
    done = subprocess.run(
        [sys.executable, "-m", "omnigate", "run", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    (other.folder / "log").write_text(done.stderr)
    assert done.returncode == 1
    assert f"process {daemon.process.pid}" in done.stderr
    assert "stop it first" in done.stderr
    daemon.say("still there")
