"""The API over real HTTP and a real store: a world for each test, and how it is opened otherwise."""

from __future__ import annotations

from functools import partial

import pytest

from tests.server.world import make_runner, open_world


@pytest.fixture
def runner():
    """Make a channel as the supervisor keeps it."""
    return make_runner


@pytest.fixture
def world_with(tmp_path):
    """Open a world with other settings or channels: an asynchronous context manager."""
    return partial(open_world, tmp_path)


@pytest.fixture(scope="session")
def open_world_at():
    """Open a world in a directory: an asynchronous context manager."""
    return open_world


@pytest.fixture
async def world(world_with):
    async with world_with() as opened:
        yield opened
