"""What a host under test does about calls: takes them in, keeps them, hands them out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import omnigate
from omnigate import ids
from omnigate.model.call import ENDED
from omnigate.testing.memory import MemoryStore


class CallBook:
    """The calls of a `FakeHost`; those of a store outlive the host."""

    def __init__(self, store: MemoryStore) -> None:
        self.offers: dict[str, omnigate.CallOffer] = {}
        """What channels that call people offer, by name; a test sets it."""
        self.refusal: omnigate.Refused | None = None
        """Set it, and no call is taken in."""
        self.open_calls = store.calls
        """Calls that were asked for or that a test has put there, by id, as they are by what was put of
        them; `calls` returns those that have not ended."""
        self.wanted: dict[str, omnigate.CallWanted] = {}
        """What was asked for by `request_call`, by the id of the call."""
        self._asked: dict[str, str] = {}

    def call_offer(self, channel: str) -> omnigate.CallOffer | None:
        """Return what a test has set in ``offers``."""
        return self.offers.get(channel)

    async def request_call(
        self, channel: str, wanted: omnigate.CallWanted, *, key: str
    ) -> omnigate.Call:
        """Remember a call in ``open_calls``, once per key."""
        if self.refusal is not None:
            raise self.refusal
        if channel not in self.offers:
            raise omnigate.Refused(
                "no_channel", f"there is no channel {channel!r} that calls people"
            )
        if key not in self._asked:
            call = omnigate.Call(
                id=ids.call_id(),
                state="requested",
                customer=wanted.number,
                agent=wanted.agent,
                requested_at=datetime.now(UTC),
                source=wanted.source,
                from_conversation=wanted.from_conversation,
                consent=wanted.consent,
            )
            self._asked[key] = call.id
            self.wanted[call.id] = wanted
            self.open_calls[call.id] = call
        return self.open_calls[self._asked[key]]

    def begin_call(self, number: str = "+79161234567", **more: Any) -> omnigate.Call:
        """Return a call whose first attempt is to be dialled, as the daemon has it in that moment.

        ``more`` are fields of the call to be otherwise: ``provider_ids``, say, ``state`` or ``attempt``.
        The customer has agreed to be called.
        """
        begun = {"id": ids.call_id(), "state": "dialling", "attempt": 1, "consent": True}
        given = begun | {"customer": number, "requested_at": datetime.now(UTC)} | more
        call = omnigate.Call(**given)
        self.open_calls[call.id] = call
        return call

    async def cancel_call(self, conversation: str, call_id: str) -> omnigate.Call | None:
        """End a call of ``open_calls``; None for one that was not asked for there."""
        known = self.open_calls.get(call_id)
        if known is None or known.from_conversation != conversation:
            return None
        self.open_calls[call_id] = known.model_copy(update={"state": "cancelled"})
        return self.open_calls[call_id]

    async def calls_asked(self) -> Sequence[tuple[str, omnigate.Call]]:
        """Return the calls of ``open_calls`` that were asked for in a conversation and have not ended."""
        return [
            (call.from_conversation, call) for call in await self.calls() if call.from_conversation
        ]

    async def calls(self) -> Sequence[omnigate.Call]:
        """Return the calls of ``open_calls`` that have not ended."""
        return [call for call in self.open_calls.values() if call.state not in ENDED]
