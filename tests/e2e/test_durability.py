"""What was acknowledged survives kill -9; and a daemon that acknowledges too early is found out."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

import pytest

KILLS = 6
CONVERSATIONS = 6
# Says that items are stored while they are yet to be queued: what a missing sync would look like.
EARLY = """
import asyncio
from omnigate.hosting import Recorded
from omnigate.flow.inbox import Inbox
put = Inbox.put
async def early(self, channel, items, *more, **named):
    async def later():
        await asyncio.sleep(0.3)
        await put(self, channel, items, *more, **named)
    self.late = getattr(self, "late", set())
    self.late.add(asyncio.create_task(later()))
    return [Recorded(None, None, None) for _ in items]
Inbox.put = early
"""


@pytest.fixture
def forked() -> None:
    """A daemon is killed at any moment, also while it loads."""


class Customers:
    """One writer a conversation: numbered messages, each repeated until it is acknowledged."""

    def __init__(self, daemon: Any) -> None:
        self.acknowledged: set[str] = set()
        self._daemon = daemon
        self._next = Counter[int]()
        self._ended = threading.Event()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write from all conversations at once while the block runs."""
        self._ended.clear()
        threads = [threading.Thread(target=self._write, args=(n,)) for n in range(CONVERSATIONS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(20)

    def _write(self, conversation: int) -> None:
        while not self._ended.is_set():
            text = f"{conversation}-{self._next[conversation]}"
            try:
                self._daemon.say(text, f"c-{conversation}")
            except (OSError, HTTPException, ValueError):
                return  # it died: the same message comes again after the restart
            self.acknowledged.add(text)
            self._next[conversation] += 1


def stored(daemon: Any) -> Counter[str]:
    """Return how often each message stands in the store, by the app's id."""
    store = sqlite3.connect(f"file:{daemon.folder}/store.db?mode=ro", uri=True)
    try:
        rows = store.execute("SELECT external_id FROM message WHERE direction = 'inbound'")
        return Counter(row[0].removeprefix("x-") for row in rows)
    finally:
        store.close()


def test_what_was_acknowledged_before_a_kill_is_delivered_after_the_restart(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    daemon = new_daemon(schedule="[0.5, 60]").start()
    receiver.down()
    assert daemon.say("hello") == {"accepted": 1, "duplicates": 0}
    daemon.kill()
    receiver.up()
    daemon.start()
    assert daemon.say("hello") == {"accepted": 0, "duplicates": 1}
    until(lambda: receiver.crm.texts() == ["hello"], "it is delivered")
    assert stored(daemon) == {"hello": 1}
    assert [one.json["sequence"] for one in receiver.crm.deliveries] == [1, 2]


def test_kills_at_random_moments_under_load_lose_and_double_nothing(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)
    daemon = new_daemon()
    customers = Customers(daemon)
    for _ in range(KILLS):
        daemon.start()
        with customers.writing():
            before, wanted = len(customers.acknowledged), chance.randrange(1, 60)
            until(lambda: len(customers.acknowledged) >= before + wanted, "enough is written")  # noqa: B023  # used at once
            time.sleep(chance.random() * 0.05)  # not to wait for anything: any moment will do
            daemon.kill()
    daemon.start()
    kept = stored(daemon)
    assert customers.acknowledged <= kept.keys()
    assert set(kept.values()) == {1}
    until(lambda: kept.keys() <= set(receiver.crm.texts()), "all is delivered")
    first: dict[str, list[int]] = defaultdict(list)
    words: dict[str, list[str]] = defaultdict(list)
    for delivery in receiver.crm.deliveries:
        if (sequence := delivery.json["sequence"]) not in first[delivery.conversation]:
            first[delivery.conversation].append(sequence)
            if delivery.text:
                words[delivery.conversation].append(delivery.text)
    for conversation, sequences in first.items():
        assert sequences == list(range(1, len(sequences) + 1)), conversation
        said = [f"{conversation.removeprefix('c-')}-{n}" for n in range(len(sequences) - 1)]
        assert words[conversation] == said, conversation


def test_kills_under_load_make_a_bot_answer_each_message_once(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)

    def bot(delivery: Any) -> Any:
        if delivery.json["type"] != "message.received":
            return answer()
        reply = {"messages": [{"text": f"re: {delivery.text}"}]}
        return answer(200, json.dumps(reply).encode())

    receiver.crm.behave = bot
    receiver.answers.behave = lambda delivery: answer(200, b"{}")
    daemon = new_daemon()
    customers = Customers(daemon)
    for _ in range(5):
        daemon.start()
        with customers.writing():
            before, wanted = len(customers.acknowledged), chance.randrange(10, 60)
            until(lambda: len(customers.acknowledged) >= before + wanted, "enough is written")  # noqa: B023  # used at once
            daemon.kill()
    daemon.start()
    kept = stored(daemon)
    assert customers.acknowledged <= kept.keys()
    wished = {f"re: {text}" for text in kept}
    until(
        lambda: wished <= {one.json["text"] for one in receiver.answers.deliveries}, "all answered"
    )
    by_text: dict[str, set[str]] = defaultdict(set)
    for delivery in receiver.answers.deliveries:
        by_text[delivery.json["text"]].add(delivery.id)
    assert {len(ids) for ids in by_text.values()} == {1}, "an answer has one id, however often sent"


def test_a_daemon_that_acknowledges_before_the_commit_is_found_out(
    new_daemon: Any, until: Any
) -> None:
    """The sabotage twin of the test above: the same check is seen to fail."""
    daemon = new_daemon()
    customers = Customers(daemon)
    daemon.start(EARLY)
    with customers.writing():
        until(lambda: len(customers.acknowledged) >= 50, "enough is written")
        daemon.kill()
    assert not customers.acknowledged <= stored(daemon).keys()


def test_an_answer_that_was_under_way_at_a_kill_is_sent_again_under_the_same_id(
    receiver: Any, daemon: Any, answer: Any, until: Any
) -> None:
    receiver.answers.behave = lambda delivery: answer(200, delay_seconds=1.5)
    daemon.say("hello")
    sent = daemon.send({"channel": "app", "address": "app:c-1"}, "reply")
    until(lambda: receiver.answers.deliveries, "it is under way")
    daemon.kill()
    receiver.answers.behave = lambda delivery: answer(200, b"{}")
    daemon.start()
    until(lambda: receiver.crm.of("message.sent"), "the CRM learns that it is sent")
    assert [one.id for one in receiver.answers.deliveries] == [f"{sent['id']}_0"] * 2
    assert len(daemon.get("/v1/messages?direction=outbound")["items"]) == 1
    assert len({one.id for one in receiver.crm.of("message.sent")}) == 1
