"""Whatever is wrong with a channel or a backend comes with what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate
from omnigate.cli.app import tree
from omnigate.flow.member import BY_OPERATOR, DRAINED, Absentee, Member
from omnigate.flow.supervisor import ChannelRunner
from omnigate.flow.troubles import Finding, merged, troubles
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
                (
                    "mend that in the configuration and run omnigate reload, or at the platform and run "
                    "omnigate channel resume app"
                ),
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
        "down, and what waits for it",
        channel("down", "the platform is away"),
        Owed(pending=2),
        [
            (
                "channel app",
                "bad",
                "down: the platform is away; 2 messages wait",
                "it is tried again by itself; see omnigate channel log app",
            )
        ],
    ),
    (
        "down, and nothing can be sent for that",
        channel(
            "down",
            "away",
            failures=3,
            first_failure_at=1,
            last_error="not sent: away",
            breaker="open",
        ),
        Owed(pending=2),
        [
            (
                "channel app",
                "bad",
                "down: away; 2 messages wait",
                "it is tried again by itself; see omnigate channel log app",
            )
        ],
    ),
    (
        "down, and said in other words why nothing can be sent",
        channel(
            "down",
            "transceiver: the SMSC at h:1 refuses",
            failures=1,
            first_failure_at=1,
            last_error="not bound: the SMSC at h:1 refuses",
        ),
        Owed(pending=1),
        [
            (
                "channel app",
                "bad",
                "down: transceiver: the SMSC at h:1 refuses; 1 message waits",
                "it is tried again by itself; see omnigate channel log app",
            )
        ],
    ),
    (
        "down one way, and another trouble the other way",
        channel("down", "no mailbox", failures=3, first_failure_at=1, last_error="no relay"),
        Owed(pending=2),
        [
            (
                "channel app",
                "warning",
                "failed 3 times in a row: no relay; 2 messages wait",
                "it is tried again by itself; see omnigate channel log app",
            ),
            (
                "channel app",
                "bad",
                "down: no mailbox",
                "it is tried again by itself; see omnigate channel log app",
            ),
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


DOWN = channel("down", "INBOX: refuses connections")
ASKED: list[Any] = [
    (
        "what a channel says of itself it says anew",
        DOWN,
        Finding("channel app", "bad", "IMAP: refuses connections; SMTP: too"),
        [("bad", "down: IMAP: refuses connections; SMTP: too; 2 events wait")],
    ),
    (
        "a receiver that fails as it did",
        member("backend", "crm", breaker="open", **FAILING),
        Finding("backend crm", "bad", "https://crm.example answered 503"),
        [("bad", "failed 7 times in a row: https://crm.example answered 503; 2 events wait")],
    ),
    (
        "a receiver that fails otherwise than it did",
        member("backend", "crm", breaker="open", **FAILING),
        Finding("backend crm", "bad", "connection refused"),
        [("bad", "connection refused; failed 7 times in a row: answered 503; 2 events wait")],
    ),
    (
        "one that works when it is asked",
        DOWN,
        Finding("channel app", "good", "reads INBOX"),
        [("good", "reads INBOX"), ("bad", "down: INBOX: refuses connections; 2 events wait")],
    ),
    (
        "one that fails and is weak beside that",
        DOWN,
        Finding("channel app", "warning", "weak: nothing is signed", "name addresses"),
        [
            ("warning", "weak: nothing is signed"),
            ("bad", "down: INBOX: refuses connections; 2 events wait"),
        ],
    ),
    (
        "what an operator has paused",
        member("backend", "crm", paused=BY_OPERATOR),
        Finding("backend crm", "bad", "connection refused"),
        [("bad", "connection refused"), ("warning", f"{BY_OPERATOR}; 2 events wait")],
    ),
]


@pytest.mark.parametrize(("one", "asked", "wanted"), [pytest.param(*c[1:], id=c[0]) for c in ASKED])
def test_what_is_known_and_found_by_asking_is_one_trouble(
    one: Member, asked: Finding, wanted: list[tuple[str, str]]
) -> None:
    found = merged([asked], troubles([one], Backlog({1: Owed(pending=2)})))
    said = [(it.state, it.message.replace("messages", "events")) for it in found]
    assert said == wanted
    assert all(it.remedy for it in found if it.state == "bad" and it.message != asked.message)


def test_what_was_set_aside_is_said_beside_what_does_not_work() -> None:
    asked = Finding("backend crm", "bad", "connection refused")
    crm = member("backend", "crm", breaker="open", **FAILING)
    found = merged([asked], troubles([crm], Backlog({1: Owed(dead=1)})))
    assert [it.message.partition(":")[0] for it in found] == [
        "connection refused; failed 7 times in a row",
        "1 dead letter",
    ]


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
    command: Any = tree()
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
