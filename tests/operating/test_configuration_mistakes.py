"""Mistakes in the configuration beside a running daemon: told alike everywhere, and they hide nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TYPO = '[log]\nlevel = "infos"\n[backends.typo]\nkind = "consol"\n'
BROKEN = "[server\n"
SHAPE = {"ok", "error", "remedy", "code", "problems"}


def append(omnigate: Any, text: str) -> None:
    path = omnigate.daemon.folder / "omnigate.toml"
    path.write_text(path.read_text().replace('[log]\nformat = "json"\n', "") + text)


def layout(text: str) -> list[str]:
    """Return what stands between the heading and what else a command has to say."""
    return [line for line in text.splitlines() if line.startswith("  ")]


def test_reload_words_a_typo_as_check_does(operator: Callable[..., Any]) -> None:
    omnigate = operator()
    append(omnigate, TYPO)
    checked, reloaded = omnigate("check"), omnigate("reload")
    assert (checked.code, reloaded.code) == (2, 1)
    assert checked.err.startswith("The configuration has 2 problems:\n")
    assert reloaded.err.startswith("The configuration has 2 problems:\n")
    assert layout(checked.err) == layout(reloaded.err)
    assert "did you mean console?" in reloaded.err
    assert "goes on with the one it has" in reloaded.err
    both = [json.loads(omnigate(verb, "--json").out) for verb in ("check", "reload")]
    for document in both:
        assert document.keys() == SHAPE
        assert document["ok"] is False
        assert [item["key"] for item in document["problems"]] == ["log.level", "backends.typo.kind"]
        assert all(item["hint"] for item in document["problems"])
    assert both[0]["problems"] == both[1]["problems"]


@pytest.mark.parametrize("mistake", [BROKEN, "[admin]\nsocket = 5\n[store]\nurl = 7\n"])
def test_a_broken_file_does_not_hide_the_daemon(
    operator: Callable[..., Any], receiver: Any, until: Any, mistake: str
) -> None:
    omnigate = operator()
    omnigate.daemon.say("hello")
    until(lambda: receiver.crm.texts() == ["hello"], "it is delivered")
    append(omnigate, mistake)
    for words in (
        ["status"],
        ["message", "list"],
        ["channel", "list"],
        ["queue", "list"],
        ["events", "tail", "--no-follow"],
        ["channel", "pause", "app"],
        ["channel", "resume", "app"],
    ):
        result = omnigate(*words)
        assert result.code == 0, (words, result)
        assert "omnigate.toml" in result.err
        assert "See: omnigate check" in result.err
    assert omnigate("check").code == 2
    assert omnigate("stop").code == 0
    process = omnigate.daemon.process
    assert process.wait(30) == 0
    omnigate.daemon.process = None
    stopped = omnigate("status")
    assert stopped.code == 2, "now there is nothing but the broken file"
    assert "omnigate.toml" in stopped.err


def test_a_socket_elsewhere_is_found_in_a_broken_file(
    operator: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    omnigate = operator()
    elsewhere = tmp_path_factory.mktemp("e") / "omnigate.toml"
    socket: Path = omnigate.daemon.folder / "omnigate.sock"
    for text in (
        f'[admin]\nsocket = "{socket}"\n[log]\nlevel = "no end\n',
        f'[log\n[store]  # here\nurl = "sqlite:///{omnigate.daemon.folder}/store.db"\n',
    ):
        elsewhere.write_text(text)
        result = omnigate.run("status", "--config", str(elsewhere))
        assert result.code == 0, result
        assert " ready, up " in result.out


MISTAKES_WITH_JSON = [
    (["message", "list", "--channel", "ap"], 1, "no_channel"),
    (["message", "list", "--state", "ajar"], 2, None),
    (["message", "list", "--limit", "0"], 2, None),
    (["message", "show", "junk"], 2, None),
    (["message", "show"], 2, None),
    (["token", "create", "crm", "--scope", "everything"], 2, None),
    (["token", "create", "crm", "--scope", "media", "--channel", "ap"], 1, "no_channel"),
    (["dead", "show", "7"], 1, None),
    (["queue", "drop", "--all"], 1, None),
    (["channel", "show", "nobody"], 1, "no_channel"),
    (["events", "replays", "--cancel", "7"], 1, None),
]


def test_every_failure_is_json_for_whoever_asked_for_it(operator: Callable[..., Any]) -> None:
    omnigate = operator()
    for words, code, cause in MISTAKES_WITH_JSON:
        plain, result = omnigate(*words), omnigate(*words, "--json")
        assert (plain.code, result.code) == (code, code), (words, result)
        document = json.loads(result.out)
        assert document.keys() == SHAPE, words
        assert (document["ok"], document["code"]) == (False, cause), words
        assert plain.out == "", "people read it on the standard error"
        assert plain.err == result.err, "and they do with --json too"
    omnigate.daemon.stop()
    document = json.loads(omnigate("status", "--json").out)
    assert document["code"] == "not_running"
    assert "omnigate run" in document["remedy"]


def test_what_the_daemon_calls_fields_are_the_options_of_the_command(
    operator: Callable[..., Any],
) -> None:
    omnigate = operator()
    for words, said, code in (
        (["message", "list", "--state", "ajar"], "--state: expected 'received', ", 2),
        (["call", "list", "--state", "ajar"], "--state: expected 'requested', ", 2),
        (["conversation", "list", "--status", "ajar"], "--status: expected 'open' or", 2),
        (["token", "create", "crm", "--scope", "bogus"], "--scope: expected 'messages:send', ", 2),
        (["message", "send", "", "--channel", "app", "--address", "user:1"], "A message needs", 1),
        (
            ["message", "send", "x", "--channel", "app", "--address", "1"],
            "--address: an address",
            2,
        ),
    ):
        result = omnigate(*words)
        assert result.code == code, result
        assert result.err.startswith(said), result


def test_a_message_that_will_wait_says_why_and_what_to_do(
    operator: Callable[..., Any], receiver: Any, until: Any
) -> None:
    omnigate = operator()
    omnigate.daemon.say("hello")
    until(lambda: receiver.crm.texts() == ["hello"], "it is delivered")
    (conversation,) = omnigate.json("conversation", "list")["items"]
    send = ["message", "send", "yes", "--conversation", conversation["id"]]
    assert omnigate(*send).err == ""
    assert omnigate("channel", "pause", "app").code == 0
    paused = omnigate(*send)
    assert paused.code == 0
    assert paused.err == "app is paused, so it waits: omnigate channel resume app\n"
    assert omnigate("channel", "resume", "app").code == 0
    assert omnigate(*send).err == ""
    until(lambda: len(receiver.answers.deliveries) == 3, "all of them went out")
    path = omnigate.daemon.folder / "omnigate.toml"
    path.write_text(path.read_text().replace('kind = "http"\n', 'kind = "http"\nenabled = false\n'))
    assert omnigate("reload").code == 0
    disabled = omnigate(*send)
    assert disabled.code == 1
    assert "'app' is not enabled: set enabled = true, then omnigate reload" in disabled.err
    assert omnigate("message", "list", "--channel", "app").code == 0, "it is known all the same"
    (listed,) = [it for it in omnigate.json("channel", "list")["items"] if it["name"] == "app"]
    assert (listed["kind"], listed["state"], listed["enabled"]) == ("http", "disabled", False)
    assert omnigate.json("channel", "show", "app")["state"] == "disabled"
    assert "app" in omnigate("status").out
    log = omnigate("channel", "setup", "app")
    assert (log.code, "set enabled = true" in log.err) == (1, True), log
    unknown = omnigate("message", "send", "x", "--conversation", "cnv_" + "0" * 26)
    assert unknown.code == 1
    assert "omnigate conversation list" in unknown.err
    nowhere = omnigate("message", "send", "x", "--channel", "ap", "--address", "user:1")
    assert "there is site" in nowhere.err


def test_doctor_asks_the_daemon_that_runs_beside_a_broken_file(
    operator: Callable[..., Any],
) -> None:
    omnigate = operator()
    append(omnigate, BROKEN)
    told = omnigate("doctor", "--json")
    assert told.code == 1, told
    found = {item["subject"]: item for item in json.loads(told.out)["findings"]}
    assert found["configuration"]["state"] == "bad"
    assert "omnigate reload would be refused" in found["configuration"]["message"]
    assert found["channel app"]["state"] == "good", "the daemon itself is looked at"


def test_doctor_without_a_daemon_names_every_mistake(
    operator: Callable[..., Any],
) -> None:
    omnigate = operator()
    assert omnigate("stop").code == 0
    assert omnigate.daemon.process.wait(30) == 0
    omnigate.daemon.process = None
    append(omnigate, TYPO)
    told = omnigate("doctor")
    assert told.code == 2
    assert told.err.startswith("The configuration has 2 problems:\n")


def test_a_reload_tells_of_tables_that_hold_from_now_on(operator: Callable[..., Any]) -> None:
    omnigate = operator()
    assert omnigate("reload").out == "Nothing has changed.\n"
    path = omnigate.daemon.folder / "omnigate.toml"
    text = path.read_text().replace("[retry]\n", "[retry]\nexpiry_seconds = 3600\n")
    path.write_text(text.replace("[[routes]]\n", '[[routes]]\nchannels = ["app"]\n'))
    assert omnigate("reload").out == "taken over: [retry], [[routes]]\n"
    assert omnigate.json("reload")["tables"] == []
    path.write_text(path.read_text().replace("[server]\n", "[server]\nshutdown_seconds = 7\n"))
    told = omnigate("reload")
    assert told.out == "Nothing else has changed.\n"
    assert "[server] hold only after a restart" in told.err
