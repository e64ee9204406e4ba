"""Whose phones ring for the company: how agents are written, what rings them, and when they are there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

import omnigate
from omnigate_call.dialstring import Endpoint

RUNG_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "ari": ("endpoint",),
    "ami": ("endpoint",),
    "zadarma": ("extension", "number"),
    "mango": ("extension",),
    "sipuni": ("extension",),
    "exolve": ("number",),
    "novofon": ("extension", "number"),
    "novofon_old": ("extension", "number"),
    "twilio": ("number",),
}
"""Fields of `Agent` of which each driver has to be given one."""

_E164: Final = re.compile(r"\+[1-9][0-9]{4,14}", re.ASCII)
_PAIR: Final = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=\s*(\S+)\s*", re.ASCII)
_MOST_NAMED: Final = 10
"""Of agents that one mistake is about."""
_LOOKS: Final = 200
"""How often the channel's hours and the agents' are compared before nobody is taken to be there."""


def check_e164(text: str) -> str:
    """Return a number in E.164 form as it is; raises ``ValueError`` for anything else."""
    if not _E164.fullmatch(text):
        raise ValueError("write a number as +, the country's code and digits: +74951234567")
    return text


Number = Annotated[str, AfterValidator(check_e164)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}$")]


class Agent(BaseModel):
    """Whose phone rings for the company."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    endpoint: Endpoint | None = Field(
        None, description="The phone as an Asterisk names it.", examples=["PJSIP/100"]
    )
    number: Number | None = Field(
        None, description="The phone's number, for providers that ring numbers."
    )
    extension: str | None = Field(
        None,
        pattern=r"^[0-9A-Za-z_-]{1,40}$",
        description="The extension or login, for providers that ring those: letters, digits, _ and -.",
    )
    lines: int = Field(
        1,
        ge=1,
        le=1000,
        description="Calls it takes at once: 1 for a person, more for a group or a queue.",
    )
    hours: omnigate.Hours | None = Field(
        None, description="When this agent is there; unset: whenever the channel is."
    )


def _agents(value: Any) -> Any:
    """Let short forms stand for agents: ``sales=PJSIP/100,night=+74951234567``, one a name."""
    if isinstance(value, str):
        pairs = [_PAIR.fullmatch(each) for each in value.split(",")]
        if not all(pairs):
            raise ValueError("write agents as name=PJSIP/100, name=+74951234567 or name=extension")
        value = {pair[1]: pair[2] for pair in pairs if pair is not None}
    if not isinstance(value, Mapping):
        return value
    return {name: _agent(each) if isinstance(each, str) else each for name, each in value.items()}


def _agent(text: str) -> dict[str, str]:
    if "/" in text:
        return {"endpoint": text}
    return {"number" if text.startswith("+") else "extension": text}


Agents = Annotated[
    dict[Name, Agent],
    BeforeValidator(_agents, json_schema_input_type=dict[Name, Agent | str] | str),
]
"""Agents by name, each a table or a short form."""


def check_phones(agents: dict[str, Agent], driver: str) -> dict[str, Agent]:
    """Return agents as they are; raises ``ValueError`` naming those without a phone that the driver rings."""
    needs = RUNG_BY[driver]
    mute = [
        name for name, agent in agents.items() if not any(getattr(agent, need) for need in needs)
    ]
    if mute:
        them = ", ".join(mute[:_MOST_NAMED]) + (" …" if len(mute) > _MOST_NAMED else "")
        has = "has" if len(mute) == 1 else "have"
        raise ValueError(f"{them} {has} no {' or '.join(needs)}, by which {driver} rings; add it")
    return agents


def first_there(
    moment: datetime, hours: omnigate.Hours | None, agents: Sequence[Agent]
) -> datetime | None:
    """Return the first moment from this one on that is in hours and in those of one of the agents.

    None when there is none in the next weeks.
    """
    at = moment
    for _ in range(_LOOKS):
        begin = hours.next_opening(at) if hours else at
        if begin is None:
            return None
        found = [each.hours.next_opening(begin) if each.hours else begin for each in agents]
        later = min((each for each in found if each is not None), default=None)
        if later is None or later == begin:
            return later
        at = later
    return None
