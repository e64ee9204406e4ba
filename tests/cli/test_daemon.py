"""The newcomer's walk with the real daemon as a process: configure, run, talk, look, stop."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port

TOKEN = "a-token-long-enough"
DEADLINE_SECONDS = 30.0
COMMAND = (sys.executable, "-c", "from omnigate.cli import main; main()")


@dataclass
class Daemon:
    """A daemon in a directory of its own."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]

    def output(self) -> str:
        return (self.directory / "out").read_text()

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def request(self, method: str, path: str, body: object = None, token: str = TOKEN) -> object:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def say(self, text: str, conversation: str = "c-1") -> None:
        """Be a customer who writes."""
        message = {
            "external_id": f"x-{text}",
            "conversation": conversation,
            "sender": {"address": "app:anna", "display_name": "Anna"},
            "text": text,
        }
        assert self.request("POST", "/channels/app/messages", message)


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(0.05)


APP = """
[log]
format = "json"
[channels.app]
kind = "http"
token = { env = "APP_TOKEN" }
"""


def configure(path: Path, port: int) -> None:
    """Do as a newcomer does with what ``omnigate init`` wrote: another port, one more channel."""
    written = path.read_text()
    assert 'listen = "127.0.0.1:8080"' in written
    path.write_text(written.replace("127.0.0.1:8080", f"127.0.0.1:{port}") + APP)


def start(directory: Path, port: int, **environment: str) -> Daemon:
    """Start the daemon and wait until it says that it is ready."""
    with (directory / "out").open("ab") as out, (directory / "log").open("ab") as log:
        process = subprocess.Popen(
            [*COMMAND, "run"],
            cwd=directory,
            env={**os.environ, "APP_TOKEN": TOKEN, **environment},
            stdout=out,
            stderr=log,
        )
    daemon = Daemon(directory, port, process)

    def ready() -> bool:
        assert process.poll() is None, daemon.log()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except (urllib.error.URLError, ConnectionError):
            return False

    wait_until(ready, "the daemon is ready")
    return daemon


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def daemon(omnigate, directory: Path, port: int, monkeypatch) -> Iterator[Daemon]:
    assert omnigate("init").code == 0
    configure(directory / "omnigate.toml", port)
    monkeypatch.setenv("APP_TOKEN", TOKEN)
    checked = omnigate("check")
    assert checked.code == 0, checked.err
    monkeypatch.delenv("APP_TOKEN")
    daemon = start(directory, port)
    yield daemon
    daemon.process.kill()
    daemon.process.wait(10)


def test_a_newcomers_walk_from_the_first_message_to_a_clean_end(omnigate, daemon):
    daemon.say("Hello, is anybody there?")
    wait_until(lambda: "message.received" in daemon.output(), "the backend has the message")
    events = [json.loads(line) for line in daemon.output().splitlines()]
    (received,) = [event for event in events if event["type"] == "message.received"]
    assert received["data"]["message"]["text"] == "Hello, is anybody there?"

    status = omnigate("status")
    assert status.code == 0, status.err
    assert " ready, up " in status.out
    assert "app" in status.out

    answer = json.loads(omnigate("status", "--json").out)
    assert answer["ready"] is True
    assert [(item["name"], item["kind"]) for item in answer["channels"]] == [
        ("site", "webchat"),
        ("app", "http"),
    ]
    assert answer["totals"]["events"] == 2

    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(DEADLINE_SECONDS) == 0
    assert "Traceback" not in daemon.log()


def test_every_listing_works_with_the_daemon_and_without_it(omnigate, daemon):
    daemon.say("one")
    daemon.say("two", conversation="c-2")
    wait_until(lambda: daemon.output().count("message.received") == 2, "both are delivered")
    assert_listings(omnigate)
    assert omnigate("stop").code == 0
    assert daemon.process.wait(DEADLINE_SECONDS) == 0
    assert_listings(omnigate)


