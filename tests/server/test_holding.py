"""What holds a destination back, told from how it is known to be."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from omnigate.flow.member import Absentee, Member
from omnigate.server.holding import Held, held_back, held_without_daemon, next_try
from omnigate.store.destinations import Direction, Health
from omnigate.store.record import time_text
from omnigate.store.selection import Owner

NOW = 1_800_000_000_000
SOON = NOW + 30_000


@dataclass
class Case:
    """A destination, and what is to be said of it."""

    health: Health
    why: str | None
    until: int | None = None
    direction: Direction = "backend"
    failure: str | None = None


CASES = {
    "works": Case(Health(1), None),
    "failed once": Case(Health(1, failures=1, last_error="answered 503"), None),
    "open": Case(Health(1, "open", retry_at=SOON, last_error="answered 503"), "open", SOON),
    "open, its time is over": Case(Health(1, "open", retry_at=NOW - 1), "open"),
    "probing": Case(Health(1, "probing", retry_at=NOW - 1), "open"),
    "a channel's breaker": Case(Health(1, "open", retry_at=SOON), "open", SOON, "channel"),
    "asked for a pause": Case(Health(1, retry_at=SOON), "asked_to_wait", SOON),
    "asked for one that is over": Case(Health(1, retry_at=NOW), None),
    "paused": Case(Health(1, paused="paused by the operator"), "paused"),
    "paused while open": Case(Health(1, "open", retry_at=SOON, paused="410 Gone"), "paused"),
    "broken": Case(Health(1), "broken", failure="no module named x"),
}


def told(case: Case) -> Held | None:
    """Return what is said of a member that is as the case has it."""
    member = Member(case.direction, "crm", "webhook", case.health, failure=case.failure)
    return held_back(Owner(1, case.direction, "crm", Health(1)), member, NOW)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_whatever_holds_it_back_is_said_with_its_end_and_what_to_do(case: Case) -> None:
    held = told(case)
    if case.why is None:
        assert held is None
        assert next_try(NOW, held) == time_text(NOW)
        return
    assert held is not None
    assert (held.why, held.until) == (case.why, time_text(case.until) if case.until else None)
    assert next_try(NOW, held) == held.until
    if held.until is not None:
        assert next_try(SOON + 1, held) == time_text(SOON + 1), "it may be due later by itself"
    if case.why == "open":
        verb = "channel log crm" if case.direction == "channel" else "backend test crm"
        assert verb in str(held.remedy)
    if case.why == "paused":
        assert held.remedy == f"omnigate {case.direction} resume crm"
        assert held.says.startswith("is paused")
    if case.why == "broken":
        assert "no module named x" in held.says


def test_who_is_not_there_is_told_apart_from_who_is_not_wanted() -> None:
    owner = Owner(7, "channel", "old", Health(7))
    disabled = Absentee("channel", "old", Health(7), "disabled")
    absent = Absentee("channel", "old", Health(7), "absent")
    for known, why in (
        (disabled, "disabled"),
        (absent, "not_configured"),
        (None, "not_configured"),
    ):
        held = held_back(owner, known, NOW)
        assert held is not None
        assert held.why == why
        assert "omnigate queue drop --to old" in str(held.remedy)


def test_without_a_daemon_only_a_pause_is_known() -> None:
    paused = Owner(1, "backend", "crm", Health(1, paused="paused by the operator"))
    other = Owner(2, "backend", "bot", Health(2, "open", retry_at=SOON))
    assert [held_without_daemon(owner).why for owner in (paused, other)] == [
        "paused",
        "not_running",
    ]
