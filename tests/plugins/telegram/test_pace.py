"""What is sent stays within what the platform publishes, in a time that only the test lets pass."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from omnigate_telegram import limits
from omnigate_telegram.limits import Pace
from omnigate_telegram.places import Place

import omnigate
from omnigate.emulators.telegram import Rates, Refused

pytestmark = pytest.mark.anyio

PERSON, OTHER, GROUP = Place(1), Place(2), Place(-100)


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def paced() -> tuple[Clock, Pace]:
    clock = Clock()
    return clock, Pace(clock, clock.sleep)


async def drive(seed: int, sends: int = 3000) -> Counter[str]:
    """Send at random to people and groups as fast as the pace lets; the emulator's rates judge."""
    chance = random.Random(seed)
    clock, pace = paced()
    judge = Rates()
    places = [Place(number) for number in range(1, 60)] + [Place(-number) for number in range(1, 6)]
    free_at: dict[int, float] = defaultdict(float)
    sent: Counter[str] = Counter()
    while sent["all"] < sends:
        place = chance.choice(places)
        if free_at[place.chat] > clock.now:
            clock.now += 0.001
            continue
        try:
            await pace.keep(place)
        except omnigate.RetryLater as later:
            free_at[place.chat] = clock.now + (later.after_seconds or 0)
            continue
        judge.spend(7, str(place.chat), clock.now)
        sent["all"] += 1
        sent["group" if place.is_group else "person"] += 1
    sent["seconds"] = round(clock.now - 1000)
    return sent


@pytest.mark.parametrize("seed", range(3))
async def test_no_burst_breaks_what_the_platform_publishes(seed: int) -> None:
    print(f"seed {seed}")
    sent = await drive(seed)
    assert sent["group"] > 100
    assert sent["seconds"] < 3000 / 10  # and yet it gets on


@pytest.mark.parametrize("limit", ["PER_BOT", "PER_CHAT", "PER_GROUP"])
async def test_a_pace_that_is_a_little_too_fast_is_found_out(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, seconds = getattr(limits, limit)
    monkeypatch.setattr(limits, limit, (most + 1, seconds))
    with pytest.raises(Refused):
        await drive(0)


async def test_a_short_burst_goes_at_once_and_what_follows_waits_a_little() -> None:
    clock, pace = paced()
    for _ in range(3):
        await pace.keep(PERSON)
    assert clock.now == 1000
    clock.now += 2
    await pace.keep(PERSON)
    assert clock.now == 1003


async def test_a_long_wait_gives_way_and_says_how_long_it_is() -> None:
    clock, pace = paced()
    for _ in range(20):
        await pace.keep(GROUP)
    clock.now += 10
    with pytest.raises(omnigate.RetryLater) as later:
        await pace.keep(GROUP)
    assert later.value.after_seconds == pytest.approx(50)
    await pace.keep(PERSON)
    assert clock.now == 1010, "others do not wait for it"


async def test_changes_do_not_count_as_messages_of_a_chat() -> None:
    clock, pace = paced()
    for _ in range(10):
        await pace.keep(PERSON, is_message=False)
    await pace.keep(PERSON)
    assert clock.now == 1000


async def test_a_flood_silences_its_chat_alone_until_it_is_over() -> None:
    clock, pace = paced()
    assert isinstance(pace.too_many(GROUP, 30), omnigate.RetryLater)
    topic = GROUP._replace(topic=5)
    for is_message in (True, False):
        with pytest.raises(omnigate.RetryLater) as later:
            await pace.keep(topic, is_message=is_message)
        assert later.value.after_seconds == pytest.approx(30)
    await pace.keep(PERSON)
    clock.now += 30
    await pace.keep(topic)


async def test_chats_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_REMEMBERED", 10)
    clock, pace = paced()
    for number in range(1, 100):
        await pace.keep(Place(number))
        clock.now += 1
    assert len(pace._chats) == 10
