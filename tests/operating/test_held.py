"""Why something waits although it is due: the queue says it, and what to do, whatever holds it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

BLIND = "from omnigate.server import holding; holding._{part} = lambda *known: None"


def failing(operator: Callable[..., Any], receiver: Any, answer: Any, until: Any) -> Any:
    """Have the breaker of the CRM open, with one conversation waiting for it."""
    receiver.crm.behave = lambda delivery: answer(503)
    omnigate = operator(schedule="[0.01]")
    omnigate.daemon.say("hello")
    until(lambda: omnigate.daemon.status("crm")["state"] == "open", "the breaker is open")
    until(lambda: entry(omnigate, "crm")["state"] != "under way", "the last attempt is settled")
    return omnigate


def entry(omnigate: Any, to: str) -> dict[str, Any]:
    (found,) = omnigate.json("queue", "list", "--to", to)["items"]
    return dict(found)


def says_that_it_is_open(omnigate: Any) -> None:
    """What must hold while the breaker of ``crm`` is open."""
    held = entry(omnigate, "crm")["held"]
    assert held is not None
    assert held["why"] == "open"
    assert "503" in held["says"]
    assert held["until"] == entry(omnigate, "crm")["next_try_at"]
    listed = omnigate("queue", "list")
    assert re.search(r"open until (\S+ )?\d\d:\d\d:\d\dZ", listed.out), listed.out
    assert " now " not in listed.out
    assert "omnigate backend test crm" in listed.err
    hurried = omnigate("queue", "retry")
    assert hurried.code == 0
    assert re.search(
        r"Nothing goes out to crm until (\S+ )?[0-9:]{8}Z: it fails: .*503", hurried.out
    )
    assert "; 1 conversation waits for it." in hurried.out
    assert "omnigate backend test crm" in hurried.out
    (still,) = omnigate.json("queue", "retry", "--to", "crm")["held"]
    assert (still["destination"], still["conversations"], still["why"]) == ("crm", 1, "open")


def test_an_open_breaker_is_told_with_its_time_and_what_to_do(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    omnigate = failing(operator, receiver, answer, until)
    says_that_it_is_open(omnigate)
    receiver.crm.behave = lambda delivery: answer()
    assert omnigate("backend", "test", "crm").code == 0
    until(lambda: "hello" in receiver.crm.texts(), "it goes out as the advice said")


def test_who_does_not_look_at_the_breaker_is_found_out(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    omnigate = failing(operator, receiver, answer, until)
    omnigate.daemon.stop()
    omnigate.daemon.start(prelude=BLIND.format(part="failing"))
    with pytest.raises(AssertionError):
        says_that_it_is_open(omnigate)


def says_that_it_is_paused(omnigate: Any) -> None:
    """What must hold while ``crm`` is paused by the operator."""
    waiting = entry(omnigate, "crm")
    assert (waiting["state"], waiting["next_try_at"]) == ("waiting", None)
    assert waiting["held"]["why"] == "paused"
    assert waiting["held"]["remedy"] == "omnigate backend resume crm"
    assert "  paused" in omnigate("queue", "list").out
    hurried = omnigate("queue", "retry", "--conversation", waiting["conversation"])
    assert hurried.code == 0, hurried.err
    said = "Nothing goes out to crm: it is paused by the operator; 1 conversation waits for it."
    assert said in hurried.out
    assert "omnigate backend resume crm" in hurried.out


def test_a_pause_is_told_and_how_to_end_it(operator: Callable[..., Any], receiver: Any) -> None:
    omnigate = operator()
    assert omnigate("backend", "pause", "crm").code == 0
    omnigate.daemon.say("hello")
    says_that_it_is_paused(omnigate)
    message = omnigate.daemon.get("/v1/messages")["items"][0]["id"]
    (last,) = omnigate.json("message", "trace", message)["steps"][-1:]
    assert (last["step"], last["reason"]) == ("waiting", "crm is paused by the operator")
    assert last["at"] is None, "nobody knows when"
    omnigate.daemon.stop()
    assert entry(omnigate, "crm")["held"]["why"] == "paused", "also without a daemon"
    omnigate.daemon.start(prelude=BLIND.format(part="paused"))
    with pytest.raises((AssertionError, TypeError)):
        says_that_it_is_paused(omnigate)


def test_who_is_not_there_is_told_apart_from_who_fails(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    """Taken out, disabled, a disabled channel: each is said, and that a retry cannot help."""
    for path in ("crm", "gone", "off", "answers"):
        receiver.at(path).behave = lambda delivery: answer(503)
    url = 'url = "{}/{}"\n'
    names = ("gone", "off")
    more = {name: url.format(receiver.url, name) for name in names}
    omnigate = operator(schedule="[3600]", more_backends=more)
    omnigate.daemon.say("hello")
    conversation = omnigate.daemon.get("/v1/conversations")["items"][0]["id"]
    omnigate.daemon.send({"conversation": conversation}, "an answer")
    until(lambda: len(omnigate.json("queue", "list")["items"]) == 4, "all are owed something")
    path = omnigate.daemon.folder / "omnigate.toml"
    text = path.read_text().replace('"crm", "gone", "off"', '"crm", "off"')
    begin, end = text.index("[backends.gone]"), text.index("[backends.off]")
    text = text[:begin] + text[end:]
    for section in ("[backends.off]", "[channels.app]"):
        text = text.replace(section, f"{section}\nenabled = false")
    path.write_text(text)
    assert omnigate("reload").code == 0
    expected = {"gone": "not_configured", "off": "disabled", "app": "disabled", "crm": None}

    def waiting() -> list[Any]:
        items = omnigate.json("queue", "list")["items"]
        return [] if any(item["state"] == "under way" for item in items) else items

    listed = {item["destination"]: item for item in until(waiting, "attempts are settled")}
    assert {name: (item["held"] or {}).get("why") for name, item in listed.items()} == expected
    assert listed["crm"]["next_try_at"] is not None
    assert [listed[name]["next_try_at"] for name in ("gone", "off", "app")] == [None] * 3
    plain = omnigate("queue", "list")
    assert " not in the configuration" in plain.out
    assert plain.out.count(" disabled") == 2
    assert "omnigate queue drop --to gone" in plain.err
    hurried = omnigate("queue", "retry")
    assert "Due now: " in hurried.out
    for name, why in (("gone", "is not in the configuration"), ("off", "is not enabled")):
        assert f"Nothing goes out to {name}: it {why}" in hurried.out
    assert "to crm" not in hurried.out
    # A name that the configuration does not have is still known while something is owed to it.
    assert omnigate("queue", "list", "--to", "gone").code == 0
    assert omnigate("queue", "drop", "--to", "gone", "--yes").code == 0


def test_a_conversation_and_its_replay_are_told_apart_and_named_together(
    operator: Callable[..., Any], receiver: Any, refuse: Any, until: Any
) -> None:
    receiver.crm.behave = refuse("bad")
    omnigate = operator()
    omnigate.daemon.say("bad")
    omnigate.dead(1)
    assert omnigate("backend", "pause", "crm").code == 0
    omnigate.daemon.say("live")
    omnigate.daemon.say("other", conversation="c-2")
    assert omnigate("dead", "replay", "--all", "--yes").code == 0
    conversation = next(
        item["id"]
        for item in omnigate.daemon.get("/v1/conversations")["items"]
        if item["external_id"] == "c-1"
    )
    found = omnigate.json("queue", "list", "--conversation", conversation)["items"]
    assert [(item["conversation"], item["replay"], item["replay_id"]) for item in found] == [
        (conversation, False, None),
        (conversation, True, None),
    ]
    heading, *rows = omnigate("queue", "list", "--conversation", conversation).out.splitlines()
    assert [row[heading.index("REPLAY") :].split()[0] for row in rows] == ["1", "yes"]
    items = omnigate.json("queue", "show", conversation)["items"]
    assert [item["replay"] for item in items] == [False, True]
    counted = omnigate("queue", "drop", "--conversation", conversation, "--dry-run")
    assert counted.out == "2 items would be dropped.\n"
    assert omnigate("queue", "drop", "--conversation", conversation, "--yes").code == 0
    left = omnigate.json("queue", "list")["items"]
    assert conversation not in {item["conversation"] for item in left}
    assert len(left) == 1, "what is about others stays"
    assert omnigate.is_sound()
