"""A simulated platform behind the real `ChannelCarrier`: what customers get to see is noted.

A platform answers as it is told, and may show a message to the customer and lose the answer all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import omnigate
from omnigate import ids
from omnigate.capabilities import Capabilities
from omnigate.channel import ChannelConfig
from omnigate.flow.breaker import Breaker
from omnigate.flow.carriers import ChannelCarrier
from omnigate.flow.destination import Destination
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.model.outbound import OutboundPart, Sent
from omnigate.store.destinations import Name, register
from omnigate.store.idempotency import IdempotencyKey
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.threads import ChannelKey
from tests.flow.simulation.world import DAY, World

Answer = Literal[
    "sent", "slow", "lost", "never came", "hangs", "later", "down", "refused", "puzzled"
]
"""``lost``: the customer has it, the answer does not come; ``never came``: nor does the message;
``puzzled``: the plugin has a mistake in it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt as the platform saw it."""

    at: float
    id: str
    text: str
    attempt: int
    possible_duplicate: bool


@dataclass(eq=False)
class Platform:
    """What a channel talks to."""

    name: str
    rule: Any
    answers: Callable[[Call], Answer] = lambda call: "sent"
    calls: list[Call] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """What the customer sees, in order. Where ids are known (``native``) one id shows once."""
    lookups: list[str] = field(default_factory=list)
    """Ids of the parts that it was asked about."""
    tells: list[Any] = field(default_factory=list)
    """How lookups are answered in turn, by names of errors; with the truth when nothing is left."""
    send_seconds: float = 60.0
    takes_seconds: float = 0.1
    """How long it takes to answer."""
    _ids: set[str] = field(default_factory=set)

    async def install(self, world: World) -> None:
        """Make it a destination of the dispatcher; called at every start."""
        health = await world.store.writer.do(register, Name("channel", self.name))
        destination = Destination(
            name=self.name,
            direction="channel",
            carrier=ChannelCarrier(_Channel(self), world.store.writer),
            breaker=Breaker(health),
            concurrency=20,
        )
        world.destinations[self.name] = destination
        world.dispatcher.add(destination)

    async def write(
        self,
        world: World,
        person: str,
        *texts: str,
        key: IdempotencyKey | None = None,
        force: bool = False,
    ) -> str:
        """Be the CRM that sends a message of so many parts; returns the id that it is told."""
        said = Message(
            id=ids.message_id(),
            direction="outbound",
            state="queued",
            created_at=datetime.fromtimestamp(world.calendar(), UTC),
        )
        outgoing = Outgoing(
            channel=ChannelKey(self.name, "simulated"),
            destination_id=world.destinations[self.name].health.destination_id,
            said=said,
            parts=[PartContent(text=text) for text in texts],
            address=Address(f"user:{person}"),
            external_id=person,
            key=key,
            force=force,
        )
        return (await world.store.writer.do(enqueue, outgoing)).id

    def show(self, part: OutboundPart) -> None:
        """Have the customer see it."""
        if self.rule == "native" and part.id in self._ids:
            return
        self._ids.add(part.id)
        self.shown.append(part.text or "")


class _Channel(omnigate.Channel):
    kind = "simulated"

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.capabilities = Capabilities(  # type: ignore[misc]  # each platform its own
            on_uncertain=platform.rule, send_seconds=platform.send_seconds
        )
        self.config = ChannelConfig()

    async def send(self, part: OutboundPart) -> Sent:
        platform = self._platform
        call = Call(
            asyncio.get_running_loop().time(),
            part.id,
            part.text or "",
            part.attempt,
            part.possible_duplicate,
        )
        platform.calls.append(call)
        await asyncio.sleep(platform.takes_seconds)
        answer = platform.answers(call)
        if answer == "slow":
            await asyncio.sleep(600)
        if answer in ("sent", "slow", "lost", "hangs"):
            platform.show(part)
        if answer in ("sent", "slow"):
            return Sent(external_id=f"p-{len(platform.calls)}")
        if answer == "hangs":
            await asyncio.sleep(DAY)
        raise _ERRORS[answer]

    async def lookup(self, part: OutboundPart) -> Sent | None:
        platform = self._platform
        platform.lookups.append(part.id)
        answer = platform.tells.pop(0) if platform.tells else "true"
        if answer != "true":
            raise _ERRORS[answer]
        shown = (part.text or "") in platform.shown
        return Sent(external_id=f"found-{part.id}") if shown else None


_ERRORS: dict[str, Exception] = {
    "lost": omnigate.Uncertain("the connection broke"),
    "never came": omnigate.Uncertain("the connection broke"),
    "later": omnigate.RetryLater("flood control"),
    "down": omnigate.DestinationUnavailable("refused connection"),
    "refused": omnigate.Refused("blocked", "the customer blocked us"),
    "puzzled": KeyError("id"),
}
