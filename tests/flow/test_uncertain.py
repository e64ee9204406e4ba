"""Sends that may have happened: what becomes of them is the channel's to say, crashes included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from omnigate.flow.carriers import ChannelCarrier
from omnigate.store import starting
from tests.flow.simulation.platform import Answer, Call, Platform
from tests.flow.simulation.world import HOUR, MINUTE, Outside, World, simulate
from tests.seeds import draw_seed

RULES = ("native", "resend", "hold")


def in_turn(*answers: Answer) -> Callable[[Call], Answer]:
    """Answer attempts at the text ``hello`` in turn, everything else with success."""
    left = list(answers)
    return lambda call: left.pop(0) if call.text == "hello" and left else "sent"


def one_message(rule: str, *answers: Answer) -> Callable[[World], Any]:
    """Send a message that gets these answers, and another after it."""

    async def scenario(world: World) -> tuple[Platform, list[Any]]:
        platform = Platform("app", rule, in_turn(*answers))
        world.installs.append(platform.install)
        crm = world.add("crm")
        async with world.living():
            await platform.write(world, "anna", "hello")
            await platform.write(world, "anna", "and more")
            await world.until_nothing_is_owed(HOUR)
        return platform, outcomes(crm)

    return scenario


def outcomes(crm: Outside) -> list[str]:
    """Return what the CRM was told of messages, in order."""
    return [one.type for one in crm.arrivals if one.type.startswith("message.") and one.taken]


@pytest.mark.parametrize("answer", ["lost", "never came", "hangs"])
@pytest.mark.parametrize("rule", RULES)
def test_an_answer_that_is_lost_once(rule: str, answer: Answer, tmp_path: Path) -> None:
    """R25. A platform that knows ids is asked again at once; others once more later, or never."""
    platform, told = simulate(tmp_path, one_message(rule, answer))
    judge_lost_answer(rule, answer, platform, told)


def judge_lost_answer(rule: str, answer: Answer, platform: Platform, told: Sequence[str]) -> None:
    tries = [call for call in platform.calls if call.text == "hello"]
    assert len({call.id for call in tries}) == 1
    came_first = ["hello"] if answer in ("lost", "hangs") else []
    if rule == "hold":
        assert len(tries) == 1, "a duplicate would cost money"
        assert platform.shown == [*came_first, "and more"]
        assert told == ["message.unknown", "message.sent"]
        return
    assert len(tries) == 2
    assert told == ["message.sent", "message.sent"]
    ended_after = 60.0 if answer == "hangs" else 0.1
    waited = tries[1].at - tries[0].at - ended_after
    if rule == "native":
        assert platform.shown == ["hello", "and more"]
        assert waited < 10
        assert not tries[1].possible_duplicate
    else:
        assert platform.shown == [*came_first, "hello", "and more"]
        assert 30 <= waited < 40
        assert [call.possible_duplicate for call in tries] == [False, True]


def errors_of_parts(connection: Connection) -> Sequence[str]:
    return connection.scalars(text("SELECT error FROM message_part")).all()


def test_a_send_that_ends_in_a_mistake_of_the_plugin_is_held_where_a_duplicate_would_cost(
    tmp_path: Path,
) -> None:
    """It is told what happened: the daemon neither stopped nor got no answer."""
    told: list[str] = []

    async def scenario(world: World) -> tuple[Platform, list[Any]]:
        platform = Platform("app", "hold", in_turn("puzzled"))
        world.installs.append(platform.install)
        crm = world.add("crm")
        async with world.living():
            await platform.write(world, "anna", "hello")
            await world.until_nothing_is_owed(HOUR)
            told.extend(await world.store.read(errors_of_parts))
        return platform, outcomes(crm)

    platform, events = simulate(tmp_path, scenario)
    assert len(platform.calls) == 1
    assert events == ["message.unknown"]
    assert "the channel failed while it sent: KeyError" in told[0]


def test_what_stays_in_doubt_is_sent_again_only_once_and_then_unknown(tmp_path: Path) -> None:
    platform, told = simulate(tmp_path, one_message("resend", "lost", "lost", "lost"))
    assert platform.shown == ["hello", "hello", "and more"]
    assert told == ["message.unknown", "message.sent"]


def test_a_platform_that_knows_ids_is_asked_until_it_answers(tmp_path: Path) -> None:
    platform, told = simulate(tmp_path, one_message("native", "lost", "lost", "lost", "lost"))
    assert platform.shown == ["hello", "and more"]
    assert told == ["message.sent", "message.sent"]


def test_a_send_in_doubt_that_is_given_up_is_unknown_and_not_failed(tmp_path: Path) -> None:
    answers: list[Answer] = ["lost"] * 20
    platform, told = simulate(tmp_path, one_message("native", *answers))
    assert platform.shown == ["hello", "and more"]
    assert told == ["message.unknown", "message.sent"]


@pytest.mark.parametrize("answer", ["later", "down"])
@pytest.mark.parametrize("rule", RULES)
def test_what_was_surely_not_sent_is_tried_again_whatever_a_duplicate_would_cost(
    rule: str, answer: Answer, tmp_path: Path
) -> None:
    platform, told = simulate(tmp_path, one_message(rule, answer, answer))
    assert platform.shown == ["hello", "and more"]
    assert not any(call.possible_duplicate for call in platform.calls)
    assert told == ["message.sent", "message.sent"]


@pytest.mark.parametrize("rule", RULES)
def test_what_the_platform_refuses_fails_and_what_follows_is_sent(
    rule: str, tmp_path: Path
) -> None:
    platform, told = simulate(tmp_path, one_message(rule, "refused"))
    assert platform.shown == ["and more"]
    assert told == ["message.failed", "message.sent"]


def test_a_channel_says_how_long_a_send_may_take(tmp_path: Path) -> None:
    """The platform needs ten minutes by design; a channel that allows that is not cut short."""

    async def scenario(world: World) -> Platform:
        platform = Platform("app", "hold", lambda call: "slow", send_seconds=900.0)
        world.installs.append(platform.install)
        world.add("crm")
        async with world.living():
            await platform.write(world, "anna", "hello")
            await world.until_nothing_is_owed(HOUR)
        return platform

    platform = simulate(tmp_path, scenario)
    assert platform.shown == ["hello"]
    assert len(platform.calls) == 1


def asked(answer: Answer, *tells: str) -> Callable[[World], Any]:
    """Send a message whose first answer is lost, by a platform that can be asked."""

    async def scenario(world: World) -> tuple[Platform, list[str]]:
        platform = Platform("app", "lookup", in_turn(answer), tells=list(tells))
        world.installs.append(platform.install)
        crm = world.add("crm")
        async with world.living():
            await platform.write(world, "anna", "hello")
            await platform.write(world, "anna", "and more")
            await world.until_nothing_is_owed(HOUR)
        return platform, outcomes(crm)

    return scenario


@pytest.mark.parametrize("answer", ["lost", "never came", "hangs"])
def test_a_platform_that_can_be_asked_is_asked_before_anything_is_sent_again(
    answer: Answer, tmp_path: Path
) -> None:
    platform, told = simulate(tmp_path, asked(answer))
    assert platform.shown == ["hello", "and more"]
    assert len(platform.lookups) == 1
    assert told == ["message.sent", "message.sent"]


@pytest.mark.parametrize("trouble", ["down", "later"])
@pytest.mark.parametrize("answer", ["lost", "never came"])
def test_what_is_in_doubt_stays_so_until_the_platform_has_told(
    answer: Answer, trouble: str, tmp_path: Path
) -> None:
    platform, told = simulate(tmp_path, asked(answer, trouble, trouble))
    assert platform.shown == ["hello", "and more"]
    assert len(platform.lookups) == 3
    assert told == ["message.sent", "message.sent"]


def test_what_the_platform_cannot_tell_for_good_is_unknown(tmp_path: Path) -> None:
    platform, told = simulate(tmp_path, asked("lost", "lost"))
    assert platform.shown == ["hello", "and more"]
    assert told == ["message.unknown", "message.sent"]


def test_what_the_platform_has_refused_meanwhile_has_failed(tmp_path: Path) -> None:
    """It took the message, and tells when it is asked that it will never be delivered."""
    platform, told = simulate(tmp_path, asked("never came", "refused"))
    assert platform.shown == ["and more"]
    assert told == ["message.failed", "message.sent"]


def crash(rule: str) -> Callable[[World], Any]:
    """Cut the power after the platform showed the message and before its answer was stored."""

    async def scenario(world: World) -> tuple[Platform, list[str]]:
        platform = Platform("app", rule, in_turn("hangs"))
        world.installs.append(platform.install)
        crm = world.add("crm")
        async with world.living(drain=False):
            await platform.write(world, "anna", "one", "hello", "three")
            await platform.write(world, "anna", "and more")
            await world.until(lambda: "hello" in platform.shown, MINUTE, "it was shown")
        async with world.living():
            await world.until_nothing_is_owed(HOUR)
        return platform, outcomes(crm)

    return scenario


def judge_crash(rule: str, platform: Platform, told: Sequence[str]) -> None:
    expected = {
        "native": ["one", "hello", "three", "and more"],
        "resend": ["one", "hello", "hello", "three", "and more"],
        "lookup": ["one", "hello", "three", "and more"],
        "hold": ["one", "hello", "and more"],
    }
    assert platform.shown == expected[rule]
    again = [call for call in platform.calls if call.text == "hello"]
    assert len({call.id for call in again}) == 1
    assert [call.possible_duplicate for call in again[1:]] == [rule == "resend"] * len(again[1:])
    first = "message.unknown" if rule == "hold" else "message.sent"
    assert told == [first, "message.sent"]


@pytest.mark.parametrize("rule", [*RULES, "lookup"])
def test_a_crash_between_intent_and_result_leaves_the_part_in_doubt(
    rule: str, tmp_path: Path
) -> None:
    judge_crash(rule, *simulate(tmp_path, crash(rule)))


def no_intent(patch: pytest.MonkeyPatch) -> None:
    """Call first, and note only afterwards that something was begun."""
    patch.setattr(
        starting,
        "_START",
        text(
            "UPDATE message_part SET doubts = :doubts_now WHERE message_id = :message AND number = :part"
        ),
    )


def forgets_doubts(patch: pytest.MonkeyPatch) -> None:
    send = ChannelCarrier._send

    async def careless(self: Any, item: Any, job: Any) -> Any:
        return await send(self, item, starting.PartJob(job.part, 0))

    patch.setattr(ChannelCarrier, "_send", careless)


@pytest.mark.parametrize("sabotage", [no_intent, forgets_doubts])
@pytest.mark.parametrize("rule", ["resend", "hold"])
def test_a_gateway_that_does_not_know_what_it_began_is_found_out(
    rule: str,
    sabotage: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_crash(rule, *simulate(tmp_path, crash(rule)))


@pytest.mark.parametrize(("rule", "treated_as"), [("hold", "resend"), ("resend", "native")])
def test_a_channel_that_is_treated_by_anothers_rule_is_found_out(
    rule: str, treated_as: str, tmp_path: Path
) -> None:
    platform, told = simulate(tmp_path, one_message(treated_as, "lost"))
    with pytest.raises(AssertionError):
        judge_lost_answer(rule, "lost", platform, told)


@pytest.mark.parametrize("rule", RULES)
def test_many_messages_over_a_bad_line_with_crashes_come_in_order_and_as_often_as_the_rule_says(
    rule: str, tmp_path: Path
) -> None:
    async def scenario(world: World) -> tuple[Platform, dict[str, int]]:
        chance = world.random
        moods: list[Answer] = ["sent", "lost", "never came", "later", "down", "hangs"]
        platform = Platform("app", rule)
        platform.answers = lambda call: chance.choices(moods, (80, 5, 5, 5, 3, 2))[0]
        world.installs.append(platform.install)
        world.add("crm")
        written = 0
        for life in range(6):
            async with world.living(drain=life == 5):
                for _ in range(12):
                    for _ in range(5):
                        written += 1
                        await platform.write(world, f"p{written % 10}", f"{written}")
                    await asyncio.sleep(chance.uniform(0, 20))
                if life == 5:
                    await world.until_nothing_is_owed(6 * HOUR)
                    states = dict(
                        await world.rows("SELECT state, count(*) FROM message GROUP BY state")
                    )
        return platform, states

    platform, states = simulate(tmp_path, scenario, draw_seed())
    assert sum(states.values()) == 360
    assert states.keys() <= {"sent", "unknown"}
    shown = [int(number) for number in platform.shown]
    for person in range(10):
        seen = [number for number in shown if number % 10 == person]
        first = list(dict.fromkeys(seen))
        assert first == sorted(first)
        most = {"native": 1, "resend": 2, "hold": 1}[rule]
        assert max(map(seen.count, seen)) <= most
    assert len(set(shown)) >= states["sent"]
    if rule == "native":
        assert len(set(shown)) == 360
