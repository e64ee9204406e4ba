"""Whether a switch is there, knows us and has the agents' phones."""

from __future__ import annotations

from collections.abc import Iterable

import omnigate
from omnigate_call.agents import Agent
from omnigate_call.ari.look import objects
from omnigate_call.ari.rest import Rest


async def health(rest: Rest, agents: Iterable[Agent]) -> omnigate.Health:
    """Ask a switch who it is and which phones are registered; raises as `Rest.ask`."""
    info = await rest.ask("GET", "asterisk", "info")
    states = {
        f"{each.get('technology')}/{each.get('resource')}": each.get("state")
        for each in objects(await rest.ask("GET", "endpoints"))
    }
    system = info.get("system") if isinstance(info, dict) else None
    version = system.get("version") if isinstance(system, dict) else None
    if not isinstance(version, str):
        return omnigate.Health("down", "the answer is not one of Asterisk; is url right?")
    wanted = _phones(agents)
    unknown = [name for name in wanted if name not in states]
    if unknown:
        return omnigate.Health("degraded", f"the switch has no phone {', '.join(unknown)}")
    away = [name for name in wanted if states[name] == "offline"]
    if away:
        return omnigate.Health("degraded", f"not registered: {', '.join(away)}")
    return omnigate.Health("up", f"Asterisk {version[:40]}, agents' phones: {len(wanted)}")


def _phones(agents: Iterable[Agent]) -> list[str]:
    """Return the phones that the switch can tell of: those that are not reached through a dial plan."""
    endpoints = {agent.endpoint or "" for agent in agents}
    return sorted(each for each in endpoints if not each.startswith("Local/") and "@" not in each)
