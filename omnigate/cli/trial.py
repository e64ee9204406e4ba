"""A configuration tried out by a command: what a reload would refuse, and whether a section works."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from omnigate.config import Config
from omnigate.config.sections import Direction
from omnigate.errors import ConfigError, Problem

if TYPE_CHECKING:
    from omnigate.flow.troubles import Finding
    from omnigate.flow.whereabouts import Whereabouts


def refusals(loaded: Config) -> tuple[Problem, ...]:
    """Make every channel and backend whose plugin is not broken, run none; return who cannot be made."""
    # Making them brings in the server and the store: only commands that do it pay for that.
    from omnigate import logs, rehearsal  # noqa: PLC0415

    logs.configure("error", "auto")
    try:
        asyncio.run(rehearsal.rehearse(replace(loaded, broken=())))
    except ConfigError as error:
        return error.problems
    return ()


def examine(loaded: Config, direction: Direction, name: str) -> Finding:
    """Ask the platform or receiver of one section whether it would work; changes nothing.

    Raises `ConfigError` when the plugin cannot be made.
    """
    from omnigate import logs, rehearsal  # noqa: PLC0415  # as above

    logs.configure("error", "auto")
    return asyncio.run(rehearsal.examine(loaded, direction, name))


def whereabouts_of(loaded: Config, name: str) -> Whereabouts:
    """Return where a channel and its platform meet. Raises `ConfigError` when it cannot be made."""
    from omnigate import logs, rehearsal  # noqa: PLC0415  # as above

    logs.configure("error", "auto")
    return asyncio.run(rehearsal.whereabouts_of(loaded, name))
