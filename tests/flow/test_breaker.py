"""The breaker by a clock of the test's own: states, the ramp, and who is to blame."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from omnigate.flow.breaker import Breaker
from omnigate.store.destinations import Health

NOW = 1_800_000_000_000


def breaker(**health: object) -> Breaker:
    return Breaker(replace(Health(1), **health))  # type: ignore[arg-type]  # fields of Health


def opened(now: int = NOW) -> Breaker:
    """Return a breaker that five failures in a row have opened."""
    one = breaker()
    assert [one.failed(now, "down") for _ in range(5)] == [False] * 4 + [True]
    return one


def test_five_failures_in_a_row_open_it_and_nothing_is_claimed() -> None:
    one = opened()
    assert one.health.breaker == "open"
    assert one.limit(20, NOW) == one.limit(20, NOW + 29_999) == 0
    assert one.limit(20, NOW + 30_000) == 1
    assert one.opens_at() == NOW + 30_000


def test_a_success_in_between_starts_the_count_anew() -> None:
    one = breaker()
    for _ in range(20):
        assert not one.failed(NOW, "down")
        for _ in range(3):
            one.succeeded(NOW)
    assert one.health.breaker == "closed"


def test_a_failure_among_successes_is_no_outage_that_others_have_to_recover_from() -> None:
    one = breaker()
    for _ in range(20):
        one.failed(NOW, "answered 500")
        assert one.limit(20, NOW) == 20
        assert not one.succeeded(NOW)
        one.succeeded(NOW)
    assert one.health.first_failure_at is None


def test_an_outage_that_somebody_was_alerted_to_is_over_with_a_success() -> None:
    one = breaker()
    for _ in range(4):
        one.failed(NOW, "down")
    one.health.alerts = 1
    assert one.succeeded(NOW)


def test_half_of_ten_attempts_in_a_minute_open_it_and_older_ones_do_not_count() -> None:
    one = breaker()
    for number in range(10):
        if number % 2:
            assert one.failed(NOW + number, "down") == (number == 9)
        else:
            one.succeeded(NOW + number)
    two = breaker()
    for minute in range(10):
        two.failed(NOW + minute * 61_000, "down")
        two.succeeded(NOW + minute * 61_000 + 1)
    assert two.health.breaker == "closed"


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_five_minutes() -> None:
    one, now, waits = opened(), NOW, []
    for _ in range(6):
        now = one.opens_at() or 0
        assert one.limit(20, now) == 1
        one.probe()
        assert one.health.breaker == "probing"
        assert one.failed(now, "still down")
        waits.append(((one.opens_at() or 0) - now) // 1000)
    assert waits == [60, 120, 240, 300, 300, 300]


def test_one_success_closes_it_and_concurrency_comes_back_in_steps() -> None:
    one = opened()
    now = NOW + 30_000
    one.probe()
    assert one.succeeded(now)
    assert (one.health.breaker, one.health.failures, one.health.first_failure_at) == (
        "closed",
        0,
        None,
    )
    steps = [one.limit(100, now)]
    for _ in range(3):
        assert not one.succeeded(now)
        steps.append(one.limit(100, now))
    assert steps == [1, 5, 20, 100]
    assert one.limit(3, now) == 3


def test_the_next_outage_begins_at_thirty_seconds_again() -> None:
    one = opened()
    one.probe()
    one.failed(NOW + 30_000, "down")
    one.succeeded(NOW + 90_000)
    for _ in range(5):
        one.failed(NOW + 91_000, "down")
    assert one.opens_at() == NOW + 91_000 + 30_000


def test_retry_after_holds_a_closed_destination_back() -> None:
    one = breaker()
    assert not one.failed(NOW, "answered 429", hint_seconds=60)
    assert one.health.breaker == "closed"
    assert one.limit(20, NOW + 59_999) == 0
    assert one.limit(20, NOW + 60_000) == 1


def test_retry_after_outlasts_successes_of_attempts_that_were_under_way() -> None:
    one = breaker()
    one.failed(NOW, "answered 429", hint_seconds=60)
    one.succeeded(NOW + 100)
    assert one.limit(20, NOW + 59_999) == 0
    assert one.limit(20, NOW + 60_000) == 1
    one.succeeded(NOW + 60_000)
    assert one.health.retry_at is None


def test_retry_after_outlasts_a_restart() -> None:
    before = breaker()
    before.failed(NOW, "answered 429", hint_seconds=60)
    after = Breaker(replace(before.health))
    assert after.limit(20, NOW + 59_999) == 0
    assert after.limit(20, NOW + 60_000) == 1


def test_a_paused_destination_gets_nothing_until_somebody_acts() -> None:
    one = breaker(paused="answered 410")
    assert one.limit(20, NOW + 10**12) == 0
    assert one.opens_at() is None


def test_five_lanes_that_fail_alike_in_a_row_blame_the_destination() -> None:
    one = breaker()
    assert [one.blames_destination(f"cnv_{n}", 400) for n in range(5)] == [False] * 4 + [True]


def test_one_lane_however_often_lanes_that_differ_and_a_success_blame_the_items() -> None:
    one = breaker()
    assert not any(one.blames_destination("cnv_1", 400) for _ in range(20))
    two = breaker()
    assert not any(two.blames_destination(f"cnv_{n}", 400 + n % 2) for n in range(5))
    three = breaker()
    for n in range(20):
        assert not three.blames_destination(f"cnv_{n}", 400)
        if n % 4 == 3:
            three.succeeded(NOW)


@given(
    st.lists(
        st.tuples(st.sampled_from(("ok", "fail", "hint")), st.integers(0, 400_000)), max_size=80
    )
)
def test_it_is_never_closed_for_good_and_never_lets_two_probes_through(
    history: list[tuple[str, int]],
) -> None:
    one, now = breaker(), NOW
    for what, later in history:
        now += later
        if one.limit(20, now) > 0 and one.health.breaker == "open":
            assert one.limit(20, now) == 1
            one.probe()
        if what == "ok":
            one.succeeded(now)
        else:
            one.failed(now, "down", 3600 if what == "hint" else None)
        again = one.opens_at()
        assert again is None or again <= now + 3_600_000
        assert one.limit(20, max(now, again or 0)) >= 1
        if one.health.breaker != "closed":
            assert one.limit(20, max(now, again or 0)) == 1


def test_a_clock_that_is_set_back_lengthens_no_wait() -> None:
    one, day = opened(), 86_400_000
    one.set_back(NOW - day, day)
    assert one.limit(20, NOW - day + 29_999) == 0
    assert one.limit(20, NOW - day + 30_000) == 1
    asked = breaker()
    asked.failed(NOW, "answered 429", hint_seconds=60)
    asked.set_back(NOW - day, day)
    asked.succeeded(NOW - day)
    assert asked.limit(20, NOW - day + 59_999) == 0
    assert asked.limit(20, NOW - day + 60_000) == 1


def test_a_destination_that_says_it_is_up_again_is_probed_at_once() -> None:
    breaker = Breaker(Health(1))
    for _ in range(5):
        breaker.failed(0, "refused")
    assert breaker.limit(20, 1) == 0
    assert breaker.hope(1)
    assert breaker.limit(20, 1) == 1, "one lane is the probe"


def test_hope_ends_neither_a_pause_nor_what_the_destination_asked_for() -> None:
    paused = Breaker(Health(1))
    paused.failed(0, "refused")
    paused.health.paused = "by the operator"
    assert not paused.hope(1)
    asked = Breaker(Health(2))
    asked.failed(0, "429", hint_seconds=60)
    asked.hope(1)
    assert asked.limit(20, 59_000) == 0
    assert asked.limit(20, 60_000) == 1


def test_hope_changes_nothing_where_nothing_failed() -> None:
    breaker = Breaker(Health(1))
    assert not breaker.hope(1)
    assert breaker.limit(20, 1) == 20


def test_credentials_that_are_refused_hold_it_back_until_there_is_hope() -> None:
    """Nobody asked for that pause: once they are mended nothing waits for its end."""
    one = Breaker(Health(1))
    assert one.turned_away(0, "wrong password", 300)
    assert not one.turned_away(0, "wrong password", 300), "it was open already"
    assert one.limit(20, 299_999) == 0
    assert one.limit(20, 300_000) == 1, "one lane is the probe"
    assert one.hope(1)
    assert one.limit(20, 1) == 1


def test_a_hold_over_credentials_ends_by_hope_after_a_restart_too() -> None:
    one = Breaker(Health(1))
    one.turned_away(0, "wrong password", 300)
    restarted = Breaker(replace(one.health))
    assert restarted.limit(20, 1) == 0
    assert restarted.hope(1)
    assert restarted.limit(20, 1) == 1


def test_a_probe_that_is_turned_away_has_it_wait_as_long_again() -> None:
    one = Breaker(Health(1))
    one.turned_away(0, "wrong password", 300)
    one.probe()
    assert one.turned_away(300_000, "wrong password", 300)
    assert one.limit(20, 599_999) == 0
    one.succeeded(600_000)
    assert one.limit(20, 600_000) == 1


def test_who_insists_has_it_probed_whatever_it_asked_for() -> None:
    """An account is filled up, say, and the operator knows it."""
    asked = Breaker(Health(1))
    asked.failed(0, "no money", hint_seconds=900)
    assert asked.hope(1, insisted=True)
    assert asked.limit(20, 1) == 1, "one lane is the probe"
