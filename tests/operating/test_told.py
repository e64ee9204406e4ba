"""What operators do with many things at once is told in the log: what, how many, which, by whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

SAID = "words of a customer's"
EVENTS = ("dead letters dropped", "dead letters replayed", "queue dropped")
SILENT = "from omnigate.server import selecting; selecting._note = lambda *known: None"


def tells(omnigate: Any, receiver: Any, answer: Any) -> None:
    """What must hold: one line for each work, none for a dry run, nothing of what customers say."""
    receiver.crm.behave = lambda delivery: answer(400)
    omnigate.daemon.say(SAID)
    first, _ = omnigate.dead(2)
    assert omnigate("dead", "drop", str(first["id"])).code == 0
    assert omnigate("dead", "drop", "--all", "--dry-run").code == 0
    assert omnigate("backend", "pause", "crm").code == 0
    assert omnigate("dead", "replay", "--to", "crm", "--reason", "attempts", "--yes").code == 0
    assert omnigate("queue", "drop", "--all", "--yes").code == 0
    assert omnigate("queue", "drop", "4711").code == 1
    log = [json.loads(line) for line in omnigate.daemon.log().splitlines()]
    told = [line for line in log if line["event"] in EVENTS]
    assert [
        (line["event"], line["count"], line["refused"], line["selection"]) for line in told
    ] == [
        ("dead letters dropped", 1, 0, {"ids": str(first["id"])}),
        ("dead letters replayed", 1, 0, {"reason": "attempts", "to": "crm"}),
        ("queue dropped", 1, 0, {"all": "yes"}),
        ("queue dropped", 0, 1, {"ids": "4711"}),
    ]
    assert {(line["by"], line["level"]) for line in told} == {("operator", "info")}
    assert SAID not in omnigate.daemon.log()


def test_every_work_on_many_things_is_one_line_of_the_log_and_says_nothing_of_their_content(
    operator: Callable[..., Any], receiver: Any, answer: Any
) -> None:
    tells(operator(), receiver, answer)


def test_a_daemon_that_keeps_silent_about_it_is_found_out(
    operator: Callable[..., Any], receiver: Any, answer: Any
) -> None:
    omnigate = operator()
    omnigate.daemon.stop()
    omnigate.daemon.start(prelude=SILENT)
    with pytest.raises(AssertionError):
        tells(omnigate, receiver, answer)
