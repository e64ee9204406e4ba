"""What drivers tell gets to the daemon, whatever one of them has told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from omnigate_call.driver import Desk, Step
from omnigate_call.telling import Telling

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.call.desks import until

pytestmark = pytest.mark.anyio


class PaperDesk:
    """A desk that some steps are too much for."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.errors: dict[str, Exception] = {}
        self.told: list[str] = []

    async def tell(self, *steps: Step) -> None:
        for step in steps:
            if (error := self.errors.pop(step.key, None)) is not None:
                raise error
            self.told.append(step.key)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (omnigate.Overloaded("later", 1.0), ["first", "second", "third"]),
        (ValueError("no update can be made of it"), ["first", "third"]),
    ],
    ids=["waits", "cannot be taken"],
)
async def test_what_comes_after_a_step_that_is_not_taken_is_told(error: Any, told: list[str]):
    async with FakeHost("calls", kind="call") as host:
        desk = PaperDesk(host)
        desk.errors["second"] = error
        telling = Telling(cast(Desk, desk))
        running = asyncio.create_task(telling.run())
        for key in ("first", "second", "third"):
            telling.put(Step(call_id="cal_1", attempt=1, at=datetime.now(UTC), key=key))
        try:
            await until(lambda: desk.told == told or running.done(), lambda: str(desk.told))
            assert desk.told == told
        finally:
            running.cancel()
            await asyncio.wait([running])
