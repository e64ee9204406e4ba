"""Conversations change hands, also in the middle of a burst while the daemon dies: nothing is misplaced."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter, defaultdict
from typing import Any, NamedTuple

import pytest

from tests.e2e.stubborn import Stubborn

MOVED = "conversation.transferred"
CONVERSATIONS = 50
BATCH = 20
KILLS = 2
FORMER_OWNER_GOES_ON = """
from omnigate.flow import router
owners = router.RoutingTable.owners
router.RoutingTable.owners = lambda self, channel, owner: list(
    dict.fromkeys([*owners(self, channel, owner), *self.ways[channel].backends])
)
"""
NOBODY_IS_TOLD_THAT_IT_IS_OVER = """
from omnigate.store import conversations
conversations.Draft = lambda owners=None, **fields: Draft(**fields)
from omnigate.store.record import Draft
"""
OWNER_IS_FORGOTTEN = """
from omnigate.store import conversations
written = conversations.Ledger.flush
def flush(self):
    for thread in self.by_id.values():
        thread.owner = None
    written(self)
conversations.Ledger.flush = flush
"""


def owned(new_daemon: Any, receiver: Any, **options: Any) -> Any:
    """Make a daemon whose conversations are a bot's, and may be a person's; an archive observes."""
    names = ("bot", "person", "archive")
    backends = {name: f'url = "{receiver.url}/{name}"\nconcurrency = 8' for name in names}
    daemon = new_daemon(more_backends=backends, **options)
    path = daemon.folder / "omnigate.toml"
    routes = 'backends = ["crm", "bot", "person", "archive"]'
    assert routes in path.read_text()
    path.write_text(path.read_text().replace(routes, 'backends = ["bot"]\nobservers = ["archive"]'))
    return daemon


def conversations_of(daemon: Any) -> dict[str, str]:
    """Return our ids of conversations by the platform's."""
    listed = daemon.get("/v1/conversations?limit=200")["items"]
    return {one["external_id"]: one["id"] for one in listed}


def hand(daemon: Any, conversation: str, backend: str, note: str | None = None) -> dict[str, Any]:
    body = {"backend": backend, "note": note}
    path = f"/v1/conversations/{conversation}/transfer"
    status, answer = daemon.request("POST", path, body, token=daemon.token)
    assert status == 200, answer
    return dict(answer)


class Expected(NamedTuple):
    """Who is to get which events, by backend and conversation, in order."""

    ids: dict[tuple[str, str], list[str]]
    messages: int
    moves: int


def expected(daemon: Any) -> Expected:
    """Work out from the log, event by event, who was to be told: by the rules, not by the code."""
    ids: dict[tuple[str, str], list[str]] = defaultdict(list)
    owners: dict[str, str] = defaultdict(lambda: "bot")
    last: dict[str, int] = defaultdict(int)
    handed: set[str] = set()
    messages = moves = 0
    after = ""
    while True:
        page = daemon.get(f"/v1/events?limit=200{after}")
        for event in page["items"]:
            if event["sequence"] is None:
                continue
            name = event["conversation"]["external_id"]
            last[name] += 1
            assert event["sequence"] == last[name], "numbers have no gaps"
            told = {owners[name], "archive"}
            if event["type"] == MOVED:
                moved = event["data"]["transfer"]
                # At first it is the bot's by the route, and may be made its own.
                assert moved["from_backend"] == (owners[name] if name in handed else None)
                assert moved["to_backend"] != moved["from_backend"]
                handed.add(name)
                moves += 1
                owners[name] = moved["to_backend"]
                told.add(owners[name])
            messages += event["type"] == "message.received"
            for backend in told:
                ids[backend, name].append(event["id"])
        if not page["items"] or page.get("next") is None:
            return Expected(ids, messages, moves)
        after = f"&after={page['next']}"


def received(receiver: Any) -> dict[tuple[str, str], list[str]]:
    """Return what came, by backend and conversation, repetitions left out."""
    found: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for backend in ("bot", "person", "archive"):
        for one in list(receiver.at(backend).deliveries):
            if one.json["sequence"] is not None:
                found[backend, one.conversation][one.id] = None
    return {key: list(ids) for key, ids in found.items()}


