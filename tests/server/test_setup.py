"""``/admin/channels/{name}/setup``: what a channel arranges on its platform, and why it could not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

import omnigate
from omnigate.server import setup

pytestmark = pytest.mark.anyio


class Plain(omnigate.Channel):
    """Needs nothing on its platform."""

    kind = "test"
    capabilities = omnigate.Capabilities()

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


class Arranging(Plain):
    """Does what it is told to, or raises it."""

    outcome: Any = ()

    async def setup(self) -> Sequence[str]:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if callable(self.outcome):
            await self.outcome()
        return list(self.outcome)


async def ask(world_with: Any, runner: Any, channel: omnigate.Channel | None) -> Any:
    made = runner("app", channel=channel, **({} if channel else {"state": "down"}))
    async with world_with(channels=[made]) as world:
        status, answer = await world.operate("POST", "/admin/channels/app/setup")
        assert status == 200, answer
        return answer


def arranging(outcome: Any) -> Arranging:
    channel = Arranging(omnigate.ChannelConfig(), None)  # type: ignore[arg-type]  # needs no host
    channel.outcome = outcome
    return channel


async def test_what_was_arranged_is_told_line_by_line(world_with: Any, runner: Any) -> None:
    answer = await ask(world_with, runner, arranging(["the webhook is set", "the menu too"]))
    assert (answer["ok"], answer["done"]) == (True, ["the webhook is set", "the menu too"])


async def test_a_channel_that_needs_nothing_has_nothing_done(world_with: Any, runner: Any) -> None:
    channel = Plain(omnigate.ChannelConfig(), None)  # type: ignore[arg-type]  # needs no host
    assert (await ask(world_with, runner, channel))["done"] == []


@pytest.mark.parametrize(
    ("raised", "message", "remedy"),
    [
        (omnigate.CredentialsRejected("Unauthorized"), "Unauthorized", "omnigate reload"),
        (omnigate.NotReady("400 bad webhook: port"), "bad webhook", "omnigate channel setup app"),
        (ValueError("oops"), "the plugin raised ValueError", "log"),
        (SystemExit(1), "the plugin raised", "log"),
    ],
    ids=["credentials", "platform", "plugin", "exit"],
)
async def test_a_failure_says_why_and_what_to_do(
    world_with: Any, runner: Any, raised: BaseException, message: str, remedy: str
) -> None:
    answer = await ask(world_with, runner, arranging(raised))
    assert answer["ok"] is False
    assert message in answer["message"]
    assert remedy in answer["remedy"]


async def test_a_platform_that_never_answers_is_not_waited_for_for_ever(
    world_with: Any, runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "SETUP_SECONDS", 0.05)
    answer = await ask(world_with, runner, arranging(asyncio.Event().wait))
    assert (answer["ok"], answer["message"]) == (False, "no answer within 0.05 s")


async def test_a_channel_that_could_not_be_made_says_so(world_with: Any, runner: Any) -> None:
    answer = await ask(world_with, runner, None)
    assert answer["ok"] is False
    assert answer["remedy"] == "See: omnigate doctor"


async def test_a_channel_that_nobody_knows_is_named(world: Any) -> None:
    status, answer = await world.operate("POST", "/admin/channels/nobody/setup")
    assert status == 404
    assert "'nobody'" in answer["detail"]
