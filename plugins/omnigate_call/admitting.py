"""Whether a wish for a call may be followed, and when.

Rules in the order in which they are asked: the number, its country and type, those that are never called,
consent, the agent, the moment, and last what is counted. Only what passed all others is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import omnigate
from omnigate_call.agents import Agent
from omnigate_call.config import CallConfig
from omnigate_call.limits import Allowance

_WRITTEN: Final = re.compile(r"[0-9 \u00a0()+./\-\u2010-\u2015\t]{1,40}")
"""How people write numbers; anything else is no number, or more than one."""
_SHORT: Final = 8
"""Of what has no more characters nothing is shown."""
CLOCKS_APART_SECONDS: Final = 60.0
"""A moment that is past by less is now: clocks differ."""


class Admitting:
    """Decides about wishes."""

    def __init__(self, config: CallConfig, allowance: Allowance) -> None:
        self._config = config
        self._allowance = allowance
        self._rules = omnigate.NumberRules(
            default_region=config.default_region,
            countries=config.countries,
            allowed_prefixes=config.allowed_prefixes,
            denied_prefixes=config.denied_prefixes,
            types=frozenset(config.number_types),
        )
        own = {agent.number for agent in config.agents.values()} | {config.caller_id}
        self._own = frozenset(number for number in own if number is not None)

    def number(self, text: str, region: str | None = None) -> str:
        """Return a number that may be called, E.164; raises `omnigate.Refused`."""
        if not _WRITTEN.fullmatch(text):
            raise omnigate.Refused(
                "bad_number", "a number is written with digits, spaces, brackets, dashes and a plus"
            )
        number = self._rules.number(text, region)
        if number in self._config.do_not_call:
            raise omnigate.Refused("do_not_call", f"{masked(number)} is on the list do_not_call")
        if number in self._own:
            raise omnigate.Refused(
                "own_number", f"{masked(number)} is a number of the company: give the customer's"
            )
        return number

    async def admit(self, wanted: omnigate.CallWanted, now: datetime) -> omnigate.Admission:
        """Decide about a wish and count it; see `omnigate.CallChannel.admit`."""
        number = self.number(wanted.number, wanted.region)
        if self._config.consent and not wanted.consent:
            raise omnigate.Refused(
                "no_consent",
                "nobody is called before they have agreed to the text in consent; show it, then ask again",
            )
        agents = self._agents(wanted.agent)
        first_at = self._first_at(wanted.callback_at, agents, now)
        await self._allowance.take_wish(number, address=wanted.ip, site=wanted.site)
        return omnigate.Admission(
            customer=omnigate.tel(number),
            callback_at=first_at if first_at > now else None,
            expires_at=first_at + timedelta(seconds=self._config.expire_after_seconds),
            agent=wanted.agent,
        )

    def _agents(self, name: str | None) -> Sequence[Agent]:
        if name is None:
            return list(self._config.agents.values())
        agent = self._config.agents.get(name)
        if agent is None:
            raise omnigate.Refused(
                "no_agent",
                f"there is no agent {name[:60]!r}; agents of the configuration names them",
            )
        return [agent]

    def _first_at(
        self, wanted_at: datetime | None, agents: Sequence[Agent], now: datetime
    ) -> datetime:
        """Return when a call is tried first: as wanted, or when somebody is there after that."""
        wanted_at = wanted_at or now
        if wanted_at < now - timedelta(seconds=CLOCKS_APART_SECONDS):
            raise omnigate.Refused(
                "bad_time", "the moment in callback_at is past; give one to come, or none"
            )
        # Before its opening hours are looked for: there may be no days after it.
        if wanted_at > now + timedelta(days=self._config.ahead_days):
            raise omnigate.Refused(
                "bad_time",
                "the moment in callback_at is too far ahead; "
                f"ahead_days, which is {self._config.ahead_days}, allows more",
            )
        first_at = self._config.opening(max(wanted_at, now), agents)
        if first_at is None:
            raise omnigate.Refused("closed", "nobody is there in the next weeks; see hours")
        return first_at


def masked(number: str) -> str:
    """Return a number as logs and errors show it: enough to know one's own again."""
    return f"{number[:4]}…{number[-2:]}" if len(number) > _SHORT else "…"
