"""An Asterisk of every wanted release, and phones that are on for the length of a test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.phones import Phone, ringable
from tests.asterisk.prepare import SUITES, prepared
from tests.asterisk.switch import Asterisk

SwitchOn = Callable[..., Phone]


@pytest.fixture(params=os.environ.get("SUITES", " ".join(SUITES)).split())
def asterisk(request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    """A switch of the test's own: one that is used goes on calling phones that were off for 32 seconds."""
    with Asterisk(prepared(request.param)).running() as switch:
        yield switch
        left = switch.channels()
        assert not left, f"channels are left: {left}"


@pytest.fixture
def phone(asterisk: Asterisk, tmp_path: Path) -> Iterator[SwitchOn]:
    """Switch on the phone of ``agent`` or ``customer``; see `ringable`."""
    with ExitStack() as stack:

        def switch_on(whose: str, does: Any, **more: Any) -> Phone:
            port = getattr(asterisk.ports, whose)
            return stack.enter_context(ringable(tmp_path, port, does, **more))

        yield switch_on
