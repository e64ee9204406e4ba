"""A configuration tried out by a command: what a reload would refuse, and whether a section works."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from omnigate.config import Config
from omnigate.config.sections import Direction

if TYPE_CHECKING:
    from omnigate.flow.troubles import Finding


def rehearse(loaded: Config) -> None:
    """Make every channel and backend, run none; raises `ConfigError` where a reload would."""
    # Making them brings in the server and the store: only commands that do it pay for that.
    from omnigate import logs, rehearsal  # noqa: PLC0415

    logs.configure("error", "auto")
    asyncio.run(rehearsal.rehearse(loaded))


def examine(loaded: Config, direction: Direction, name: str) -> Finding:
    """Ask the platform or receiver of one section whether it would work; changes nothing.

    Raises `ConfigError` when the plugin cannot be made.
    """
    from omnigate import logs, rehearsal  # noqa: PLC0415  # as above

    logs.configure("error", "auto")
    return asyncio.run(rehearsal.examine(loaded, direction, name))
