"""Who is rung: the agent who was asked for, or who is there, has a line free and was rung longest ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import omnigate
from omnigate_call.begun import Note, UnderWay
from omnigate_call.config import CallConfig
from omnigate_call.driver import Attempt

NO_LINE_SECONDS: Final = 10.0
"""After so long another look is taken for an agent who is free."""


class Choosing:
    """Chooses agents, and makes the attempts at calls that they are rung for."""

    def __init__(self, config: CallConfig, under_way: UnderWay) -> None:
        self._config = config
        self._under_way = under_way
        self._rung_last: dict[str, int] = {}
        """When each agent was rung last, in attempts: the one who was longest ago is next."""

    @property
    def lines(self) -> int:
        """How many calls there can be at once: those of each agent that there may be, or still are."""
        agents = self._config.agents
        on_lines = self._under_way.on_lines()
        gone = sum(calls for name, calls in on_lines.items() if name not in agents)
        return gone + sum(max(agent.lines, on_lines[name]) for name, agent in agents.items())

    def attempt(
        self, call: omnigate.Call, number: str, note: Note | None, now: datetime
    ) -> tuple[Attempt, bool]:
        """Return an attempt at a call, and whether its agent was chosen here.

        ``note`` is that of the attempt before: whoever was chosen for that may be another now.

        Raises:
            omnigate.Refused: the agent is not there any more.
            omnigate.RetryLater: nobody is there to take it now.
        """
        was_chosen = note is not None and note.is_chosen and note.agent == call.agent
        wanted = None if was_chosen else call.agent
        name = self._agent_for(wanted, now)
        self._rung_last[name] = max(self._rung_last.values(), default=0) + 1
        return self._made(call, number, name, now), wanted is None

    def supposed(self, call: omnigate.Call, now: datetime) -> Attempt | None:
        """Return an attempt as it would have been begun, to ask about one that was not noted."""
        name = call.agent or next(iter(self._config.agents))
        if name not in self._config.agents:
            return None
        return self._made(call, call.customer, name, now)

    def _made(self, call: omnigate.Call, number: str, agent: str, now: datetime) -> Attempt:
        return Attempt(
            call_id=call.id,
            number=call.attempt,
            customer=number,
            agent_name=agent,
            agent=self._config.agents[agent],
            caller_id=self._config.caller_id,
            is_agent_first=self._config.order == "agent_first",
            ring_seconds=self._config.ring_seconds,
            max_seconds=self._config.max_call_seconds,
            # A call may have been asked for before it was recorded, and its customer told nothing of it.
            is_recorded=self._config.record and call.consent,
            begun_at=now,
        )

    def _agent_for(self, wanted: str | None, now: datetime) -> str:
        agents = self._config.agents
        if wanted is not None and wanted not in agents:
            raise omnigate.Refused("no_agent", f"there is no agent {wanted!r} any more; see agents")
        names = [wanted] if wanted is not None else list(agents)
        there = [name for name in names if self._opens_at([name], now) == now]
        if not there:
            opens_at = self._opens_at(names, now)
            wait = (opens_at - now).total_seconds() if opens_at is not None else None
            raise omnigate.RetryLater("it is outside working hours", after_seconds=wait)
        free = [name for name in there if self._is_free(name)]
        if not free:
            raise omnigate.RetryLater("all agents are on a call", after_seconds=NO_LINE_SECONDS)
        return min(free, key=lambda name: self._rung_last.get(name, 0))

    def _is_free(self, name: str) -> bool:
        agent = self._config.agents.get(name)
        return agent is not None and self._under_way.on_lines()[name] < agent.lines

    def _opens_at(self, names: Sequence[str], now: datetime) -> datetime | None:
        return self._config.opening(now, [self._config.agents[name] for name in names])
