"""When a failed attempt is made again, to the end of an item's life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import omnigate
from omnigate import exchange
from omnigate.flow import attempts, retry
from omnigate.flow.attempts import Attempts
from omnigate.flow.breaker import Breaker
from omnigate.flow.retry import RetryPolicy
from tests.flow.simulation.world import (
    BEGIN,
    DAY,
    HOUR,
    MINUTE,
    Outside,
    World,
    first_taken,
    judge_order,
    simulate,
)
from tests.seeds import draw_seed

# The table of the design document, in seconds; the last step repeats.
SCHEDULE = (5, 30, 120, 300, 900, 1800, 3600, 7200, 14_400)
EXPIRY_SECONDS = 5 * DAY


async def five_days(world: World) -> Outside:
    """R15. Two events that fail for five days: one by itself, one with an error of the receiver's."""
    errors: dict[str, Exception] = {
        "refused": omnigate.RetryLater("answered 409", status=409),
        "breaks": omnigate.DestinationUnavailable("answered 500", status=500),
    }
    crm = world.add("crm", order="strict", behave=lambda one: errors.get(one.conversation))
    world.heartbeat_seconds = HOUR
    async with world.living():
        await world.say("refused", "breaks")
        for minute in range(60):
            # While attempts follow each other quickly, others must show that the receiver works.
            await world.say(f"c{minute % 10}")
            await asyncio.sleep(MINUTE)
        for hour in range(int(5.3 * 24)):
            await world.say(f"c{hour % 10}")
            if hour == 30:
                # Behind what fails waits what is younger by 30 h, and lives as much longer.
                await world.say("refused", "breaks")
            await asyncio.sleep(HOUR)
        reasons = await world.rows("SELECT reason, count(*) FROM dead GROUP BY reason")
        assert reasons == [("expired", 4)]  # two messages, and the beginnings before them
    return crm


def judge_schedule(crm: Outside) -> None:
    for conversation in ("refused", "breaks"):
        tries = [one for one in crm.arrivals if one.conversation == conversation]
        first = [one for one in tries if one.event_id == tries[0].event_id]
        assert [one.attempt for one in first] == list(range(1, len(first) + 1))
        waits = [later.at - earlier.ended_at for earlier, later in pairwise(first)]
        steps = (*SCHEDULE, *[SCHEDULE[-1]] * 100)
        for wait, step in zip(waits[:-1], steps, strict=False):
            # Jitter only adds, up to a fifth; a turn of the writer comes on top.
            assert step <= wait <= step * 1.2 + 1, waits
        assert len({round(wait / step, 3) for wait, step in zip(waits, steps, strict=False)}) > 5
        life = first[-1].at - first[0].at
        assert EXPIRY_SECONDS - 4.8 * HOUR <= life <= EXPIRY_SECONDS + 1, life / DAY
        assert len(first) > 30
    younger = [one for one in crm.arrivals if one.text in ("text 93", "text 94")]
    assert younger, "what waited behind it had its turn"
    healthy = [one for one in crm.arrivals if one.conversation.startswith("c")]
    assert all(one.accepted and one.attempt == 1 for one in healthy)


def test_waits_between_attempts_are_the_table_to_the_end_of_five_days(tmp_path: Path) -> None:
    judge_schedule(simulate(tmp_path, five_days, draw_seed()))


def jitter_subtracts(patch: pytest.MonkeyPatch) -> None:
    delay = RetryPolicy.delay_seconds
    patch.setattr(RetryPolicy, "delay_seconds", lambda self, *given: delay(self, *given) * 0.9)


def starts_anew(patch: pytest.MonkeyPatch) -> None:
    delay = RetryPolicy.delay_seconds
    patch.setattr(
        RetryPolicy,
        "delay_seconds",
        lambda self, failures, *given: delay(self, failures % 12, *given),
    )


def gives_up_early(patch: pytest.MonkeyPatch) -> None:
    begin = World.__init__

    def short_lived(self: World, *given: Any) -> None:
        begin(self, *given)
        self.expiry_seconds = 3 * DAY

    patch.setattr(World, "__init__", short_lived)


