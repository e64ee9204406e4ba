"""`message trace` and `channel log`, through the real command line against a real daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from omnigate.cli.client import Client

CANARY = "cAnary7Z"


def run(daemon: Any, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "omnigate", *arguments],
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def traced(daemon: Any, known: str) -> dict[str, Any]:
    """Return what the command prints with --json, without starting it: tests wait by asking often."""
    return dict(Client(daemon.folder / "omnigate.sock").get(f"/admin/messages/{known}/trace"))


def steps(trace: dict[str, Any]) -> list[str]:
    return [step["step"] for step in trace["steps"]]


def message_of(daemon: Any, text: str) -> str:
    listed = daemon.get("/v1/messages")["items"]
    return next(str(one["id"]) for one in listed if one["text"] == text)


def test_a_trace_tells_every_attempt_with_what_was_said_and_no_secret(
    new_daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    """Twice refused, then delivered: each refusal with its exchange below it."""
    receiver.crm.behave = lambda delivery: (
        answer(500, b"no room for " + receiver_secret(delivery), {"X-Why": CANARY})
        if delivery.attempt < 3
        else answer()
    )
    daemon = new_daemon().start()
    daemon.say("hello")
    until(lambda: len(receiver.crm.of("message.received")) == 3, "the third attempt came")
    message = message_of(daemon, "hello")
    until(lambda: "delivered" in steps(traced(daemon, message)), "the delivery is settled")
    trace = json.loads(run(daemon, "message", "trace", message, "--json").stdout)
    assert trace == traced(daemon, message)
    assert steps(trace) == ["received", "owed", "attempt", "attempt", "delivered"]
    first, second, last = trace["steps"][2:]
    for number, failed in enumerate((first, second), 1):
        assert (failed["number"], failed["status"]) == (number, 500)
        assert failed["destination"] == "crm"
        (exchange,) = failed["exchanges"]
        assert exchange["url"] == f"{receiver.url}/crm"
        assert exchange["request_headers"]["webhook-id"] == failed["event"]
        assert exchange["request_headers"]["webhook-signature"] == "(redacted)"
        assert exchange["response_body"].startswith("no room for ")
        assert exchange["response_headers"]["x-why"] == "(redacted)"
    assert (last["number"], last["status"], last["exchanges"]) == (3, 204, [])
    assert CANARY not in json.dumps(trace)
    told = run(daemon, "message", "trace", first["event"]).stdout
    assert "attempt 2: 500 in" in told
    assert f"POST {receiver.url}/crm" in told
    assert "| no room for" in told
    assert [line for line in told.splitlines() if " delivered " in line]


def receiver_secret(delivery: Any) -> bytes:
    return f"{delivery.id}\x1b[2J".encode()


def test_a_trace_says_what_is_still_to_come_and_works_without_a_daemon(
    new_daemon: Any, receiver: Any, until: Any
) -> None:
    receiver.down()
    daemon = new_daemon(schedule="[3600]").start()
    daemon.say("hello")
    first = str(daemon.get("/v1/events")["items"][0]["id"])
    until(lambda: "attempt" in steps(traced(daemon, first)), "an attempt was made")
    attempt, waiting = traced(daemon, first)["steps"][-2:]
    assert attempt["exchanges"][0]["error"] == "connection refused; is anything running there?"
    assert (waiting["step"], waiting["reason"]) == ("waiting", "it is to be tried again")
    assert waiting["at"] > attempt["at"]
    message = message_of(daemon, "hello")
    assert traced(daemon, message)["steps"][-1]["reason"] == "1 before it in its conversation"
    daemon.stop()
    told = run(daemon, "message", "trace", first)
    assert "The daemon is not running" in told.stderr
    assert "to be tried again" in told.stdout
    receiver.up()


def test_a_trace_of_an_answer_tells_call_parts_and_receipts(
    daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    receiver.answers.behave = lambda delivery: answer(200, b'{"external_id": "p-1"}')
    daemon.say("hello")
    until(lambda: receiver.crm.of("message.received"), "the event came")
    conversation = receiver.crm.of("message.received")[0].json["conversation"]["id"]
    sent = daemon.send({"conversation": conversation}, "hi", key="k-1", client_ref="order 7")
    until(lambda: receiver.crm.of("message.sent"), "it was sent")
    daemon.request("POST", "/channels/app/receipts", {"external_id": "p-1", "state": "delivered"})
    until(lambda: receiver.crm.of("message.delivered"), "the receipt came")
    until(lambda: steps(traced(daemon, sent["id"])).count("delivered") == 3, "all is settled")
    trace = traced(daemon, sent["id"])
    assert steps(trace)[:2] == ["queued", "owed"]
    assert [one["type"] for one in trace["steps"] if one["step"] == "event"] == [
        "message.sent",
        "message.delivered",
    ]
    assert (trace["idempotency_key"], trace["client_ref"]) == ("k-1", "order 7")
    assert trace["token"]
    assert trace["token"] in daemon.token
    (part,) = trace["parts"]
    assert (part["state"], part["external_id"], part["text"]) == ("delivered", "p-1", "hi")
    assert " p-1 " in run(daemon, "message", "trace", sent["id"]).stdout


def test_a_trace_of_nothing_is_refused_in_words(daemon: Any) -> None:
    unknown = "msg_" + "0" * 26
    assert "no such message" in run(daemon, "message", "trace", unknown, code=1).stderr
    assert "no identifier" in run(daemon, "message", "trace", "42", code=2).stderr


def test_the_log_of_a_channel_is_told_and_followed(
    daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    """S38: what a platform names itself can neither command the terminal nor show a credential."""
    hostile = f"\x1b[2J og_abcdef0123_{CANARY}abcdefghijklmnopqrst"
    receiver.answers.behave = lambda delivery: answer(
        200, json.dumps({"external_id": hostile}).encode()
    )
    assert "channel up" in run(daemon, "channel", "log", "app").stdout
    with subprocess.Popen(
        [sys.executable, "-m", "omnigate", "channel", "log", "app", "--follow", "--lines", "1"],
        cwd=daemon.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        assert "channel up" in following.stdout.readline()
        daemon.say("hello")
        until(lambda: receiver.crm.of("message.received"), "the event came")
        conversation = receiver.crm.of("message.received")[0].json["conversation"]["id"]
        for text in ("one", "two"):
            daemon.send({"conversation": conversation}, text)
        line = following.stdout.readline()
        lines = run(daemon, "channel", "log", "app", "--json").stdout.splitlines()
        daemon.stop()
        assert following.wait(30) == 0
    assert "a platform gave an id twice" in line
    last = json.loads(lines[-1])
    assert last["event"] == "a platform gave an id twice"
    for said in (line, *lines):
        assert CANARY not in said
        assert "\x1b" not in said
    told = run(daemon, "channel", "log", "app", code=1)
    assert "The daemon is not running" in told.stderr


def test_the_log_of_an_unknown_channel_is_refused_in_words(daemon: Any) -> None:
    said = run(daemon, "channel", "log", "nobody", code=1).stderr
    assert (
        said == "No channel is called 'nobody': there are app, site; see omnigate channel list.\n"
    )


def ends(trace: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return the steps after it was first owed, with who brought them about."""
    told = [(step["step"], step["by"]) for step in trace["steps"]]
    return told[told.index(("owed", None)) + 1 :]


