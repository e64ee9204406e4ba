"""A mail channel at work."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from omnigate_email.reading.worker import Reader

from tests.plugins.email import desk
from tests.plugins.email.desk import Desk, open_desk


@pytest.fixture(scope="module")
async def reader(anyio_backend: str) -> AsyncIterator[Reader]:
    """One process that reads mails for all channels of a module: to start one takes half a second."""
    opened = Reader()
    desk.shared_reader = opened
    yield opened
    desk.shared_reader = None
    await opened.close()


@pytest.fixture(name="desk")
async def a_desk() -> AsyncIterator[Desk]:
    """A channel with the defaults, and with plus addresses."""
    async with open_desk(plus_addresses=True) as opened:
        yield opened
