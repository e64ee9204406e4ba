"""What sockets and polls have in common: admission, where to resume, and the news after a cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import omnigate
from omnigate_webchat.answers import Frame
from omnigate_webchat.callbutton import Calls
from omnigate_webchat.config import WebchatConfig
from omnigate_webchat.events import EventLog, resumes
from omnigate_webchat.hub import Hub, Listener
from omnigate_webchat.limits import Buckets
from omnigate_webchat.session import describe
from omnigate_webchat.tokens import Pass, Seal
from omnigate_webchat.visitor import Visits

_FRAMES = 300
"""Frames that one visitor may send in ten seconds, of whatever type and over all tabs."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a conversation stands when a client connects."""

    conversation: omnigate.ConversationInfo | None
    online: bool
    expires_in_seconds: int
    call: Frame | None
    """The visitor's call, as it is now."""

    def welcome(self, who: Pass) -> Frame:
        """Return the answer to a hello."""
        return {
            "t": "welcome",
            "d": {
                "last_seq": self.last_sequence,
                "conversation": describe(self.conversation),
                "online": self.online,
                "expires_in_seconds": self.expires_in_seconds,
                "call": self.call,
            },
        }

    @property
    def last_sequence(self) -> int:
        """The last event of the conversation; 0 when there is none yet."""
        return 0 if self.conversation is None else self.conversation.last_sequence

    def cursor(self, after: int) -> int | None:
        """Return where to go on for a client that saw ``after``; None: it has to start anew."""
        return after if resumes(self.conversation, after) else None


class Connections:
    """Admits clients and tells them what is new."""

    def __init__(
        self,
        config: WebchatConfig,
        host: omnigate.ChannelHost,
        hub: Hub,
        visits: Visits,
        passes: Seal[Pass],
        log: EventLog,
        calls: Calls,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._host = host
        self._hub = hub
        self._visits = visits
        self._passes = passes
        self._log = log
        self._calls = calls
        self._now = now
        self._frames = Buckets(_FRAMES, per_seconds=10)

    def admit(self, token: str) -> Pass | None:
        """Return whom the connection token stands for, or None when it is no longer good."""
        return self._passes.open(token)

    async def resume(self, who: Pass) -> Resume | None:
        """Return where the visitor's conversation stands.

        None asks for a new session: the visitor never wrote and the daemon has forgotten the visit
        (a restart), so that the first message would come without its context.
        """
        conversation = await self._host.conversation(who.conversation)
        if conversation is None and not self._visits.knows(who.visitor):
            return None
        return Resume(
            conversation,
            online=self._config.is_open(self._now()),
            expires_in_seconds=self._passes.seconds_left(who),
            call=self._calls.view(who.conversation),
        )

    def call_since(self, who: Pass, seen: str) -> list[Frame]:
        """Return how the visitor's call is, unless that is what was ``seen``."""
        if self._calls.tag(who.conversation) == seen:
            return []
        return [{"t": "call", "d": {"call": self._calls.view(who.conversation)}}]

    def is_full(self, who: Pass) -> bool:
        """Tell whether the visitor has as many connections as one may have."""
        most = self._config.limits.connections_per_visitor
        return self._hub.connections_of(who.visitor) >= most

    def floods(self, who: Pass, count: int = 1) -> bool:
        """Count frames and tell whether the visitor sends more than any widget would."""
        return self._frames.wait_seconds(who.visitor, count) > 0

    @contextmanager
    def joined(self, listener: Listener) -> Iterator[None]:
        """Listen within the block."""
        self._hub.join(listener)
        try:
            yield
        finally:
            self._hub.leave(listener)

    async def news(self, listener: Listener) -> AsyncIterator[Frame]:
        """Yield the stored events after the listener's cursor and what is fleeting; moves the cursor."""
        more = True
        while more:
            frames, cursor, more = await self._log.after(listener.conversation, listener.cursor)
            for frame in frames:
                yield frame
            listener.cursor = cursor
        while listener.fleeting:
            yield listener.fleeting.popleft()
