"""What backends reply to events: sent to the customer, if the conversation is theirs.

A conversation is its owner's, and before it was handed to anybody that of all backends of its route.
Only they answer a customer by their replies: what an observer says, and what a bot that was down makes of
the events of yesterday while a person has taken over, is left out. Whose it was when the attempt began
may still answer, so that a bot hands a conversation over and says so with one and the same answer.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from omnigate.flow.outbound import Outbound
from omnigate.flow.router import RoutingTable
from omnigate.model.outbound import Reply
from omnigate.store.ownership import Holding, held_at, held_now
from omnigate.store.store import Store

log = structlog.get_logger("replies")


class Replies:
    """Takes in what backends reply."""

    def __init__(
        self, store: Store, outbound: Outbound, routes: Callable[[], RoutingTable]
    ) -> None:
        self._store = store
        self._outbound = outbound
        self._routes = routes

    def of(self, backend: str) -> Answering:
        """Return what one backend's replies are handed to."""
        return Answering(self, backend)

    async def take(self, backend: str, event_id: str, reply: Reply, began_at: int) -> None:
        """Queue the answer of a backend to an event, if it is its to give; once an event.

        ``began_at`` is when the attempt began, in milliseconds since 1970.
        """
        holding = await self._store.read(held_now, event_id)
        if holding is None:
            return
        if not self._is_owner(backend, holding):
            before = await self._store.read(held_at, event_id, began_at)
            if before is None or not self._is_owner(backend, before):
                log.warning(
                    "reply left out: the conversation is not the backend's",
                    backend=backend,
                    item=event_id,
                    owner=holding.owner,
                )
                return
        await self._outbound.reply(event_id, reply)

    def now(self) -> int:
        """Return the store's time in milliseconds since 1970."""
        return self._store.now()

    def _is_owner(self, backend: str, holding: Holding) -> bool:
        return backend in self._routes().owners(holding.channel, holding.owner)


class Answering:
    """Takes in what one backend replies."""

    def __init__(self, replies: Replies, backend: str) -> None:
        self._replies = replies
        self._backend = backend

    def now(self) -> int:
        """Return the store's time in milliseconds since 1970."""
        return self._replies.now()

    async def take(self, event_id: str, reply: Reply, began_at: int) -> None:
        """Queue an answer; see `Replies.take`."""
        await self._replies.take(self._backend, event_id, reply, began_at)
