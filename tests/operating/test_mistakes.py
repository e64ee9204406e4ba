"""What operators get wrong: every mistake is said in words, with the right exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

UNKNOWN = "evt_" + "0" * 26
NOBODYS = "cnv_" + "0" * 26
REPLAY = ["events", "replay", "--to"]
MISTAKES = [
    (["dead", "show", "77"], 1, "no dead letter 77"),
    (["dead", "show", "99999999999999999999999"], 1, "no dead letter"),
    (["dead", "show", "x"], 2, "whole number"),
    (["dead", "replay", "77"], 1, "no such dead letter"),
    (["dead", "drop", "77"], 1, "no such dead letter"),
    (["dead", "replay"], 2, "not clear"),
    (["dead", "replay", "1", "--all"], 2, "not clear"),
    (["dead", "drop", "--all", "--to", "crm"], 2, "not clear"),
    (["dead", "replay", "--to", "nobody"], 1, "nobody"),
    (["dead", "list", "--to", "nobody"], 1, "nobody"),
    (["dead", "list", "--reason", "typo"], 1, "attempts, expired, held_too_long, unknown"),
    (["dead", "drop", "--reason", "typo", "--yes"], 1, "No dead letter has the reason 'typo'"),
    (["dead", "replay", "--reason", "typo", "--dry-run"], 1, "reasons are: attempts"),
    (["token", "revoke", "nobody"], 1, "No token is called nobody."),
    (["dead", "list", "--since", "yesterday"], 2, "not a time"),
    (["dead", "list", "--since", "2026-13-01"], 2, "not a time"),
    (["dead", "list", "--cursor", "junk"], 1, "cursor"),
    (["dead", "list", "--limit", "0"], 2, "--limit"),
    (["events", "show", UNKNOWN], 1, "no such event"),
    (["events", "show", "junk"], 2, "no identifier of an event"),
    (["events", "show", "msg_" + "0" * 26], 2, "this is a message, not an event"),
    (["events", "replay", "--since", "1h"], 2, "--to"),
    ([*REPLAY, "crm"], 2, "--since"),
    ([*REPLAY, "crm", "--since", "soon"], 2, "not a time"),
    ([*REPLAY, "nobody", "--since", "1h"], 1, "nobody"),
    ([*REPLAY, "app", "--since", "1h"], 1, "No backend"),
    ([*REPLAY, "crm", "--since", UNKNOWN], 1, "no event"),
    ([*REPLAY, "crm", "--since", "1h", "--type", "nonsense"], 1, "nonsense"),
    ([*REPLAY, "crm", "--since", "1h", "--until", "2h"], 1, "is before since"),
    ([*REPLAY, "crm", "--since", "1h", "--rate", "0"], 2, "--rate"),
    (["events", "replays", "--cancel", "7"], 1, "no replay 7"),
    (["queue", "show", "7777"], 1, "Nothing of the number 7777"),
    (["queue", "show", NOBODYS], 1, f"no conversation {NOBODYS}"),
    (["queue", "show", "cnv_nothing"], 2, "no identifier of a conversation"),
    (["queue", "list", "--conversation", "c-1"], 2, "no identifier of a conversation"),
    (["queue", "list", "--conversation", NOBODYS], 1, "no conversation"),
    (["queue", "retry", "--conversation", NOBODYS], 1, "omnigate conversation list"),
    (["queue", "drop", "--conversation", NOBODYS, "--yes"], 1, "no conversation"),
    (["queue", "drop", "--conversation", "c-1"], 2, "They begin with cnv_"),
    (["queue", "retry", "--conversation", "msg_" + "0" * 26], 2, "no identifier"),
    (["queue", "retry", "--to", "nobody"], 1, "nobody"),
    (["queue", "drop", "7777"], 1, "nothing of this number"),
    (["queue", "drop", "--all", "--yes"], 1, "No item matches"),
    (["queue", "drop"], 2, "not clear"),
    (["queue", "drop", "7", "--to", "crm"], 2, "not clear"),
    (["queue", "list", "--to", "nobody"], 1, "'nobody'; there are: app, crm, site"),
    (["queue", "drop", "--to", "nobody", "--yes"], 1, "nobody"),
    (["queue", "show", "99999999999999999999"], 1, "no item"),
    (["dead", "drop", "99999999999999999999"], 2, "9223372036854775807"),
    (["dead", "drop", "0"], 1, "no such dead letter"),
    (["quarantine", "list", "--channel", "nobody"], 1, "'nobody': there are app, site"),
    (["quarantine", "list", "--channel", "crm"], 1, "No channel is called 'crm'"),
    (["quarantine", "drop", "--channel", "nobody", "--yes"], 1, "nobody"),
    (["quarantine", "retry", "--channel", "nobody"], 1, "nobody"),
    (["quarantine", "show", "7"], 1, "no request 7"),
    (["quarantine", "drop", "7"], 1, "no such request"),
    (["quarantine", "retry", "7"], 1, "no such request"),
    (["quarantine", "drop"], 2, "not clear"),
    (["quarantine", "drop", "7", "--all"], 2, "not clear"),
    (["quarantine", "drop", "--all", "--yes"], 1, "No request matches"),
    (["message", "cancel", "msg_" + "0" * 26], 1, "no such message"),
]
NEED_THE_DAEMON = [
    ["dead", "replay", "--all"],
    [*REPLAY, "crm", "--since", "1h"],
    ["queue", "retry"],
    ["quarantine", "retry", "--all"],
]
EMPTY = [
    (["dead", "list"], "There are no dead letters.\n"),
    (["events", "replays"], "Nothing was replayed yet. See: omnigate events replay --help\n"),
    (["queue", "list"], "Nothing waits.\n"),
    (["quarantine", "list"], "The quarantine is empty.\n"),
]
VERBS = [
    *(f"dead {verb}" for verb in ("list", "show", "replay", "drop")),
    *(f"quarantine {verb}" for verb in ("list", "show", "retry", "drop")),
    *(f"queue {verb}" for verb in ("list", "show", "retry", "drop")),
    *(f"events {verb}" for verb in ("show", "replay", "replays")),
    "message cancel",
]


def test_mistakes_are_said_in_words_with_a_daemon_and_without_one(
    operator: Callable[..., Any], receiver: Any, until: Any
) -> None:
    omnigate = operator()
    omnigate.daemon.say("hello")
    until(lambda: receiver.crm.texts() == ["hello"], "it is delivered")
    (delivery,) = receiver.crm.of("message.received")
    shown = omnigate("events", "show", delivery.id)
    assert shown.code == 0, shown.err
    assert '"text": "hello"' in shown.out
    assert omnigate.json("events", "show", delivery.id) == delivery.json
    until(lambda: omnigate.daemon.status("crm")["pending"] == 0, "nothing waits")
    for words, said in EMPTY:
        result = omnigate(*words)
        assert (result.code, result.out, result.err) == (0, "", said)
    for words, code, said in MISTAKES:
        check(omnigate, words, code, said)
    omnigate.daemon.stop()
    assert omnigate.json("events", "show", delivery.id) == delivery.json
    for words in NEED_THE_DAEMON:
        check(omnigate, words, 1, "not running")
    for words, code, said in MISTAKES:
        if words[:2] in (["dead", "show"], ["queue", "drop"], ["message", "cancel"]):
            check(omnigate, words, code, said)


def test_a_store_that_another_process_has_is_left_alone(operator: Callable[..., Any]) -> None:
    omnigate = operator()
    folder = omnigate.daemon.folder
    text = (folder / "omnigate.toml").read_text()
    elsewhere = folder / "elsewhere.toml"
    elsewhere.write_text(f'[admin]\nsocket = "other.sock"\n{text}')
    elsewhere.chmod(0o600)
    for words in (["dead", "list"], ["queue", "drop", "--all", "--yes"], ["quarantine", "list"]):
        result = omnigate.run(*words, "--config", str(elsewhere))
        assert result.code == 1, result
        assert f"another Omnigate (process {omnigate.daemon.process.pid})" in result.err
        assert "Traceback" not in result.err


def check(omnigate: Any, words: list[str], code: int, said: str) -> None:
    result = omnigate(*words)
    assert result.code == code, (words, result)
    assert said in result.err, (words, result)
    assert "Traceback" not in result.err


@pytest.mark.parametrize("words", VERBS)
def test_every_verb_explains_itself(omnigate: Callable[..., Any], words: str) -> None:
    result = omnigate(*words.split(), "--help")
    assert result.code == 0
    assert "--json" in result.out
    assert "--config" in result.out