def buried(daemon: Any, receiver: Any, answer: Any, until: Any) -> str:
    """Have a message die with the CRM; returns its id."""
    receiver.crm.behave = lambda delivery: answer(400 if delivery.text == "bad" else 204)
    daemon.say("bad")
    message = message_of(daemon, "bad")
    until(lambda: "dead" in steps(traced(daemon, message)), "it is dead")
    return message


def tells_of_a_replay(daemon: Any, receiver: Any, answer: Any, until: Any) -> None:
    """A dead letter's attempts and its death stay told after it was replayed, with who did so."""
    message = buried(daemon, receiver, answer, until)
    before = [step for step in traced(daemon, message)["steps"] if step["step"] == "attempt"]
    (death,) = [step for step in traced(daemon, message)["steps"] if step["step"] == "dead"]
    receiver.crm.behave = lambda delivery: answer()
    run(daemon, "dead", "replay", "--all", "--yes")
    until(lambda: "delivered" in steps(traced(daemon, message)), "it is delivered after all")
    after = traced(daemon, message)
    assert ends(after) == [
        *[("attempt", None)] * 5,
        ("dead", None),
        ("replayed", "operator"),
        ("owed", None),
        ("delivered", None),
    ]
    assert [step for step in after["steps"] if step["step"] == "attempt"] == before
    assert [step for step in after["steps"] if step["step"] == "dead"] == [death]
    assert death["error"], "and why"
    again = [step["replay"] for step in after["steps"] if step["delivery"] != death["delivery"]]
    assert again == [None, True, True], "what was received, owed again and delivered"
    told = run(daemon, "message", "trace", message).stdout
    assert " after 5 attempts: answered 400 (attempts)" in told
    assert "to backend crm, by the operator" in told


def test_a_death_stays_told_after_its_letter_was_replayed(
    daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    tells_of_a_replay(daemon, receiver, answer, until)


def test_a_daemon_that_forgets_the_letters_it_replays_is_found_out(
    new_daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    forget = "from omnigate.store import dead; dead.note_end = lambda *known: None"
    daemon = new_daemon().start(prelude=forget)
    with pytest.raises(AssertionError):
        tells_of_a_replay(daemon, receiver, answer, until)


def test_what_an_operator_or_a_crm_ended_stays_told_with_who_it_was(
    new_daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    daemon = new_daemon(schedule="[0.01, 0.01, 0.01, 0.01, 3600]").start()
    message = buried(daemon, receiver, answer, until)
    run(daemon, "dead", "drop", "--to", "crm", "--yes")
    assert ends(traced(daemon, message))[-2:] == [("dead", None), ("dropped", "operator")]
    assert ", by the operator" in run(daemon, "message", "trace", message).stdout

    receiver.answers.behave = lambda delivery: answer(503)
    conversation = daemon.get("/v1/conversations")["items"][0]["id"]
    first, second, third = (
        daemon.send({"conversation": conversation}, text)["id"] for text in ("a", "b", "c")
    )
    until(lambda: "attempt" in steps(traced(daemon, first)), "the first was tried")
    owed = next(step for step in traced(daemon, second)["steps"] if step["step"] == "owed")
    run(daemon, "queue", "drop", str(owed["delivery"]))
    status, _ = daemon.request("POST", f"/v1/messages/{third}/cancel", token=daemon.token)
    assert status == 200
    daemon.stop()
    run(daemon, "message", "cancel", first)
    trace = traced_offline(daemon, first)
    assert ("cancelled", "operator") in ends(trace), "its attempts are there"
    for known, by in ((second, "operator"), (third, daemon.token.split("_")[1])):
        (end,) = [step for step in traced_offline(daemon, known)["steps"] if step["by"]]
        assert (end["step"], end["destination"]) == ("cancelled", "app")
        assert by in end["by"]
    assert " by a call of the API with the token " in run(daemon, "message", "trace", third).stdout


def traced_offline(daemon: Any, known: str) -> dict[str, Any]:
    return dict(json.loads(run(daemon, "message", "trace", known, "--json").stdout))
