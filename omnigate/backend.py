"""The backend contract: what receives events, and what the host gives it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pydantic import Field

from omnigate.channel import Health, PluginConfig
from omnigate.model.event import Event
from omnigate.model.outbound import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import ClientSession
    from structlog.typing import FilteringBoundLogger

Order = Literal["bounded", "strict", "unordered"]


class BackendConfig(PluginConfig):
    """What every backend can be told."""

    events: list[str] = Field(
        ["*"],
        description="Types of events to hand on; patterns such as message.* are understood.",
    )
    concurrency: int = Field(
        20,
        ge=1,
        le=1000,
        description="How many attempts may run at once, each another conversation.",
    )
    order: Order = Field(
        "bounded",
        description=(
            "bounded: an event that only this backend refuses holds its conversation at most 15 minutes "
            "or 5 attempts; strict: until it is accepted or expires; unordered: never."
        ),
    )
    include_ephemeral: bool = Field(
        False, description="Also hand on typing, presence and page views, at most once."
    )


class BackendHost(Protocol):
    """All that a backend ever sees of the daemon."""

    name: str
    log: FilteringBoundLogger

    def http(
        self,
        *,
        allow_private: Sequence[str] = (),
        ca_file: str | None = None,
        own_urls_only: bool = False,
    ) -> ClientSession:
        """Return a client session with the egress guard, kept for the backend's life.

        No redirects, no proxies from the environment. ``allow_private`` names networks (CIDR) that
        the guard lets through; only addresses inside them may be spoken to without TLS. With
        ``own_urls_only`` the backend promises to ask only for addresses of its own configuration and to
        follow no redirect: requests are then cheaper, since each need not be watched for that.
        """


class Backend(ABC):
    """A receiver of events. One instance serves one configured section."""

    kind: ClassVar[str]
    summary: ClassVar[str] = ""

    class Config(BackendConfig):
        """What this kind can be told; derive your own."""

    def __init__(self, config: BackendConfig, host: BackendHost) -> None:
        self.config = config
        self.host = host

    @abstractmethod
    async def deliver(self, event: Event) -> Reply | None:
        """Hand over one event; returning means the receiver has it for good.

        Called in order within a conversation, one at a time; conversations run in parallel. The same
        event may come again (same id, same bytes, higher ``attempt``). Raise what happened:
        `DestinationUnavailable`, `RetryLater`, `Refused`. A reply's messages are sent back to the
        event's conversation, once, however often the event is delivered.
        """

    async def check(self) -> Health:
        """Ask the receiver whether it would take events; no side effects."""
        return Health("up", "nothing to check")

    async def close(self) -> None:
        """Let go of connections; called once, after the last attempt."""
