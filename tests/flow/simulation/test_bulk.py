"""A notice to very many, and customers who wait for answers meanwhile: who gets a channel's slots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from omnigate.flow import claiming
from omnigate.flow.retry import RetryPolicy
from omnigate.store import lanes, outbound
from omnigate.store.schema import DUE_FRESH, lane
from omnigate.store.threads import ChannelKey
from omnigate.store.urgency import UNASKED
from tests.flow.simulation.platform import Answer, Call, Platform
from tests.flow.simulation.world import MINUTE, World, simulate

SMS = ChannelKey("sms", "simulated", 50)
BULK = 800
SECONDS = 30


class Sent(NamedTuple):
    """How long things took, in seconds."""

    answers: list[float]
    bulk: float
    """Until the last of it was sent."""


async def bulk_and_answers(
    world: World,
    *,
    bulk: int = BULK,
    a_second: int = 1,
    seconds: int = SECONDS,
    answers: Callable[[Call], Answer] = lambda call: "sent",
) -> Sent:
    """Send one text to very many at once, then answer customers who write meanwhile.

    The platform takes twenty messages a second.
    """
    platform = Platform("sms", "hold", answers, takes_seconds=1.0)
    world.installs.append(platform.install)
    asked: dict[str, float] = {}
    async with world.living():
        await asyncio.gather(
            *(platform.write(world, f"known{number}", "bulk") for number in range(bulk))
        )
        for number in range(seconds):
            people = [f"waits{number}-{beside}" for beside in range(a_second)]
            await world.say(*people, channel=SMS)
            asked |= {f"answer to {person}": world.now for person in people}
            await asyncio.gather(
                *(platform.write(world, person, f"answer to {person}") for person in people)
            )
            await asyncio.sleep(1)
        await world.until_nothing_is_owed(10 * MINUTE)
    sent = {call.text: call.at for call in platform.calls}
    assert len(platform.shown) == bulk + seconds * a_second
    return Sent(sorted(sent[text] - asked[text] for text in asked), sent["bulk"])


def judge(sent: Sent) -> None:
    assert sent.answers[-1] < 3, f"an answer waited {sent.answers[-1]:.0f} s"


def test_who_waits_for_an_answer_does_not_wait_for_the_end_of_a_mailing(tmp_path: Path) -> None:
    judge(simulate(tmp_path, bulk_and_answers))


def all_the_same(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lanes, "_LEASE_FRESH", lanes._lease(DUE_FRESH, lane.c.run_at))


def nobody_waits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbound, "urgency_of", lambda waiting_since, *, is_notice: UNASKED)


@pytest.mark.parametrize("sabotage", [all_the_same, nobody_waits])
def test_answers_behind_a_mailing_are_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match="an answer waited"):
        judge(simulate(tmp_path, bulk_and_answers))


async def refused_once(world: World) -> Sent:
    """Have the platform refuse each answer at first."""
    world.policy = RetryPolicy((5,), jitter=0)

    def answers(call: Call) -> Answer:
        return "later" if call.attempt == 1 and call.text.startswith("answer") else "sent"

    return await bulk_and_answers(world, answers=answers)


def judge_retries(sent: Sent) -> None:
    assert sent.answers[-1] < 9, f"an answer waited {sent.answers[-1]:.0f} s"


def test_an_answer_that_failed_once_does_not_wait_for_the_end_of_a_mailing(tmp_path: Path) -> None:
    judge_retries(simulate(tmp_path, refused_once))


def test_retries_behind_a_mailing_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin: all first attempts go before any retry."""
    monkeypatch.setattr(lanes, "_LEASE_AS_URGENT", lanes._LEASE_FRESH)
    with pytest.raises(AssertionError, match="an answer waited"):
        judge_retries(simulate(tmp_path, refused_once))


async def too_many_answers(world: World) -> Sent:
    """Have a quarter more to answer than the platform takes, for as long as the mailing may last."""
    return await bulk_and_answers(world, bulk=80, a_second=25, seconds=20)


def judge_share(sent: Sent) -> None:
    # Twenty at once, and then a quarter of twenty a second.
    assert sent.bulk < 16, f"the mailing took {sent.bulk:.0f} s"


def test_a_mailing_goes_on_while_more_is_to_be_answered_than_the_platform_takes(
    tmp_path: Path,
) -> None:
    judge_share(simulate(tmp_path, too_many_answers))


def test_a_mailing_that_starves_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin."""
    monkeypatch.setattr(claiming, "ELDER_EVERY", 10**9)
    with pytest.raises(AssertionError, match="the mailing took"):
        judge_share(simulate(tmp_path, too_many_answers))
