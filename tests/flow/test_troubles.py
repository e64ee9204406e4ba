"""Whatever is wrong with a channel or a backend comes with what to do about it."""

from __future__ import annotations

from typing import Any

import pytest
from typer.main import get_command

import omnigate
from omnigate.cli.app import build
from omnigate.flow.member import BY_OPERATOR, DRAINED, Absentee, Member
from omnigate.flow.supervisor import ChannelRunner
from omnigate.flow.troubles import troubles
from omnigate.store.backlog import Backlog, Owed
from omnigate.store.destinations import Direction, Health
from omnigate.store.threads import ChannelKey

GONE = "answered 410: the receiver is gone for good"


def member(direction: Direction, name: str, failure: str | None = None, **health: Any) -> Member:
    return Member(direction, name, "test", Health(1, **health), failure=failure)


def channel(state: Any, message: str = "", **health: Any) -> Member:
    known = member("channel", "app", **health)
    config = omnigate.ChannelConfig()
    runner = ChannelRunner(ChannelKey("app", "test"), config, known.health, lambda changed: None)
    runner.reported, runner.message = state, message
    known.runner = runner
    return known


FAILING: Any = {"failures": 7, "first_failure_at": 1, "last_error": "answered 503"}
CASES: list[Any] = [
    ("works", member("backend", "crm"), Owed(pending=3), []),
    ("up", channel("up"), Owed(), []),
    (
        "paused by the operator",
        member("backend", "crm", paused=BY_OPERATOR),
        Owed(pending=12),
        [
            (
                "backend crm",
                "warning",
                "paused by the operator; 12 events wait",
                "omnigate backend resume crm",
            )
        ],
    ),
    (
        "said that it is gone",
        member("backend", "crm", paused=GONE),
        Owed(pending=1),
        [
            (
                "backend crm",
                "bad",
                f"paused: {GONE}; 1 event waits",
                "once it is back: omnigate backend resume crm, or omnigate backend test crm",
            )
        ],
    ),
    (
        "breaker open",
        member("backend", "crm", breaker="open", **FAILING),
        Owed(pending=2),
        [
            (
                "backend crm",
                "bad",
                "failed 7 times in a row: answered 503; 2 events wait",
                "it is tried again by itself; to try now: omnigate backend test crm",
            )
        ],
    ),
    (
        "failed once",
        channel("up", failures=1, first_failure_at=1, last_error="no route"),
        Owed(),
        [
            (
                "channel app",
                "warning",
                "failed: no route",
                "it is tried again by itself; see omnigate channel log app",
            )
        ],
    ),
    (
        "not made",
        member("backend", "crm", failure="the plugin failed: OSError: no library"),
        Owed(pending=2),
        [
            (
                "backend crm",
                "bad",
                "the plugin failed: OSError: no library; 2 events wait",
                "see the log; once mended: omnigate reload",
            )
        ],
    ),
    (
        "not in the configuration",
        Absentee("backend", "old", Health(1), "absent"),
        Owed(pending=3, dead=1),
        [
            (
                "backend old",
                "warning",
                "3 events are still owed to old, which is not in the configuration",
                "put it back, or omnigate queue drop --to old",
            ),
            (
                "backend old",
                "warning",
                "1 dead letter: given up, kept for a while",
                "omnigate dead list --to old",
            ),
        ],
    ),
    (
        "stopped",
        channel("stopped", "the platform refuses our credentials"),
        Owed(),
        [
            (
                "channel app",
                "bad",
                "stopped: the platform refuses our credentials",
                "mend that, then: omnigate channel resume app",
            )
        ],
    ),
    (
        "down",
        channel("down", "the platform is away"),
        Owed(),
        [
            (
                "channel app",
                "bad",
                "down: the platform is away",
                "it is tried again by itself; see omnigate channel log app",
            )
        ],
    ),
    (
        "degraded",
        channel("degraded", "polls only"),
        Owed(),
        [
            (
                "channel app",
                "warning",
                "degraded: polls only",
                "see omnigate channel log app",
            )
        ],
    ),
    (
        "draining",
        channel("up", intake_closed=True),
        Owed(pending=1),
        [
            (
                "channel app",
                "warning",
                "draining, lets nothing in; 1 message to send",
                "to undo: omnigate channel resume app",
            )
        ],
    ),
    (
        "drained",
        channel("down", intake_closed=True, paused=DRAINED),
        Owed(),
        [
            (
                "channel app",
                "warning",
                DRAINED,
                "omnigate channel resume app, or take it out",
            )
        ],
    ),
]


@pytest.mark.parametrize(("one", "owed", "wanted"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_it_is_said_with_what_to_do(
    one: Member | Absentee, owed: Owed, wanted: list[tuple[str, ...]]
) -> None:
    found = troubles([one], Backlog({1: owed}))
    assert [(it.subject, it.state, it.message, it.remedy) for it in found] == wanted


def test_what_is_in_quarantine_is_named_channel_by_channel_whoever_is_configured() -> None:
    found = troubles([], Backlog(quarantined={"sms": 1, "app": 2}))
    assert [(it.subject, it.message, it.remedy) for it in found] == [
        (
            "channel app",
            "2 requests in quarantine: authentic, but not understood",
            "omnigate quarantine list --channel app",
        ),
        (
            "channel sms",
            "1 request in quarantine: authentic, but not understood",
            "omnigate quarantine list --channel sms",
        ),
    ]


def unknown_commands(remedy: str) -> list[str]:
    """Return the commands in a text that the command line does not have."""
    command: Any = get_command(build())
    found = []
    for words in remedy.split("omnigate ")[1:]:
        noun, verb, *_ = [*words.replace(",", "").split(" "), ""]
        known = command.commands.get(noun)
        if known is None or verb not in getattr(known, "commands", (verb,)):
            found.append(f"{noun} {verb}")
    return found


def test_every_command_that_is_advised_exists() -> None:
    remedies = [
        found.remedy
        for _, one, owed, _ in CASES
        for found in troubles([one], Backlog({1: owed}, quarantined={"app": 1}))
    ]
    assert len(remedies) > 20
    assert [unknown for remedy in remedies for unknown in unknown_commands(remedy)] == []


def test_advice_to_use_what_does_not_exist_is_found() -> None:
    """The sabotage twin."""
    remedy = "omnigate backend revive crm, or omnigate kick crm, or omnigate backend test crm"
    assert unknown_commands(remedy) == ["backend revive", "kick crm"]
