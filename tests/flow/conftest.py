"""What many tests of the flow need: a store of their own."""

from __future__ import annotations

import pytest

from omnigate.store.store import open_store


@pytest.fixture
async def store(tmp_path):
    """One empty store."""
    async with open_store(f"sqlite:///{tmp_path}/test.db") as opened:
        yield opened
