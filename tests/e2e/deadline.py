"""Waiting for what must come to pass, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 60.0


def wait_until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> Any:
    """Return the condition's first true value; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(0.02)
    return value
