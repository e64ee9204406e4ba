"""What operators do with many things at once is told in the log: what, how many, which, by whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SAID = "words of a customer's"


def lines(omnigate: Any, *events: str) -> list[dict[str, Any]]:
    """Return what the log says under these names."""
    told = [json.loads(line) for line in omnigate.daemon.log().splitlines()]
    return [line for line in told if line["event"] in events]


def test_every_work_on_many_things_is_one_line_of_the_log_and_says_nothing_of_their_content(
    operator: Callable[..., Any], receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda delivery: answer(400)
    omnigate = operator()
    omnigate.daemon.say(SAID)
    first, second = omnigate.dead(2)
    assert omnigate("dead", "drop", str(first["id"])).code == 0
    assert omnigate("dead", "drop", "--all", "--dry-run").code == 0
    assert omnigate("backend", "pause", "crm").code == 0
    assert omnigate("dead", "replay", "--to", "crm", "--reason", "attempts", "--yes").code == 0
    assert omnigate("queue", "drop", "--all", "--yes").code == 0
    assert omnigate("queue", "drop", "4711").code == 1
    told = lines(omnigate, "dead letters dropped", "dead letters replayed", "queue dropped")
    assert [
        (line["event"], line["count"], line["refused"], line["selection"]) for line in told
    ] == [
        ("dead letters dropped", 1, 0, {"ids": str(first["id"])}),
        ("dead letters replayed", 1, 0, {"reason": "attempts", "to": "crm"}),
        ("queue dropped", 1, 0, {"all": "yes"}),
        ("queue dropped", 0, 1, {"ids": "4711"}),
    ]
    assert {line["by"] for line in told} == {"operator"}
    assert {line["level"] for line in told} == {"info"}
    assert SAID not in omnigate.daemon.log()
    assert second["id"] != first["id"]
