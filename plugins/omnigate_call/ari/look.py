"""What a switch has at a moment: its channels, and which of them are in bridges of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from omnigate_call.ari.events import moment
from omnigate_call.ari.rest import Denied, Rest
from omnigate_call.driver import Attempt
from omnigate_call.names import Names
from omnigate_call.phone import Happened


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a switch."""

    began_at: float
    """By the loop's clock: what was asked for later may be missing."""
    channels: Mapping[str, Mapping[str, Any]]
    bridges: Sequence[str]
    joined: frozenset[str]
    """Channels that are in the bridge of their attempt."""
    started_at: datetime | None
    """When the switch itself was started, as far as it says."""

    def has_restarted(self, attempt: Attempt) -> bool:
        """Tell whether the switch was started after an attempt had begun."""
        return self.started_at is not None and self.started_at > attempt.begun_at

    def state_of(self, name: str) -> str | None:
        """Return the state of a channel; None where there is none of this name."""
        found = self.channels.get(name)
        return str(found.get("state")) if found is not None else None

    def seen(self, name: str, bridge: str) -> Sequence[Happened]:
        """Return what must have happened to a channel that is there."""
        at, state = datetime.now(UTC), self.state_of(name)
        if state == "Ringing":
            return [Happened(what="ringing", name=name, at=at)]
        if state != "Up":
            return []
        # What is up is with us: it was made for our application, and goes there when it is answered.
        found = [Happened(what="here", name=name, at=at)]
        if name in self.joined:
            found.append(Happened(what="joined", name=name, bridge=bridge, at=at))
        return found


async def look_at(rest: Rest, names: Names) -> Look:
    """Ask a switch what it has; raises as `Rest.ask`."""
    began_at = asyncio.get_running_loop().time()
    channels = {str(each.get("id")): each for each in objects(await rest.ask("GET", "channels"))}
    bridges: list[str] = []
    joined: set[str] = set()
    for bridge in objects(await rest.ask("GET", "bridges")):
        name = str(bridge.get("id"))
        bridges.append(name)
        joined |= _members(names, name, bridge.get("channels"))
    info = await rest.ask("GET", "asterisk", "info")
    status = info.get("status") if isinstance(info, dict) else None
    said = status.get("startup_time") if isinstance(status, dict) else None
    started_at = moment(said) if isinstance(said, str) else None
    return Look(began_at, channels, bridges, frozenset(joined), started_at)


async def subscribe(rest: Rest, names: Names, look: Look) -> None:
    """Have events of channels that are there told again: a new connection knows of none."""
    ours = [name for name in look.channels if names.place(name) is not None]
    for name in ours:
        with suppress(Denied):  # it is gone by now: that is seen by comparing
            await rest.ask(
                "POST",
                "applications",
                names.app,
                "subscription",
                query={"eventSource": f"channel:{name}"},
            )


def objects(found: object) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list; none of anything else."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _members(names: Names, bridge: str, members: object) -> set[str]:
    whole = names.place(bridge)
    if whole is None or whole.leg is not None or not isinstance(members, list):
        return set()
    return {
        str(member)
        for member in members
        if (place := names.place(str(member))) is not None and place[:2] == whole[:2]
    }
