"""Fleeting events (typing, presence, page views): never stored, handed on at most once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from omnigate import ids
from omnigate.backend import Backend
from omnigate.errors import OmnigateError
from omnigate.flow.contained import contained
from omnigate.flow.router import RoutingTable
from omnigate.model.event import (
    DATA,
    Envelope,
    Event,
    EventChannel,
    EventConversation,
    EventType,
)
from omnigate.model.inbound import Ephemeral, PageView, Presence, Typing
from omnigate.store.contacts import read_contact
from omnigate.store.conversationreads import find_conversation, read_conversation
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey

WAITING_LIMIT: Final = 500
DELIVER_SECONDS: Final = 5.0
AT_ONCE: Final = 20

_TYPES: Final[Mapping[type[Ephemeral], EventType]] = {
    Typing: EventType.TYPING,
    Presence: EventType.PRESENCE,
    PageView: EventType.PAGE_VIEWED,
}

log = structlog.get_logger("ephemeral")


class EphemeralRelay:
    """Passes fleeting events on to those who listen; under load they are dropped, the newest first."""

    def __init__(
        self,
        store: Store,
        routes: Callable[[], RoutingTable],
        backends: Callable[[], Mapping[str, Backend]],
        publish: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._routes = routes
        self._backends = backends
        self._publish = publish
        self._queue: asyncio.Queue[tuple[ChannelKey, Ephemeral]] = asyncio.Queue(WAITING_LIMIT)

    def emit(self, channel: ChannelKey, item: Ephemeral) -> None:
        """Take an item if there is room; never waits."""
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait((channel, item))

    async def run(self) -> None:
        """Pass items on until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(self._pass_on())

    async def _pass_on(self) -> None:
        while True:
            channel, item = await self._queue.get()
            try:
                await self._hand_over(channel, item)
            except OmnigateError as error:
                log.debug("fleeting event lost", channel=channel.name, error=str(error))

    async def _hand_over(self, channel: ChannelKey, item: Ephemeral) -> None:
        known = await self._store.read(find_conversation, channel.name, item.conversation)
        if known is None:
            return
        row = await self._store.read(read_conversation, known.id)
        if row is None:
            return
        event_type = _TYPES[type(item)]
        now = datetime.fromtimestamp(self._store.now() / 1000, UTC)
        data: dict[str, Any] = item.model_dump(exclude={"conversation"})
        envelope = Envelope(
            id=ids.event_id(),
            type=event_type,
            timestamp=now,
            recorded_at=now,
            sequence=None,
            channel=EventChannel(name=channel.name, kind=channel.kind),
            conversation=EventConversation.model_validate(row._asdict()),
            contact=await self._store.read(read_contact, row.contact_id),
            data={DATA[event_type][0]: data},
        )
        body = envelope.model_dump_json().encode()
        event = Event(id=envelope.id, type=event_type, body=body, attempt=0)
        self._publish(event)
        backends = self._backends()
        for name in self._routes().ephemeral(channel.name, event_type, row.owner):
            # One that is not enabled, or could not be made, is routed to and has no instance.
            if (backend := backends.get(name)) is not None:
                await self._deliver(name, backend, event)

    async def _deliver(self, name: str, backend: Backend, event: Event) -> None:
        try:
            async with asyncio.timeout(DELIVER_SECONDS):
                with contained:
                    await backend.deliver(event)
        except (OmnigateError, TimeoutError) as error:
            log.debug("fleeting event not taken", backend=name, error=str(error))
        except Exception:
            log.exception("backend raised", backend=name)
