"""What every link to the operators speaks: texts that go out, texts and reports that come in.

A link knows its provider's protocol and nothing of conversations, storage or contacts: those are the
channel's. Numbers are the digits of E.164 without a plus, or a name or short code as it stands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

import omnigate

State = Literal["sent", "delivered", "read", "failed", "unknown"]
"""What a provider says became of a text: ``unknown`` is its own word and changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text to be sent, as long as the channel lets it be: the link cuts it into segments."""

    id: str
    """The part's id, the same on every attempt."""
    to: str
    sender: str
    text: str
    valid_seconds: int | None = None
    """How long the operators may try; None leaves it to them."""
    attempt: int = 1
    is_awaited: bool = False
    """The customer has written and waits for it: it goes before what nobody asked for."""
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Where a piece of a long text belongs."""

    reference: int
    width_bits: Literal[8, 16]
    """Of the reference: the same number in another width is another text."""
    total: int
    number: int
    """From 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A text, or a piece of a long one, from a customer."""

    external_id: str | None
    """The provider's id; None where there is none."""
    source: str
    destination: str
    text: str | None = None
    """What it says; None when only ``data`` is known."""
    data: bytes | None = None
    """The piece as it came, for pieces whose bytes can only be read together."""
    encoding: Literal["gsm7", "ucs2", "latin1", "ascii", "binary"] = "gsm7"
    """Of ``data``; ``gsm7`` has a septet per octet."""
    segment: Segment | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a segment that was sent."""

    external_id: str
    """What the provider called it when it took it."""
    reference: str | None = None
    """The part's own id, where the provider gives it back: it is known even when the answer to the text
    was lost."""
    number: int | None = None
    """What we called the segment, where the provider gives it back, and ``to`` whom it went; several segments
    to different people may have one number."""
    to: str | None = None
    state: State
    error: str | None = None
    """The provider's code and words."""
    occurred_at: datetime


Said = Incoming | Report


class Deliver(Protocol):
    """Keeps what came in."""

    async def __call__(self, said: Sequence[Said], notes: omnigate.Notes | None = None) -> None:
        """Keep it; durable on return. Notes are committed with the texts, all or none of them.

        Raises:
            omnigate.Overloaded: it was not kept; neither is it with `omnigate.StoreError`.
        """


class Link(ABC):
    """One way to the operators. Errors are those of `omnigate.Channel.send` and `run`."""

    on_uncertain: ClassVar[Literal["hold", "lookup"]] = "hold"
    """See `omnigate.Capabilities.on_uncertain`; ``lookup`` where `lookup` can tell."""

    def __init__(self, host: omnigate.ChannelHost, deliver: Deliver) -> None:
        self.host = host
        self.deliver = deliver

    async def run(self) -> None:
        """Hold what has to be held (a session) until cancelled; returning means there is nothing.

        Tell the host how it goes: a link that holds nothing is up.
        """
        self.host.status("up")

    @abstractmethod
    async def send(self, text: Text) -> omnigate.Sent:
        """Send one text; returns the provider's ids: one, and all segments where receipts name each."""

    async def lookup(self, text: Text) -> omnigate.Sent | None:
        """Ask what became of a text that may have been sent; see `omnigate.Channel.lookup`."""
        raise omnigate.Uncertain("the provider cannot be asked")

    def authenticate(self, request: omnigate.Request) -> None:
        """Raise `omnigate.Unauthorized` unless the call is proven to be the provider's."""
        raise omnigate.Unauthorized("this link is not called")

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return what a call of the provider says; raise `omnigate.BadPayload` for what is not understood."""
        raise omnigate.BadPayload("this link is not called")

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Return what the provider wants to read once it is stored."""
        return omnigate.Response()

    def talks_to(self) -> str | None:
        """Return what the link connects to; None where the provider calls us. See `omnigate.Channel`."""
        return None

    def to_enter(self) -> Sequence[str]:
        """Return what the operator is to enter at the provider, a line each; it may have a token in it."""
        return ()

    async def check(self) -> omnigate.Health:
        """Ask the provider whether our credentials are good; no side effects."""
        return omnigate.Health("up", "nothing to check")

    def secrets(self) -> Iterable[str]:
        """Return what must never be shown, beside what the configuration marks so."""
        return ()
