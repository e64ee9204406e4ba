"""The verdict on a failed attempt, as a table; the clock is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnigate.backend import Order
from omnigate.flow.retry import (
    RetryPolicy,
    Trial,
    Verdict,
    after_destination_failure,
    after_item_failure,
)

POLICY = RetryPolicy()
DAYS = 86_400.0


def trial(
    attempts: int, held: float = 0.0, left: float = 5 * DAYS, own: int | None = None
) -> Trial:
    """Return a trial whose attempts all failed by the item's own fault, or ``own`` of them."""
    return Trial(attempts, attempts if own is None else own, held, left)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    list(enumerate([5, 5, 30, 120, 300, 900, 1800, 3600, 7200, 14400, 14400, 14400])),
)
def test_waits_follow_the_schedule_whose_last_step_repeats(failures: int, seconds: float) -> None:
    assert POLICY.delay_seconds(failures, chance=0.0) == seconds


@given(st.integers(0, 20), st.floats(0, 1))
def test_jitter_only_ever_adds_and_at_most_a_fifth(failures: int, chance: float) -> None:
    plain = POLICY.delay_seconds(failures, 0.0)
    assert plain <= POLICY.delay_seconds(failures, chance) <= plain * 1.2


@pytest.mark.parametrize(
    ("hint", "seconds"),
    [(None, 30), (0, 30), (-5, 30), (10, 30), (60, 60), (3600, 3600), (1_000_000, 3600)],
)
def test_a_hint_makes_the_wait_longer_never_shorter_and_never_over_an_hour(
    hint: float | None, seconds: float
) -> None:
    assert POLICY.delay_seconds(2, 0.0, hint) == seconds


@pytest.mark.parametrize(
    ("order", "given_trial", "verdict"),
    [
        ("bounded", trial(1), Verdict("retry", 5)),
        ("bounded", trial(4, held=200), Verdict("retry", 300)),
        ("bounded", trial(5), Verdict("dead", reason="attempts")),
        ("bounded", trial(50, own=4), Verdict("retry", 900)),  # an outage before does not count
        ("bounded", trial(4, held=800), Verdict("retry", 100)),
        ("bounded", trial(2, held=900), Verdict("dead", reason="held_too_long")),
        ("unordered", trial(5), Verdict("dead", reason="attempts")),
        ("strict", trial(5), Verdict("retry", 900)),
        ("strict", trial(50, held=4 * DAYS), Verdict("retry", 14400)),
        ("strict", trial(50, left=60), Verdict("retry", 60)),
        ("strict", trial(50, left=0), Verdict("dead", reason="expired")),
    ],
)
def test_an_item_that_fails_by_itself_is_judged_by_the_order_policy(
    order: Order, given_trial: Trial, verdict: Verdict
) -> None:
    assert after_item_failure(POLICY, order, given_trial, 0.0) == verdict


@given(st.integers(1, 10_000), st.floats(0, 5 * DAYS), st.floats(0.001, 5 * DAYS), st.floats(0, 1))
def test_a_destination_that_fails_kills_nothing_before_its_time(
    attempts: int, held: float, left: float, chance: float
) -> None:
    verdict = after_destination_failure(POLICY, trial(attempts, held, left), chance)
    assert verdict.outcome == "retry"
    assert 0 < verdict.delay_seconds <= left


def test_what_has_expired_is_dead() -> None:
    assert after_destination_failure(POLICY, trial(3, left=0), 0.0) == Verdict(
        "dead", reason="expired"
    )