@pytest.mark.parametrize("sabotage", [jitter_subtracts, starts_anew, gives_up_early])
def test_another_schedule_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_schedule(simulate(tmp_path, five_days, 1))


# What receivers ask for


def date(seconds: float) -> str:
    """Return the moment so many seconds after the receiver's answer as HTTP writes it."""
    moment = datetime.fromtimestamp(BEGIN, UTC) + timedelta(seconds=seconds)
    return format_datetime(moment, usegmt=True)


HINTS: dict[str, tuple[str, float]] = {
    "ordinary": ("120", 120),
    "hour": ("3600", 3600),
    "over the cap": ("3601", 3600),
    "huge": ("9" * 60, 3600),
    "absurdly long": ("9" * 5000, 0),
    "zero": ("0", 0),
    "negative": ("-120", 0),
    "plus": ("+120", 0),
    "fraction": ("120.5", 0),
    "exponent": ("1e9", 0),
    "infinite": ("inf", 0),
    "not a number": ("nan", 0),
    "hexadecimal": ("0x100", 0),
    "empty": ("", 0),
    "blank": ("   ", 0),
    "unit": ("120s", 0),
    "junk": ("soon\x00\x7f", 0),
    "arabic digits": ("١٢٠", 0),
    "wide digits": ("１２０", 0),
    "superscript": ("²", 0),
    "emoji": ("🕐", 0),
    "future": (date(600), 600),
    "far future": (date(400 * DAY), 3600),
    "past": (date(-600), 0),
    "long past": ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    "end of time": ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    "no such day": ("Mon, 32 Jan 2027 25:61:61 GMT", 0),
    "half a date": ("Fri, 15 Jan", 0),
    "list": ("120, 240", 0),
}


async def told_to_wait(world: World) -> dict[str, Outside]:
    """R16. Each receiver answers once with its own Retry-After, then takes everything."""
    outsides = {}
    for name, (value, _) in HINTS.items():
        for status in (429, 503, 500):
            answered = f"{name}/{status}"
            outsides[answered] = world.add(answered, behave=answers_once(status, value))
    async with world.living():
        await world.say("first")
        await asyncio.sleep(1)
        await world.say("other")
        await world.until_nothing_is_owed(3 * HOUR)
    return outsides


def answers_once(status: int, value: str) -> Callable[[Any], Exception | None]:
    answers = [exchange.judge]
    return lambda arrival: answers.pop()(status, value) if answers else None


def judge_waiting(outsides: dict[str, Outside]) -> None:
    for answered, outside in outsides.items():
        name, status = answered.split("/")
        asked = HINTS[name][1] if status != "500" else 0
        refused, *later = outside.arrivals
        judge_order(outside, complete=4)
        # Everything waits as long as was asked, and no longer.
        begun = min(one.at for one in later) - refused.ended_at
        assert max(asked, 0.9) <= begun <= asked + 6.1, f"{answered}: {begun}"
        again = next(one for one in later if one.event_id == refused.event_id)
        waited = again.at - refused.ended_at
        assert max(asked, 5) <= waited <= max(asked, 6) + 1, f"{answered}: {waited}"


@pytest.fixture
def virtual_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have dates in answers judged by the simulation's calendar, which begins with it."""
    calendar = SimpleNamespace(time=lambda: BEGIN, monotonic=lambda: 0.0)
    monkeypatch.setattr(exchange, "time", calendar)


@pytest.mark.usefixtures("virtual_calendar")
def test_a_receiver_gets_the_rest_it_asks_for_up_to_an_hour_and_nonsense_changes_nothing(
    tmp_path: Path,
) -> None:
    judge_waiting(simulate(tmp_path, told_to_wait))


def no_cap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exchange, "RETRY_AFTER_LIMIT_SECONDS", 1e9)
    patch.setattr(retry, "HINT_CAP_SECONDS", 1e9)
    patch.setattr(attempts, "HINT_CAP_SECONDS", 1e9)


def only_the_lane_waits(patch: pytest.MonkeyPatch) -> None:
    failed = Breaker.failed
    patch.setattr(Breaker, "failed", lambda self, now, error, hint=None: failed(self, now, error))


