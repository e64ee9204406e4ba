"""A customer who asks, while something waits to be sent, not to be written to gets none of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.store.ingest import Intake, ingest
from omnigate.store.threads import ChannelKey
from tests.flow.simulation.platform import Answer, Platform
from tests.flow.simulation.world import HOUR, MINUTE, World, simulate

CHANNEL = ChannelKey("app", "simulated")
Outcome = tuple[list[str], list[str], str | None]
Scenario = Callable[[World], Coroutine[Any, Any, Outcome]]
Wish = type[omnigate.ContactBlocked] | type[omnigate.ContactUnblocked]


async def wish(world: World, wanted: Wish) -> None:
    """Be the customer, who says stop or start."""
    said = wanted(
        external_id=wanted.__name__,
        conversation="anna",
        occurred_at=datetime.fromtimestamp(world.calendar(), UTC),
        sender=omnigate.Profile(address=omnigate.Address("user:anna")),
    )
    await world.store.writer.do(ingest, Intake(CHANNEL, [said]))


def stopped(
    answer: Answer, *texts: str, rule: str = "hold", force: bool = False, starts: bool = False
) -> Scenario:
    """Have the last text put off until the customer has said stop; return what is shown and told, and why."""

    async def scenario(world: World) -> Outcome:
        left = {texts[-1]: answer}
        platform = Platform("app", rule, lambda call: left.pop(call.text, "sent"))
        world.installs.append(platform.install)
        crm = world.add("crm")
        async with world.living():
            await platform.write(world, "anna", *texts, force=force)
            await world.until(lambda: len(platform.calls) == len(texts), MINUTE, "it is tried")
            await wish(world, omnigate.ContactBlocked)
            if starts:
                await wish(world, omnigate.ContactUnblocked)
            await world.until_nothing_is_owed(HOUR)
            ((error,),) = await world.rows("SELECT error FROM message")
        told = [one.type for one in crm.taken if one.type.startswith("message.")]
        return platform.shown, told, error

    return scenario


WHY = "the customer has asked, before it was sent, not to be written to here"


def test_what_waits_when_the_customer_says_stop_is_not_sent(tmp_path: Path) -> None:
    shown, told, error = simulate(tmp_path, stopped("later", "an offer"))
    assert shown == []
    assert (told, error) == (["message.failed"], f"recipient_blocked: {WHY}")


def test_of_a_long_message_no_more_is_sent(tmp_path: Path) -> None:
    shown, told, error = simulate(tmp_path, stopped("later", "an offer", "its small print"))
    assert shown == ["an offer"]
    assert (told, error) == (["message.failed"], f"recipient_blocked: {WHY}")


def test_what_is_forced_is_sent_all_the_same(tmp_path: Path) -> None:
    shown, told, error = simulate(tmp_path, stopped("later", "your code", force=True))
    assert shown == ["your code"]
    assert (told, error) == (["message.sent"], None)


def test_who_wants_messages_again_gets_those_that_still_wait(tmp_path: Path) -> None:
    shown, told, error = simulate(tmp_path, stopped("later", "an offer", starts=True))
    assert shown == ["an offer"]
    assert (told, error) == (["message.sent"], None)


@pytest.mark.parametrize("rule", ["resend", "native"])
def test_what_may_have_been_sent_is_not_sent_again(rule: str, tmp_path: Path) -> None:
    shown, told, error = simulate(tmp_path, stopped("lost", "an offer", rule=rule))
    assert shown == ["an offer"]
    assert (told, error) == (["message.unknown"], f"it may have been sent; {WHY}")
