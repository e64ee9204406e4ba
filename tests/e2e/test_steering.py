"""What operators do with channels and backends while the daemon works: pause, drain, reload."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.scraping import scrape

HELLO = {"conversation": "c-1", "sender": {"address": "app:c-1"}, "text": "hello"}


def cli(daemon: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a shell would; for commands that are to fail."""
    return subprocess.run(
        [sys.executable, "-m", "omnigate", *arguments],
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def edit(daemon: Any, old: str, new: str) -> None:
    path: Path = daemon.folder / "omnigate.toml"
    written = path.read_text()
    assert old in written
    path.write_text(written.replace(old, new))


def backend(receiver: Any, name: str, **keys: str) -> str:
    written = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    return (
        f'[backends.{name}]\nkind = "webhook"\nurl = "{receiver.url}/{name}"\n'
        f'secret = "whsec_{"a2tr" * 8}"\nallow_private = ["127.0.0.0/8"]\n{written}'
    )


def conversation_of(daemon: Any, conversation: str = "c-1") -> str:
    listed = daemon.get("/v1/conversations")["items"]
    return next(str(one["id"]) for one in listed if one["external_id"] == conversation)


class TestPausing:
    def test_a_paused_backend_is_owed_everything_over_a_restart_and_gets_it_when_it_goes_on(
        self, receiver: Any, daemon: Any, until: Any
    ) -> None:
        daemon.say("before")
        until(lambda: receiver.crm.texts() == ["before"], "it works")
        assert "are kept" in daemon.omnigate("backend", "pause", "crm")
        came = len(receiver.crm.deliveries)
        daemon.say("one")
        daemon.say("two", "c-2")
        daemon.stop()
        daemon.start()
        daemon.say("three")
        assert daemon.status("crm")["state"] == "paused"
        assert daemon.status("crm")["pending"] == 4
        assert len(receiver.crm.deliveries) == came
        shown = daemon.omnigate("status")
        assert "backend crm: paused by the operator; 4 events wait\n" in shown
        assert shown.endswith("    omnigate backend resume crm")
        assert "omnigate backend resume crm" in cli(daemon, "doctor").stderr
        assert daemon.omnigate("backend", "resume", "crm") == "crm goes on."
        assert daemon.omnigate("backend", "resume", "crm") == "crm was not paused."
        until(lambda: len(receiver.crm.deliveries) == came + 4, "all has come")
        mine = [one.text for one in receiver.crm.of("message.received") if one.text != "two"]
        assert mine == ["before", "one", "three"]
        assert daemon.status("crm")["state"] == "ok"

    def test_a_paused_channel_takes_nothing_in_and_keeps_the_answers(
        self, receiver: Any, daemon: Any, until: Any
    ) -> None:
        daemon.say("hello")
        conversation = conversation_of(daemon)
        assert "is paused" in daemon.omnigate("channel", "pause", "app")
        for _ in range(2):
            body = {"external_id": "x-later", **HELLO}
            status, problem = daemon.request("POST", "/channels/app/messages", body)
            assert status == 503, problem
            assert "not running" in problem["detail"]
            daemon.send({"conversation": conversation}, "an answer")
            listed = json.loads(daemon.omnigate("channel", "list", "--json"))["items"]
            assert {one["name"]: one["state"] for one in listed} == {"app": "paused", "site": "up"}
            assert receiver.answers.deliveries == []
            daemon.stop()
            daemon.start()
        assert "channel app: paused by the operator; 2 messages wait" in daemon.omnigate("status")
        assert daemon.omnigate("channel", "resume", "app") == "app goes on."
        assert daemon.omnigate("channel", "resume", "app") == "app was not paused."
        until(lambda: len(receiver.answers.deliveries) == 2, "the answers are sent")
        assert daemon.say("later", external_id="x-later") == {"accepted": 1, "duplicates": 0}

    def test_a_drained_channel_sends_what_it_owes_and_then_is_paused(
        self, receiver: Any, daemon: Any, answer: Any, until: Any
    ) -> None:
        daemon.say("hello")
        conversation = conversation_of(daemon)
        receiver.answers.behave = lambda delivery: answer(delay_seconds=0.3)
        for number in range(4):
            daemon.send({"conversation": conversation}, f"answer {number}")
        drained = daemon.omnigate("channel", "drain", "app")
        assert "is drained and paused" in drained
        daemon.omnigate("channel", "resume", "app")
        daemon.omnigate("channel", "pause", "app")
        logged = daemon.omnigate("channel", "log", "app")
        said = re.findall(r"channel (?:drains|drained|resumed|paused)$", logged, re.MULTILINE)
        assert said == ["channel drains", "channel drained", "channel resumed", "channel paused"]
        assert len(receiver.answers.deliveries) == 4
        status, _ = daemon.request(
            "POST", "/channels/app/messages", {"external_id": "x-9", **HELLO}
        )
        assert status == 503

    def test_while_a_channel_drains_nothing_more_comes_in(
        self, receiver: Any, daemon: Any, answer: Any, until: Any
    ) -> None:
        daemon.say("hello")
        conversation = conversation_of(daemon)
        receiver.answers.behave = lambda delivery: answer(503)
        daemon.send({"conversation": conversation}, "an answer")
        until(lambda: receiver.answers.deliveries, "it is tried")
        failed = r"warning +destination failed .*503"
        assert re.search(failed, daemon.omnigate("channel", "log", "app"))
        assert "drains" in daemon.omnigate("channel", "drain", "app", "--no-wait")
        for _ in range(2):
            status, problem = daemon.request(
                "POST", "/channels/app/messages", {"external_id": "x-9", **HELLO}
            )
            assert status == 503, problem
            # A drain goes on after the daemon was killed.
            daemon.kill()
            daemon.start()
        tried = len(receiver.answers.deliveries)
        receiver.answers.behave = lambda delivery: answer()
        until(lambda: len(receiver.answers.deliveries) > tried, "it is tried again")
        until(
            lambda: (
                json.loads(daemon.omnigate("channel", "show", "app", "--json"))["state"] == "paused"
            ),
            "it is drained",
        )
        assert daemon.status("app")["pending"] == 0

    def test_an_unknown_name_is_refused_with_a_hint(self, daemon: Any) -> None:
        verbs = {"channel": ("pause", "resume", "drain"), "backend": ("pause", "resume")}
        for noun, what in verbs.items():
            for verb in what:
                done = cli(daemon, noun, verb, "nobody")
                assert done.returncode == 1
                there = "there are app, site" if noun == "channel" else "there is crm"
                listing = f"see omnigate {noun} list"
                assert done.stderr == f"No {noun} is called 'nobody': {there}; {listing}.\n"


class TestReloading:
    def test_only_what_changed_is_exchanged_and_other_channels_keep_their_sockets(
        self, receiver: Any, daemon: Any, until: Any
    ) -> None:
        asyncio.run(self._chat_over_a_reload(receiver, daemon, until))

    async def _chat_over_a_reload(self, receiver: Any, daemon: Any, until: Any) -> None:
        base, headers = f"{daemon.address}/channels/site", {"Origin": receiver.site}
        async with aiohttp.ClientSession(headers=headers) as http:
            async with http.post(f"{base}/session", json={}) as opened:
                session = await opened.json()
            async with http.ws_connect(f"{base}/socket", protocols=("omni.v1",)) as tab:
                hello = {"connection_token": session["connection_token"], "after": 0}
                await tab.send_json({"t": "hello", "d": hello})
                assert (await tab.receive_json(timeout=10))["t"] == "welcome"
                said = {"t": "msg.send", "cid": str(uuid.uuid4()), "d": {"text": "I am here"}}
                await tab.send_json(said)
                while (await tab.receive_json(timeout=10))["t"] != "ack":
                    pass
                edit(daemon, '[[routes]]\nbackends = ["crm"]', backend(receiver, "second") + ROUTE)
                edit(daemon, 'token = "the-token-of-the-app"', 'token = "another-token-of-it"')
                told = json.loads(await asyncio.to_thread(daemon.omnigate, "reload", "--json"))
                assert told["added"] == ["backend second"]
                assert told["replaced"] == ["channel app"]
                assert told["removed"] == []
                assert sorted(told["kept"]) == ["backend crm", "channel site"]
                visitor = await asyncio.to_thread(daemon.get, "/v1/conversations")
                (conversation,) = [one["id"] for one in visitor["items"]]
                await asyncio.to_thread(daemon.send, {"conversation": conversation}, "welcome")
                while "welcome" not in (await tab.receive(timeout=10)).data:
                    pass
        status, _ = daemon.request("POST", "/channels/app/messages", {"external_id": "1", **HELLO})
        assert status == 401, "the old token is refused"
        status, _ = daemon.request(
            "POST",
            "/channels/app/messages",
            {"external_id": "1", **HELLO},
            token="another-token-of-it",
        )
        assert status == 202
        until(lambda: "hello" in receiver.crm.texts(), "the first backend gets it")
        until(lambda: receiver.at("second").forged, "and the new one (it has another secret)")
        receiver.at("second").forged.clear()

    def test_a_configuration_with_mistakes_changes_nothing_and_says_where_they_are(
        self, receiver: Any, daemon: Any, until: Any
    ) -> None:
        edit(daemon, 'kind = "webhook"', 'kind = "webhook"\nconcurency = 7')
        done = cli(daemon, "reload")
        assert done.returncode == 1
        assert "backends.crm.concurency: unknown key" in done.stderr
        assert "did you mean concurrency?" in done.stderr
        daemon.say("still here")
        until(lambda: receiver.crm.texts() == ["still here"], "the old configuration works")

    def test_sighup_reloads_and_what_needs_a_restart_is_named(
        self, receiver: Any, daemon: Any, until: Any
    ) -> None:
        edit(daemon, "min_free_bytes = 1048576", "min_free_bytes = 2097152")
        edit(daemon, f"{receiver.url}/crm", f"{receiver.url}/moved")
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration read again" in daemon.log(), "it has read it")
        daemon.say("to the new address")
        until(lambda: receiver.at("moved").texts() == ["to the new address"], "it came")
        assert "hold only after a restart" in daemon.log()
        edit(daemon, 'kind = "webchat"', 'kind = "webchatt"')
        daemon.process.send_signal(signal.SIGHUP)
        edit(daemon, 'kind = "webhook"', 'kind = "webhook"\nconcurency = 7')
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: '"mistakes": 2' in daemon.log(), "it is refused")
        lines = [json.loads(line) for line in daemon.log().splitlines()]
        mistakes = [line for line in lines if line["event"] == "mistake in the configuration"]
        said = {(line["key"], line["hint"]) for line in mistakes[-2:]}
        assert ("backends.crm.concurency", "did you mean concurrency?") in said
        assert {key for key, _ in said} == {"backends.crm.concurency", "channels.site.kind"}
        assert "\\n" not in "".join(str(line) for line in mistakes)

    def test_what_is_owed_to_a_backend_that_was_taken_out_waits_until_it_is_back(
        self, receiver: Any, new_daemon: Any, answer: Any, until: Any
    ) -> None:
        keys = f'url = "{receiver.url}/second"\n'
        daemon = new_daemon(more_backends={"second": keys}).start()
        receiver.at("second").behave = lambda delivery: answer(503)
        daemon.say("kept")
        until(lambda: receiver.at("second").deliveries, "it is tried")
        written = (daemon.folder / "omnigate.toml").read_text()
        edit(daemon, 'backends = ["crm", "second"]', 'backends = ["crm"]')
        edit(daemon, "[backends.second]", "[backends.third]")
        told = cli(daemon, "reload")
        assert "removed: backend second" in told.stdout
        vain = "2 events are still owed to second, which is not in the configuration"
        remedy = "put it back, or omnigate queue drop --to second"
        assert f"warning: {vain}: {remedy}\n" in told.stderr
        assert json.dumps({"remedy": remedy, "event": vain})[1:-1] in daemon.log()
        daemon.say("not for the second")
        for _ in range(2):
            assert f"backend second: {vain}\n    {remedy}" in daemon.omnigate("status")
            assert daemon.status("second")["state"] == "absent"
            assert daemon.status("second")["pending"] == 2
            assert remedy in cli(daemon, "doctor").stderr
            measured = scrape(daemon)
            assert measured.value("omnigate_pending_items", destination="second") == 2
            absent = measured.value(
                "omnigate_destination_state", destination="second", state="absent"
            )
            assert absent == 1
            daemon.stop()
            assert remedy in cli(daemon, "doctor").stderr, "also while it is stopped"
            daemon.start()
            until(lambda: daemon.log().count(remedy) > 1, "it is logged at the start")
        (daemon.folder / "omnigate.toml").write_text(written)
        receiver.at("second").behave = lambda delivery: answer()
        assert "added: backend second" in daemon.omnigate("reload")
        until(lambda: "kept" in receiver.at("second").texts(), "it has come", 60)
        assert set(receiver.at("second").texts()) == {"kept"}

    def test_nobody_reloads_a_daemon_that_is_not_running(self, daemon: Any) -> None:
        daemon.stop()
        done = cli(daemon, "reload")
        assert done.returncode == 1
        assert "The daemon is not running" in done.stderr
        assert "omnigate run" in done.stderr


ROUTE = '[[routes]]\nbackends = ["crm", "second"]'