def assert_listings(omnigate) -> None:
    conversations = json.loads(omnigate("conversation", "list", "--json").out)["items"]
    assert {item["external_id"] for item in conversations} == {"c-1", "c-2"}
    assert "Anna" in omnigate("conversation", "list").out

    (second,) = [item["id"] for item in conversations if item["external_id"] == "c-2"]
    shown = omnigate("conversation", "show", second)
    assert shown.code == 0, shown.err
    assert "two" in shown.out
    assert "one" not in shown.out.split("Messages")[1]

    messages = json.loads(omnigate("message", "list", "--json").out)["items"]
    assert {item["text"] for item in messages} == {"one", "two"}
    one = omnigate("message", "show", messages[0]["id"])
    assert messages[0]["text"] in one.out
    only = json.loads(omnigate("message", "list", "--conversation", second, "--json").out)["items"]
    assert [item["text"] for item in only] == ["two"]

    contact = omnigate("contact", "show", "app:anna")
    assert contact.code == 0, contact.err
    assert "Anna" in contact.out
    same = json.loads(omnigate("contact", "show", "app:anna", "--json").out)
    assert omnigate("contact", "show", same["id"]).code == 0

    events = omnigate("events", "tail", "--no-follow", "--type", "message.*")
    assert events.code == 0, events.err
    assert events.out.count("message.received") == 2
    assert "conversation.started" not in events.out

    assert omnigate("db", "check").out == "The store is sound.\n"
    assert omnigate("db", "migrate").code == 0


def test_a_token_is_revoked_by_its_name_unless_two_that_work_have_it(omnigate, daemon):
    for name in ("shop", "crm", "crm"):
        assert omnigate("token", "create", name, "--scope", "messages:read").code == 0
    listed = json.loads(omnigate("token", "list", "--json").out)["items"]
    of_crm = [one["id"] for one in listed if one["name"] == "crm"]
    refused = omnigate("token", "revoke", "crm")
    assert refused.code == 1
    assert "2 tokens are called crm." in refused.err
    assert all(one in refused.err for one in of_crm)
    assert omnigate("token", "revoke", of_crm[0]).code == 0
    done = omnigate("token", "revoke", "crm")
    assert (done.code, done.out) == (0, f"Revoked {of_crm[1]} (crm).\n")
    again = omnigate("token", "revoke", "crm")
    assert again.code == 1
    assert "crm is revoked already." in again.err
    left = json.loads(omnigate("token", "list", "--json").out)["items"]
    assert [one["name"] for one in left if one["revoked_at"] is None] == ["shop"]


def test_a_token_is_made_used_listed_and_revoked(omnigate, daemon):
    made = omnigate("token", "create", "crm", "--scope", "messages:read", "--expires-days", "1")
    assert made.code == 0, made.err
    token = made.out.strip()
    assert daemon.request("GET", "/v1/conversations", token=token) == {"items": [], "next": None}
    (listed,) = json.loads(omnigate("token", "list", "--json").out)["items"]
    assert token not in omnigate("token", "list").out
    assert omnigate("token", "revoke", listed["id"]).code == 0
    assert omnigate("token", "list").out.splitlines()[1].split()[1:3] == ["crm", "revoked"]

    def is_refused() -> bool:
        try:
            daemon.request("GET", "/v1/conversations", token=token)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 401
        return False

    wait_until(is_refused, "the token is refused")
    assert omnigate("token", "revoke", listed["id"]).code == 1


def test_a_wrong_scope_is_refused_in_words(omnigate, daemon):
    made = omnigate("token", "create", "crm", "--scope", "everything")
    assert made.code == 2
    assert "everything" in made.err or "scope" in made.err


def test_an_answer_is_queued_once_however_often_it_is_asked_for(omnigate, daemon):
    daemon.say("one")
    (conversation,) = json.loads(omnigate("conversation", "list", "--json").out)["items"]
    arguments = ("message", "send", "yes", "--conversation", conversation["id"], "--json")
    first = omnigate(*arguments, "--idempotency-key", "k-1")
    assert first.code == 0, first.err
    again = omnigate(*arguments, "--idempotency-key", "k-1")
    assert json.loads(again.out)["id"] == json.loads(first.out)["id"]
    shown = omnigate("message", "show", json.loads(first.out)["id"])
    assert "outbound" in shown.out


def test_a_closed_conversation_is_told_to_the_backend(omnigate, daemon):
    daemon.say("one")
    (conversation,) = json.loads(omnigate("conversation", "list", "--json").out)["items"]
    assert omnigate("conversation", "close", conversation["id"]).code == 0
    wait_until(lambda: "conversation.closed" in daemon.output(), "the backend has heard of it")
    assert (
        json.loads(omnigate("conversation", "list", "--status", "open", "--json").out)["items"]
        == []
    )
    assert omnigate("conversation", "reopen", conversation["id"]).out.startswith("Opened cnv_")
    wait_until(lambda: "conversation.reopened" in daemon.output(), "the backend has heard of it")
    again = omnigate("conversation", "reopen", conversation["id"])
    assert again.out.endswith("is open already: nothing has changed.\n")


