"""What a call says of who the customer is: where they come from, and what an answer proves.

A number that somebody typed proves nothing, so the call's conversation only names the one in which it was
asked for. Whoever answers that number and talks is the person whom it belongs to, and the one who asked:
then the number is proven, both conversations have one contact, and what was said before is told. Where
the operator has left that proof out, nothing of the sort happens.
"""

from __future__ import annotations

from typing import Final

from omnigate.model.call import Call
from omnigate.model.event import EventType
from omnigate.model.facts import ContactChange, ProofKind
from omnigate.store.arriving import TOLD_MESSAGES, came_from, said_before
from omnigate.store.callfacts import leg_of
from omnigate.store.identity import Identities
from omnigate.store.ledger import Ledger
from omnigate.store.messages import MessageIndex
from omnigate.store.record import Draft, Recorder
from omnigate.store.threads import Thread
from omnigate.store.transaction import Transaction

PROOF: Final[ProofKind] = "call"


def is_proof(call: Call, talk_seconds: float) -> bool:
    """Tell whether the customer answered, and talked for as long as it takes or longer."""
    customer = leg_of(call, "customer")
    answered = customer is not None and customer.answered_at is not None
    talked = call.talk_seconds is not None and call.talk_seconds >= talk_seconds
    return talked and (answered or call.bridged_at is not None or call.state == "completed")


class Proof:
    """Draws conclusions from answered calls, in one operation."""

    def __init__(
        self, transaction: Transaction, ledger: Ledger, recorder: Recorder, index: MessageIndex
    ) -> None:
        self._index = index
        self._recorder = recorder
        self._identities = Identities(transaction, ledger, recorder)

    def take(self, call: Call, thread: Thread, asked_in: Thread | None, occurred_at: int) -> None:
        """Take a call for the proof that it is; ``asked_in`` is where it was asked for."""
        if asked_in is thread:
            asked_in = None
        known = _proven(thread)
        united = self._identities.same(
            thread.person,
            asked_in.person if asked_in else thread.person,
            address=thread.address,
            also=[asked_in.address] if asked_in else [],
            proof=PROOF,
            channel=thread.channel,
            occurred_at=occurred_at,
        )
        if _proven(thread) - known and asked_in is None:
            self._say_proven(thread, occurred_at)
        if united is not None and asked_in is not None:
            said = said_before(self._index.latest(asked_in.id, TOLD_MESSAGES))
            thread.merge_context(came_from(call.id, asked_in, said), by_us=True)

    def _say_proven(self, thread: Thread, occurred_at: int) -> None:
        change = ContactChange(id=thread.person.id, changed=["addresses"], reason=PROOF)
        self._recorder.record(
            Draft(
                type=EventType.CONTACT_UPDATED,
                person=thread.person,
                thread=None,
                channel=thread.channel,
                occurred_at=occurred_at,
                data=change.model_dump_json(),
            )
        )


def _proven(thread: Thread) -> set[str]:
    return {known.address for known in thread.person.identities if known.verified_at is not None}
