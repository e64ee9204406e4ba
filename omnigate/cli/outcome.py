"""What became of something, as a person says it: one of several flags, each an outcome."""

from __future__ import annotations

from collections.abc import Mapping

from omnigate.cli.failure import WrongUsage


def outcome(of: str, said: Mapping[str, bool]) -> str:
    """Return the one outcome whose flag was given; raises `WrongUsage` for none and for several."""
    given = [name for name, is_so in said.items() if is_so]
    if len(given) == 1:
        return given[0]
    *others, last = (f"--{name}" for name in said)
    raise WrongUsage(
        f"It is not clear what became of the {of}.", f"Give one of {', '.join(others)} and {last}."
    )