def test_how_quickly_customers_are_answered_is_shown_by_channel(omnigate, daemon):
    before = {
        one["channel"]: one for one in json.loads(omnigate("stats", "--json").out)["channels"]
    }
    daemon.say("one", "somebody who waits")
    now = {one["channel"]: one for one in json.loads(omnigate("stats", "--json").out)["channels"]}
    assert now["app"]["waiting"] == before["app"]["waiting"] + 1
    shown = omnigate("stats", "--channel", "app", "--since", "1h").out.splitlines()
    assert [line.split()[0] for line in shown if line] == ["from", "to", "CHANNEL", "app"]
    assert omnigate("stats", "--since", "soon").code == 2
    backwards = omnigate("stats", "--since", "1h", "--until", "2h")
    assert (backwards.code, "since must be before until" in backwards.err) == (1, True)


def test_a_backend_is_tested_with_a_sample(omnigate, daemon):
    tested = omnigate("backend", "test", "console")
    assert tested.code == 0, tested.err
    assert "took the sample" in tested.out
    unknown = omnigate("backend", "test", "nobody")
    assert unknown.code == 1
    assert "nobody" in unknown.err


def test_events_are_followed_as_they_happen(daemon, directory):
    follower = subprocess.Popen(
        [*COMMAND, "events", "tail", "--json"],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert follower.stdout is not None
        # The stream begins with what comes after it is open: write until something has come.
        os.set_blocking(follower.stdout.fileno(), False)
        seen = b""
        count = 0

        def arrived() -> bool:
            nonlocal seen, count
            count += 1
            daemon.say(f"number {count}")
            seen += follower.stdout.read() or b""  # type: ignore[union-attr]  # checked above
            return b"message.received" in seen

        wait_until(arrived, "an event has arrived")
        events = [json.loads(line) for line in seen.splitlines()[:1]]
        assert events[0]["channel"]["name"] == "app"
        follower.send_signal(signal.SIGINT)
        assert follower.wait(DEADLINE_SECONDS) == 0
    finally:
        follower.kill()
        follower.communicate()


def test_a_broken_plugin_costs_only_its_own_channel(omnigate, directory, port):
    plugins = directory / "plugins"
    (plugins / "worn-1.0.dist-info").mkdir(parents=True)
    (plugins / "worn-1.0.dist-info" / "METADATA").write_text("Name: worn\nVersion: 1.0\n")
    (plugins / "worn-1.0.dist-info" / "entry_points.txt").write_text("[omnigate]\nworn = worn\n")
    (plugins / "worn.py").write_text("raise SystemExit('the lid is off')")
    omnigate("init")
    configure(directory / "omnigate.toml", port)
    with (directory / "omnigate.toml").open("a") as file:
        file.write('[channels.old]\nkind = "worn"\n')
    daemon = start(directory, port, PYTHONPATH=str(plugins))
    try:
        daemon.say("hello")
        wait_until(lambda: "hello" in daemon.output(), "the others go on")
        states = {
            item["name"]: (item["state"], item["message"])
            for item in json.loads(omnigate("channel", "list", "--json").out)["items"]
        }
        assert states["app"][0] == "up"
        assert states["old"][0] != "up"
        assert "the lid is off" in states["old"][1]
        assert "the lid is off" in daemon.log()
    finally:
        daemon.process.kill()
        daemon.process.wait(10)


def test_a_second_daemon_on_the_same_store_is_refused_in_words(daemon, directory):
    second = subprocess.run(
        [*COMMAND, "run"],
        cwd=directory,
        env={**os.environ, "APP_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert daemon.process.poll() is None


def test_what_was_stored_survives_a_restart(omnigate, daemon):
    daemon.say("before")
    wait_until(lambda: "before" in daemon.output(), "it is delivered")
    daemon.process.kill()
    daemon.process.wait(10)
    assert "before" in omnigate("message", "list").out
    again = start(daemon.directory, daemon.port)
    try:
        again.say("before")
        again.say("after")
        wait_until(lambda: "after" in again.output(), "the second is delivered")
        messages = json.loads(omnigate("message", "list", "--json").out)["items"]
        assert sorted(item["text"] for item in messages) == ["after", "before"]
    finally:
        again.process.kill()
        again.process.wait(10)