def faults(daemon: Any, receiver: Any) -> list[str]:
    """Compare what came with what was to come; empty when each got exactly its own, in order."""
    wanted, came = expected(daemon).ids, received(receiver)
    found = []
    for key in sorted(wanted.keys() | came.keys()):
        should, did = wanted.get(key, []), came.get(key, [])
        if should != did:
            missing, extra = set(should) - set(did), set(did) - set(should)
            found.append(f"{key}: {len(missing)} missing, {len(extra)} too many, or out of order")
    return found


class Burst:
    """Customers who write without pause, and somebody who hands their conversations to and fro."""

    def __init__(self, daemon: Any, chance: random.Random, messages: int) -> None:
        self.daemon, self.chance = daemon, chance
        self.batches = [
            [self._message(number) for number in range(start, min(start + BATCH, messages))]
            for start in range(0, messages, BATCH)
        ]
        self.taken = 0
        self.caller = Stubborn(daemon)
        self._ended = threading.Event()

    def run(self, *, kills: int = 0) -> None:
        """Write everything, and have the daemon die so often meanwhile."""
        self.caller.persist("POST", "/channels/app/messages", self.batches.pop(0), 202)
        token = self.daemon.token
        writer = threading.Thread(target=self._write)
        mover = threading.Thread(target=self._move, args=(token,))
        total = len(self.batches)
        writer.start()
        mover.start()
        try:
            for number in range(kills):
                self._wait(total * (number + 1) // (kills + 1))
                self.daemon.kill()
                self.daemon.start()
        finally:
            writer.join(120)
            self._ended.set()
            mover.join(60)
        assert self.caller.problems == []
        assert not writer.is_alive()
        assert not mover.is_alive()

    def _wait(self, batches: int) -> None:
        pause = threading.Event()
        for _ in range(6000):
            if self.taken >= batches or self.caller.problems:
                return
            pause.wait(0.01)
        raise AssertionError("the burst stands still")

    def _message(self, number: int) -> dict[str, Any]:
        name = f"c-{self.chance.randrange(CONVERSATIONS) if number >= CONVERSATIONS else number}"
        sender = {"address": f"app:{name}"}
        return {
            "external_id": f"x-{number}",
            "conversation": name,
            "sender": sender,
            "text": f"{number}",
        }

    def _write(self) -> None:
        for batch in self.batches:
            self.caller.persist("POST", "/channels/app/messages", batch, 202)
            self.taken += 1

    def _move(self, token: str) -> None:
        while not self._ended.is_set():
            listed = self.caller.persist("GET", "/v1/conversations?limit=50", None, 200, token)
            for one in self.chance.sample(listed["items"], min(5, len(listed["items"]))):
                body = {"backend": self.chance.choice(["bot", "person"])}
                path = f"/v1/conversations/{one['id']}/transfer"
                self.caller.persist("POST", path, body, 200, token)


@pytest.mark.timeout(180)
def test_each_event_comes_to_exactly_its_owner_in_order_whatever_dies_meanwhile(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    daemon = owned(new_daemon, receiver).start()
    Burst(daemon, random.Random(seed), 2000).run(kills=KILLS)
    wanted = expected(daemon)
    assert wanted.messages == 2000, "none lost, none twice"
    assert wanted.moves > 20
    # Who died between the answer and noting it down asks once more; nothing else repeats.
    until(lambda: not faults(daemon, receiver), "everything has come", 60)
    for backend in ("bot", "person", "archive"):
        times = Counter(one.id for one in list(receiver.at(backend).deliveries))
        assert max(times.values()) <= 1 + KILLS


@pytest.mark.parametrize(
    "sabotage", [FORMER_OWNER_GOES_ON, NOBODY_IS_TOLD_THAT_IT_IS_OVER, OWNER_IS_FORGOTTEN]
)
def test_a_daemon_that_misplaces_events_is_found_out(
    receiver: Any, new_daemon: Any, until: Any, sabotage: str
) -> None:
    daemon = owned(new_daemon, receiver).start(sabotage)
    daemon.say("1", "c-1")
    [conversation] = conversations_of(daemon).values()
    hand(daemon, conversation, "person")
    daemon.say("2", "c-1")
    until(lambda: "2" in receiver.at("archive").texts(), "all is recorded")
    until(lambda: daemon.status("bot")["pending"] == 0, "the bot has what it is owed")
    until(lambda: daemon.status("person")["pending"] == 0, "the person has what it is owed")
    assert faults(daemon, receiver)


def test_the_new_owner_knows_what_was_said_and_can_open_its_files(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    daemon = owned(new_daemon, receiver).start()
    daemon.say("hello", "c-1")
    daemon.say("is anybody there?", "c-1")
    [conversation] = conversations_of(daemon).values()
    daemon.omnigate("conversation", "transfer", conversation, "person", "--note", "wants a human")
    person, bot = receiver.at("person"), receiver.at("bot")
    [told] = until(lambda: person.of(MOVED), "the new owner is told")
    moved = told.json["data"]["transfer"]
    assert (moved["from_backend"], moved["to_backend"]) == (None, "person")
    assert moved["note"] == "wants a human"
    assert [one["text"] for one in moved["history"]] == ["hello", "is anybody there?"]
    [ended] = until(lambda: bot.of(MOVED), "the former owner is told that it is over")
    assert ended.json == told.json
    again = daemon.omnigate("conversation", "transfer", conversation, "person")
    assert "already" in again
    daemon.say("thanks", "c-1")
    until(lambda: "thanks" in person.texts(), "the new owner goes on")
    until(lambda: "thanks" in receiver.at("archive").texts(), "the observer goes on")
    assert "thanks" not in bot.texts()
    assert len(person.of(MOVED)) == 1


def test_only_the_owner_answers_by_its_reply_and_whoever_hands_over_says_so_in_the_same_breath(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    daemon = owned(new_daemon, receiver).start()
    token = daemon.token

    def reply(text: str) -> Any:
        return answer(200, json.dumps({"messages": [{"text": text}]}).encode())

    def bot(one: Any) -> Any:
        if one.text == "a human, please":
            path = f"/v1/conversations/{one.json['conversation']['id']}/transfer"
            handing = threading.Thread(
                target=daemon.request,
                args=("POST", path, {"backend": "person"}),
                kwargs={"token": token},
            )
            handing.start()
            return reply("a colleague takes over")._replace(delay_seconds=1.0)
        if one.text == "slowly" and one.attempt == 1:
            return answer(503)
        return reply(f"bot: {one.text}") if one.text else answer()

    receiver.at("bot").behave = bot
    receiver.at("archive").behave = lambda one: (
        reply("the archive speaks") if one.text else answer()
    )
    receiver.at("person").behave = lambda one: (
        reply(f"person: {one.text}") if one.text else answer()
    )
    daemon.say("hello", "c-1")
    until(lambda: receiver.answers.deliveries, "the bot answers")
    daemon.say("a human, please", "c-1")
    until(lambda: receiver.at("person").of(MOVED), "it is handed over")
    daemon.say("thanks", "c-1")

    def said() -> list[str]:
        return [one.json["text"] for one in list(receiver.answers.deliveries)]

    until(lambda: len(said()) == 3, "all have answered")
    assert sorted(said()) == ["a colleague takes over", "bot: hello", "person: thanks"]
    until(lambda: daemon.log().count("reply left out") >= 3, "the observer's replies are left out")


def test_what_a_bot_says_to_the_events_of_yesterday_is_left_out_once_a_person_has_taken_over(
    receiver: Any, new_daemon: Any, answer: Any, until: Any
) -> None:
    daemon = owned(new_daemon, receiver, schedule="[1.0]").start()
    bot = receiver.at("bot")
    bot.behave = lambda one: answer(503)
    daemon.say("hello", "c-1")
    until(lambda: bot.deliveries, "the bot is down")
    [conversation] = conversations_of(daemon).values()
    hand(daemon, conversation, "person")
    bot.behave = lambda one: answer(200, json.dumps({"messages": [{"text": "hi"}]}).encode())
    until(lambda: bot.of(MOVED), "the bot has caught up")
    assert "hello" in bot.texts()
    until(lambda: "reply left out" in daemon.log(), "it is said why")
    assert daemon.get("/v1/messages?direction=outbound")["items"] == []


def test_a_conversation_whose_owner_is_gone_is_the_routes_again(
    receiver: Any, new_daemon: Any, until: Any
) -> None:
    daemon = owned(new_daemon, receiver).start()
    daemon.say("hello", "c-1")
    [conversation] = conversations_of(daemon).values()
    hand(daemon, conversation, "person")
    until(lambda: daemon.status("person")["pending"] == 0, "the person has what it is owed")
    path = daemon.folder / "omnigate.toml"
    start, _, rest = path.read_text().partition("[backends.person]")
    path.write_text(start + rest[rest.index("\n[") + 1 :])
    daemon.omnigate("reload")
    daemon.say("anybody?", "c-1")
    until(lambda: "anybody?" in receiver.at("bot").texts(), "the bot has it again")
