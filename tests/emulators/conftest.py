"""What the tests of every emulated platform share."""

from __future__ import annotations

import pytest

from tests.emulators.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
