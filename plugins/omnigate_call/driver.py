"""What every way to place calls speaks: attempts that are begun and ended, steps that are told.

A driver knows its switch's or provider's protocol and nothing of limits, hours, retries or storage: those
are the channel's. It gets an `Attempt`, which is everything there is to know about one try of one call,
and tells `Step` after `Step` of it to its `Desk`, in whatever order and however often: the daemon takes
each step of an attempt once, and works out from all of them where the call stands. An attempt is over
with the first step that is an end (`omnigate.model.call.ENDED`); which end it is when is in `ended`.

Numbers are E.164 with the plus: ``digits`` has them without. Nothing in an attempt was chosen by a
customer but the number, and that has only digits: it can stand in a dial string.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import omnigate

if TYPE_CHECKING:
    from pydantic import BaseModel

    from omnigate_call.agents import Agent

NORMAL: Final = 16
BUSY: Final = 17
REJECTED: Final = 21
NO_ANSWER: Final[frozenset[int | None]] = frozenset({None, 0, 16, 18, 19, 20, 31, 102, 127})
"""Causes that say no more of a phone that rang than that nobody took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one call: the same id and number are the same try."""

    call_id: str
    number: int
    """Counted from 1."""
    customer: str
    """E.164."""
    agent_name: str
    agent: Agent
    caller_id: str | None
    """The number that the customer sees, E.164; None leaves it to the switch."""
    is_agent_first: bool
    ring_seconds: float
    """How long each phone rings at most."""
    max_seconds: float
    """How long the two may talk."""
    is_recorded: bool
    state: omnigate.CallState = "dialling"
    """Where the daemon has it, as far as it was told."""
    is_bridged: bool = False
    """The daemon was told that the two heard each other."""
    provider_ids: Mapping[str, str] = field(default_factory=dict)
    """What `Driver.dial` returned and steps brought."""
    begun_at: datetime
    """When the channel was told to dial."""

    @property
    def digits(self) -> str:
        """Return the customer's number without its plus."""
        return self.customer.removeprefix("+")

    @property
    def legs(self) -> tuple[omnigate.Leg, omnigate.Leg]:
        """Return the two phones in the order in which they are rung."""
        return ("agent", "customer") if self.is_agent_first else ("customer", "agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened in an attempt; see `omnigate.CallUpdate` for what the fields mean."""

    call_id: str
    attempt: int
    state: omnigate.CallState | None = None
    """None: only details are new, such as the cause with which ``leg`` ended."""
    leg: omnigate.Leg | None = None
    at: datetime
    """When it happened, by the platform's clock where it says so."""
    cause: int | None = None
    cause_text: str | None = None
    sip_code: int | None = None
    ring_seconds: float | None = None
    talk_seconds: float | None = None
    recording: omnigate.AttachmentRef | None = None
    """Give it a ``ref`` that `Driver.fetch` understands."""
    provider_ids: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    is_final: bool = False
    """An end after which the call is not tried again, whatever the rules: the two may have talked."""
    key: str = ""
    """Sets apart steps of one attempt that have the same state and leg; not needed for others."""


class Desk(Protocol):
    """What a driver is given of its channel."""

    host: omnigate.ChannelHost

    @property
    def agents(self) -> Mapping[str, Agent]:
        """Who can be rung, by name."""

    async def tell(self, *steps: Step) -> None:
        """Have steps stored, all or none; durable on return.

        Steps of calls that are not this channel's, and what was told before, change nothing. Raises
        `omnigate.Overloaded` or `omnigate.StoreError`: tell it again then.
        """

    async def attempts(self) -> Sequence[Attempt]:
        """Return the attempts that were begun and have not ended, as far as the daemon was told.

        What to pick up after a restart or a lost connection, and where the step of a provider that
        gives back no id of ours belongs.
        """


class Driver(ABC):
    """One way to place calls. Derive, set `kind` and `Config`, and list it in ``providers.PROVIDERS``.

    Which phones of agents it rings says `omnigate_call.agents.RUNG_BY`.
    """

    kind: ClassVar[str]
    """As ``driver`` in the configuration names it, and the table of its own."""
    Config: ClassVar[type[BaseModel]]
    can_record: ClassVar[bool] = False
    hook_paths: ClassVar[tuple[str, ...]] = ("/hook",)
    """Where the provider calls us, below /channels/{name}."""

    def __init__(self, config: BaseModel, desk: Desk) -> None:
        self.config = config
        self.desk = desk
        self.host = desk.host

    async def run(self) -> None:
        """Hold what has to be held (a connection) until cancelled; returning means there is nothing.

        First pick up what is under way (`Desk.attempts`). Raise as from `omnigate.Channel.run`.
        """

    @abstractmethod
    async def dial(self, attempt: Attempt) -> Mapping[str, str]:
        """Begin an attempt; see `omnigate.CallChannel.dial`. Its steps may be told before this returns."""

    @abstractmethod
    async def hang_up(self, attempt: Attempt) -> None:
        """End an attempt, whatever it is doing; what is over already is a success.

        How it ended is told as a step: ``completed`` where the two had talked, ``cancelled`` where not.
        Also of one that the switch no longer knows.
        """

    async def follow_up(self, attempt: Attempt) -> Step | None:
        """Ask what became of an attempt that `dial` may have begun; see `omnigate.CallChannel.follow_up`.

        Also asked of what never came to `dial`, of which nothing is known then.
        """
        raise omnigate.Uncertain(f"{self.kind} cannot be asked what became of a call")

    async def check(self) -> omnigate.Health:
        """Ask whether our credentials are good; no side effects. Raise as `omnigate.Channel.check`."""
        return omnigate.Health("up", "nothing to check")

    def talks_to(self) -> str | None:
        """Return the switch's host; None where the provider calls us. See `omnigate.Channel.talks_to`."""
        return None

    def fetch(self, recording: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a recording that was handed in with ``ref``; see `omnigate.Channel.fetch`."""
        raise omnigate.Refused("no_recording", f"{self.kind} keeps no recordings")

    # For providers that call us, at `hook_paths`, by POST and GET.

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call is proven to be the provider's."""
        raise omnigate.Unauthorized(f"{self.kind} does not call us")

    async def read(self, request: omnigate.Request) -> Sequence[Step]:
        """Return what an authentic call says; none for what is of no concern.

        Raise `omnigate.BadPayload` for what cannot be understood: it is kept in quarantine.
        """
        raise omnigate.BadPayload(f"{self.kind} does not call us")

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return what the provider wants to read once its call is stored."""
        return omnigate.Response()

    def kept(self, request: omnigate.Request) -> omnigate.Request:
        """Return an authentic call as quarantine may keep it: with all that `read` needs, and no secret."""
        return request

    def secrets(self) -> Iterable[str]:
        """Return what must never be kept of a call, beside what the configuration marks so."""
        return ()


def ended(leg: omnigate.Leg, cause: int | None, *, was_ringing: bool) -> omnigate.CallState:
    """Return how an attempt ends when a leg ends with a cause before it was answered.

    A phone that never rang was not reached, whatever its cause says: a switch may call that 19 ("no
    answer") too. ``cancelled`` and ``completed`` are for the driver to tell.

    Source: ITU-T Q.850 (05/2018) table 1, names of causes; what Asterisk 16 and 22 send was observed.
    """
    if cause == BUSY:
        return "customer_busy" if leg == "customer" else "agent_busy"
    if cause == REJECTED:
        return "customer_rejected" if leg == "customer" else "agent_busy"
    if was_ringing and cause in NO_ANSWER:
        return "customer_no_answer" if leg == "customer" else "agent_no_answer"
    return "failed"
