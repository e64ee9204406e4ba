"""What the operator's page and commands steer, over destinations that nobody works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import omnigate
from omnigate.flow.reloading import Reloaded
from omnigate.flow.steering import TestOutcome
from omnigate.flow.troubles import Finding
from omnigate.store.destinations import Health


@dataclass
class Target:
    """A destination as the dispatcher keeps it."""

    direction: Any
    name: str
    kind: str
    health: Health
    enabled: bool = True
    failure: str | None = None

    @property
    def state(self) -> Any:
        return self.health.state


@dataclass
class Wheel:
    """What operators steer with, over destinations that nobody works on."""

    targets: Sequence[Target]

    def _find(self, direction: Any, name: str) -> Target:
        for known in self.targets:
            if (known.direction, known.name) == (direction, name):
                return known
        raise omnigate.Refused("not_found", f"there is no {direction} {name!r}")

    async def pause(self, direction: Any, name: str) -> tuple[Target, Any]:
        known = self._find(direction, name)
        known.health.paused = "paused by the operator"
        return known, "running"

    async def drain(self, name: str) -> tuple[Target, Any]:
        known = self._find("channel", name)
        known.health.intake_closed = True
        return known, "running"

    async def resume(self, direction: Any, name: str) -> tuple[Target, Any]:
        known = self._find(direction, name)
        known.health.paused, known.health.intake_closed = None, False
        return known, "paused"

    async def test(self, name: str) -> TestOutcome:
        self._find("backend", name)
        return TestOutcome(ok=True, message="200", duration_seconds=0.1)


async def reload() -> Reloaded:
    return Reloaded(kept=["backend crm"])


async def examine(subject: str | None) -> list[Finding]:
    return [Finding(subject or "disk", "good", "it is")]
