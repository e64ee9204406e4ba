"""The scripted switch, with an agent and a customer who answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.plugins.call.ari import ScriptedAri
from tests.plugins.call.desks import AGENT, TRUNK


@pytest.fixture
async def switch() -> AsyncIterator[ScriptedAri]:
    async with ScriptedAri().running() as running:
        running.phones = {AGENT: "answer", TRUNK: "answer"}
        yield running