def deaf(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exchange, "parse_retry_after", lambda value, now: None)


def credulous(patch: pytest.MonkeyPatch) -> None:
    """Take whatever Python takes for a number."""
    patch.setattr(exchange, "parse_retry_after", lambda value, now: float(value) if value else None)


@pytest.mark.usefixtures("virtual_calendar")
@pytest.mark.parametrize("sabotage", [no_cap, only_the_lane_waits, deaf, credulous])
def test_a_hint_that_is_believed_too_much_or_too_little_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_waiting(simulate(tmp_path, told_to_wait))


# Gone for good


async def gone(world: World) -> Outside:
    """R17. 410 once; three days and a restart later somebody tests the receiver, which works again."""
    error = omnigate.DestinationUnavailable("answered 410", status=410, pause=True)
    crm = world.add("crm", behave=lambda one: error if one.at < 1 else None)
    other = world.add("other")
    world.heartbeat_seconds = HOUR
    async with world.living():
        await world.say(*(f"c{number}" for number in range(50)))
        await asyncio.sleep(1.5 * DAY)
    async with world.living(drain=False):
        await world.say(*(f"c{number}" for number in range(50)))
        await asyncio.sleep(1.5 * DAY)
        judge_order(other, complete=150)
        assert await world.owed() == 150, "its queue is kept"
    async with world.living():
        await asyncio.sleep(HOUR)
        assert await world.go_on("crm")
        await world.until_nothing_is_owed(HOUR)
    return crm


def judge_pause(crm: Outside) -> None:
    early = [one for one in crm.arrivals if one.at < 3 * DAY + HOUR]
    assert all(one.at < 1 for one in early), "it was left alone"
    assert len(early) <= crm.concurrency
    judge_order(crm, complete=150)


def test_a_receiver_that_is_gone_is_left_alone_and_its_queue_kept(tmp_path: Path) -> None:
    judge_pause(simulate(tmp_path, gone))


def does_not_pause(patch: pytest.MonkeyPatch) -> None:
    failed = Attempts._destination_failed

    async def careless(self: Any, destination: Any, lease: Any, item: Any, error: Any) -> Any:
        error.pause = False
        return await failed(self, destination, lease, item, error)

    patch.setattr(Attempts, "_destination_failed", careless)


def forgets_the_pause(patch: pytest.MonkeyPatch) -> None:
    begin = Breaker.__init__

    def anew(self: Breaker, health: Any) -> None:
        health.paused = None
        begin(self, health)

    patch.setattr(Breaker, "__init__", anew)


@pytest.mark.parametrize("sabotage", [does_not_pause, forgets_the_pause])
def test_a_pause_that_does_not_hold_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_pause(simulate(tmp_path, gone))


def test_an_outage_of_five_days_ends_with_every_event_delivered_or_accounted_for(
    tmp_path: Path,
) -> None:
    """What was said in the first hours expires with a dead letter; the rest comes, in order."""

    async def scenario(world: World) -> tuple[Outside, int]:
        error = omnigate.DestinationUnavailable("down")
        world.heartbeat_seconds = HOUR
        crm = world.add("crm", behave=lambda one: error if one.at < 5.2 * DAY else None)
        async with world.living():
            for hour in range(int(5.2 * 24)):
                await world.say(f"c{hour % 7}")
                await asyncio.sleep(HOUR)
            await world.until_nothing_is_owed(HOUR)
            died = await world.rows(
                "SELECT error, attempts, (SELECT count(*) FROM attempt"
                " WHERE attempt.outbox_id = dead.outbox_id) FROM dead WHERE reason = 'expired'"
            )
            # Why it did not arrive is told, and that time was over is no try.
            assert all("down" in error and tries == told for error, tries, told in died), died
        return crm, len(died)

    crm, died = simulate(tmp_path, scenario)
    came = first_taken(crm)
    assert sum(map(len, came.values())) == int(5.2 * 24) + 7 - died
    assert 0 < died <= 14
    judge_order(crm)
