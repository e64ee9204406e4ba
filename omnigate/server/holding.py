"""Why nothing goes out to a destination, whatever is due there, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel

from omnigate.server.services import Destination, Services
from omnigate.store.destinations import Health
from omnigate.store.record import time_text
from omnigate.store.selection import Owner

Why = Literal[
    "paused", "open", "asked_to_wait", "disabled", "broken", "not_configured", "not_running"
]


class Held(BaseModel):
    """What keeps everything for a destination waiting."""

    why: Why
    says: str
    """The same in words, to be read after the destination's name."""
    until: str | None = None
    """Until when; null: nobody knows, or until somebody acts."""
    remedy: str | None = None
    """What to do."""


Holder = Callable[[Owner], Held | None]
"""Tells what holds a destination back; None: nothing does."""


async def holder(services: Services) -> Holder:
    """Return who tells what holds destinations back, as they are now."""
    if services.offline:
        return held_without_daemon
    members = {known.health.destination_id: known for known in services.destinations()}
    absent = {
        known.health.destination_id: known
        for known in services.absent(await services.census.take())
    }
    now = services.store.now()
    return lambda owner: held_back(owner, members.get(owner.id) or absent.get(owner.id), now)


def next_try(run_at: int, held: Held | None) -> str | None:
    """Return when something due at a time is tried next; None when nobody knows."""
    own = time_text(run_at)
    if held is None:
        return own
    return None if held.until is None else max(own, held.until)


def held_without_daemon(owner: Owner) -> Held:
    """Return why nothing goes out while no daemon runs, and would not if one did."""
    return _paused(owner, owner.health) or Held(
        why="not_running",
        says="waits for the daemon, which is not running",
        remedy="omnigate run",
    )


def held_back(owner: Owner, known: Destination | None, now: int) -> Held | None:
    """Return why nothing goes out to a destination that is known so; None if nothing holds it back."""
    if known is None or known.state == "absent":
        return Held(
            why="not_configured",
            says="is not in the configuration",
            remedy=f"put it back and omnigate reload, or omnigate queue drop --to {owner.name}",
        )
    if known.state == "disabled":
        return Held(
            why="disabled",
            says="is not enabled in the configuration",
            remedy=f"set enabled = true and omnigate reload,"
            f" or omnigate queue drop --to {owner.name}",
        )
    if known.state == "broken":
        return Held(
            why="broken",
            says=f"does not work: {known.failure}",
            remedy="mend that and omnigate reload; see omnigate doctor",
        )
    return _paused(owner, known.health) or _failing(owner, known.health, now)


def _paused(owner: Owner, health: Health) -> Held | None:
    if health.paused is None:
        return None
    says = health.paused if health.paused.startswith("paused") else f"paused: {health.paused}"
    return Held(
        why="paused", says=f"is {says}", remedy=f"omnigate {owner.direction} resume {owner.name}"
    )


def _failing(owner: Owner, health: Health, now: int) -> Held | None:
    until = health.retry_at if health.retry_at is not None and health.retry_at > now else None
    if health.breaker != "closed":
        says = f"fails: {health.last_error}" if health.last_error else "fails"
        remedy = (
            f"it is tried again by itself; at once: omnigate backend test {owner.name}"
            if owner.direction == "backend"
            else f"it is tried again by itself; see omnigate channel log {owner.name}"
        )
        return Held(why="open", says=says, until=_text(until), remedy=remedy)
    if until is not None:
        return Held(why="asked_to_wait", says="asked for a pause", until=_text(until))
    return None


def _text(moment: int | None) -> str | None:
    return None if moment is None else time_text(moment)
