"""Receipts: which messages of the company have arrived with a visitor, and which were read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

import omnigate
from omnigate_webchat.answers import Refusal
from omnigate_webchat.events import sent_key
from omnigate_webchat.limits import Buckets
from omnigate_webchat.tokens import Pass

_AWAITS: Final[dict[str, frozenset[str]]] = {
    "delivered": frozenset({"sending", "sent", "unknown"}),
    "read": frozenset({"sending", "sent", "unknown", "delivered"}),
}
"""A receipt → the states of a message that it may raise; anything else has it already."""


class Receipts:
    """Stores receipts of visitors."""

    def __init__(self, host: omnigate.ChannelHost, now: Callable[[], datetime]) -> None:
        self._host = host
        self._now = now
        self._rate = Buckets(300, per_seconds=10)

    async def mark(self, who: Pass, state: Literal["delivered", "read"], ids: list[str]) -> None:
        """Store receipts for those of the messages that are this conversation's and not yet so far.

        Ids of others' messages, and of none, are passed over: who guesses learns nothing. Raises
        `Refusal` when there are too many.
        """
        if self._rate.wait_seconds(who.visitor, len(ids)):
            raise Refusal("rate", "too many receipts at once")
        conversation = who.conversation
        known = await self._host.messages(list(dict.fromkeys(ids)))
        receipts = [
            omnigate.Receipt(
                external_id=f"{state}:{conversation}:{message.id}",
                conversation=conversation,
                occurred_at=self._now(),
                message_id=sent_key(conversation, message.id),
                state=state,
            )
            for message in known.values()
            if message.state in _AWAITS[state]
            and sent_key(conversation, message.id) in message.external_ids
        ]
        if receipts:
            await self._host.put(*receipts)
