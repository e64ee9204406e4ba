"""Who listens to which conversation: wakes connections, hands on what is fleeting.

A listener holds no queue of events. It is woken, and reads the conversation's log from its cursor:
what is pushed is exactly what a resume would return, and a slow reader costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from omnigate_webchat.answers import Frame

_ABSENCE_SECONDS: Final = 30.0
"""How long nobody may listen before the visitor counts as gone: a page change is no departure."""


class Listener:
    """One connection: a socket, or a poll that waits."""

    __slots__ = ("_changed", "conversation", "cursor", "fleeting", "stop_code", "visitor")

    def __init__(self, visitor: str, conversation: str, cursor: int) -> None:
        self.visitor = visitor
        self.conversation = conversation
        self.cursor = cursor
        """The last event that the client has been told of."""
        self.fleeting: deque[Frame] = deque(maxlen=16)
        """Frames that are not stored; the oldest are dropped when the reader is slow."""
        self.stop_code: int | None = None
        """Set when the connection has to end, to the code that says why."""
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to read."""
        self._changed.set()

    async def wait_changed(self) -> None:
        """Wait until woken; what happens from now on wakes again."""
        await self._changed.wait()
        self._changed.clear()


class Hub:
    """All listeners of one channel. Everything here is immediate and runs in the event loop."""

    def __init__(self, presence: Callable[[str, bool], None]) -> None:
        self._presence = presence
        self._listeners: dict[str, set[Listener]] = {}
        self._of_visitor: dict[str, int] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._stop_code: int | None = None

    def connections_of(self, visitor: str) -> int:
        """Return how many connections a visitor has."""
        return self._of_visitor.get(visitor, 0)

    def is_heard(self, conversation: str) -> bool:
        """Tell whether anybody listens to the conversation."""
        return conversation in self._listeners

    def join(self, listener: Listener) -> None:
        """Count a listener in; the first one of a conversation makes the visitor present."""
        if self._stop_code is not None:
            listener.stop_code = self._stop_code
            listener.wake()
        conversation = listener.conversation
        others = self._listeners.setdefault(conversation, set())
        others.add(listener)
        self._of_visitor[listener.visitor] = self.connections_of(listener.visitor) + 1
        if (leaving := self._leaving.pop(conversation, None)) is not None:
            leaving.cancel()
        elif len(others) == 1:
            self._presence(conversation, True)

    def leave(self, listener: Listener) -> None:
        """Count a listener out; some time after the last one the visitor is absent."""
        conversation = listener.conversation
        others = self._listeners[conversation]
        others.remove(listener)
        left = self.connections_of(listener.visitor) - 1
        if left:
            self._of_visitor[listener.visitor] = left
        else:
            del self._of_visitor[listener.visitor]
        if not others:
            del self._listeners[conversation]
            loop = asyncio.get_running_loop()
            self._leaving[conversation] = loop.call_later(
                _ABSENCE_SECONDS, self._gone, conversation
            )

    def wake(self, conversation: str) -> None:
        """Wake the listeners of one conversation."""
        for listener in self._listeners.get(conversation, ()):
            listener.wake()

    def push(self, conversation: str, frame: Frame) -> None:
        """Hand a fleeting frame to the listeners of one conversation."""
        for listener in self._listeners.get(conversation, ()):
            listener.fleeting.append(frame)
            listener.wake()

    def broadcast(self, frame: Frame) -> None:
        """Hand a fleeting frame to everybody."""
        for conversation in self._listeners:
            self.push(conversation, frame)

    def start(self) -> None:
        """Let connections stay."""
        self._stop_code = None

    def stop(self, code: int) -> None:
        """End every connection with a WebSocket close code, also those that come until `start`."""
        self._stop_code = code
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.stop_code = code
                listener.wake()
        for leaving in self._leaving.values():
            leaving.cancel()
        self._leaving.clear()

    def _gone(self, conversation: str) -> None:
        del self._leaving[conversation]
        self._presence(conversation, False)
