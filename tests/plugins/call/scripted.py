"""A channel of calls over a driver that does what a test writes, at a time that it sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from omnigate_call import Calls
from omnigate_call.driver import Attempt, Driver, Step
from pydantic import BaseModel

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.call.desks import ANNA, section

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOURS = {"time_zone": "UTC", "days": {"mon": ["09:00-18:00"], "tue": ["09:00-18:00"]}}
BORIS = "+79161234568"


class Nothing(BaseModel):
    """A driver's table with nothing in it."""


class ScriptedDriver(Driver):
    """A driver that does what the test wrote, and keeps what it was told."""

    kind = "scripted"
    Config = Nothing
    can_record = True

    def __init__(self, desk: Any) -> None:
        super().__init__(Nothing(), desk)
        self.begun: list[Attempt] = []
        self.hung_up: list[Attempt] = []
        self.outcomes: list[Exception] = []
        self.found: Step | Exception | None = None

    async def dial(self, attempt: Attempt) -> Mapping[str, str]:
        if self.outcomes:
            raise self.outcomes.pop(0)
        self.begun.append(attempt)
        return {"leg_a": f"a-{len(self.begun)}"}

    async def hang_up(self, attempt: Attempt) -> None:
        self.hung_up.append(attempt)

    async def follow_up(self, attempt: Attempt) -> Step | None:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def authenticate(self, request: omnigate.Request) -> None:
        if request.headers.get("x-token") != "right":
            raise omnigate.Unauthorized("the token is wrong")

    async def read(self, request: omnigate.Request) -> list[Step]:
        try:
            said = omnigate.read_json(request.body)
            return [step(said["call"], said["state"])]
        except (ValueError, KeyError, TypeError):
            raise omnigate.BadPayload("not a step") from None

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        return omnigate.Response(body=b'{"success":true}')


class ScriptedCalls(Calls):
    """The channel over the scripted driver, at a time that a test sets."""

    now = MONDAY

    def _make_driver(self) -> Driver:
        return ScriptedDriver(self)

    def _now(self) -> datetime:
        return self.now

    @property
    def driver(self) -> ScriptedDriver:
        assert isinstance(self._driver, ScriptedDriver)
        return self._driver


@asynccontextmanager
async def calls(
    store: MemoryStore | None = None, now: datetime = MONDAY, **more: Any
) -> AsyncIterator[tuple[ScriptedCalls, FakeHost]]:
    async with FakeHost("calls", kind="call", store=store) as host:
        channel = ScriptedCalls(ScriptedCalls.Config.model_validate(section(**more)), host)
        channel.now = now
        yield channel, host


def wanted(number: str = ANNA, **more: Any) -> omnigate.CallWanted:
    return omnigate.CallWanted(number=number, source="widget", **more)


def step(call_id: str, state: Any, attempt: int = 1, **more: Any) -> Step:
    return Step(call_id=call_id, attempt=attempt, state=state, at=more.pop("at", MONDAY), **more)


def lines_taken(channel: Calls, agent: str = "sales") -> int:
    """Return how many lines of an agent the channel takes to be busy."""
    return channel._under_way.on_lines()[agent]


async def refusal(channel: Calls, **more: Any) -> str:
    with pytest.raises(omnigate.Refused) as caught:
        await channel.admit(wanted(**more))
    return caught.value.code
