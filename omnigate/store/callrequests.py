"""Taking in what somebody wants called: the call, its conversation, and where the wish came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from omnigate import ids
from omnigate.errors import Refused
from omnigate.model.address import Address
from omnigate.model.call import Call, CallWanted
from omnigate.model.event import EventType
from omnigate.model.facts import StatusData
from omnigate.model.inbound import Profile
from omnigate.store.arriving import TOLD_MESSAGES, came_from, said_before
from omnigate.store.calls import Calls, StoredCall, moment
from omnigate.store.callstates import Told
from omnigate.store.idempotency import Answers, IdempotencyKey
from omnigate.store.ledger import Ledger
from omnigate.store.messages import MessageIndex
from omnigate.store.record import Draft, Recorder, milliseconds_of
from omnigate.store.threads import ChannelKey, Thread
from omnigate.store.transaction import Transaction


class Asked(NamedTuple):
    """A wish that its channel has admitted."""

    channel: ChannelKey
    wanted: CallWanted
    customer: Address
    """The number, as ``tel:`` and E.164."""
    expires_at: datetime
    callback_at: datetime | None = None
    agent: str | None = None
    key: IdempotencyKey | None = None


class CallAnswer(NamedTuple):
    """The answer to a wish, as it is kept under its key."""

    id: str


def request_calls(transaction: Transaction, items: Sequence[Asked]) -> list[Call]:
    """Store wishes, each once per key; return the calls as they are now.

    Raises `Refused` (``not_found``: no such conversation to come from; ``gone``: whoever asks, or is to be
    called, is erased, if only just now) or `KeyReused`.
    """
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    calls = Calls(transaction, ledger, recorder)
    answers = Answers(transaction, CallAnswer, [item.key for item in items])
    for item in items:
        if (given := answers.given(item.key)) is not None:
            calls.want(given.id)
    calls.load()
    ledger.load((item.channel, item.customer.path) for item in items)
    ledger.load_ids(known for item in items if (known := item.wanted.from_conversation))
    ledger.know(Profile(address=item.customer) for item in items)
    desk = _Requests(transaction, ledger, recorder, calls)
    results = []
    for item in items:
        answer = answers.given(item.key)
        stored = calls.find(answer.id) if answer is not None else None
        if stored is None:
            stored = desk.take(item)
            answers.remember(item.key, CallAnswer(stored.id))
        results.append(stored.call)
    ledger.flush()
    recorder.flush()
    calls.flush()
    answers.flush()
    return results


class _Requests:
    def __init__(
        self, transaction: Transaction, ledger: Ledger, recorder: Recorder, calls: Calls
    ) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._recorder = recorder
        self._calls = calls
        self._latest = MessageIndex(transaction)

    def take(self, item: Asked) -> StoredCall:
        wanted, now = item.wanted, self._transaction.now
        asked_in = self._asked_in(wanted)
        self._require_living(wanted.contact)
        call_id = ids.call_id()
        thread = self._thread(item, call_id, asked_in)
        due_at = max(
            [now, *(milliseconds_of(at) for at in (item.callback_at, wanted.callback_at) if at)]
        )
        call = Call(
            id=call_id,
            state="queued" if due_at > now else "requested",
            customer=item.customer.path,
            agent=item.agent,
            requested_at=moment(now),
            callback_at=moment(due_at) if due_at > now else None,
            expires_at=item.expires_at,
            source=wanted.source,
            from_conversation=wanted.from_conversation,
            note=wanted.note,
            consent=wanted.consent,
            client_ref=wanted.client_ref,
        )
        stored = StoredCall(item.channel.name, thread.id, call, wanted.model_dump_json())
        self._calls.add(stored)
        told = [Told(EventType.CALL_REQUESTED)]
        if due_at > now:
            told.append(Told(EventType.CALL_QUEUED))
        self._calls.change(stored, call, told, due_at=due_at)
        return stored

    def _asked_in(self, wanted: CallWanted) -> Thread | None:
        if wanted.from_conversation is None:
            return None
        known = self._ledger.by_id.get(wanted.from_conversation)
        if known is None:
            raise Refused("not_found", "there is no such conversation to call from")
        # What was said with a wish would outlive an erasure that has looked for wishes already.
        if known.is_erased:
            raise Refused("gone", "whom the conversation was with has been erased")
        return known

    def _require_living(self, contact_id: str | None) -> None:
        """Raise `Refused` for a contact that was named and is erased: nobody else has no address."""
        named = self._ledger.people([contact_id] if contact_id is not None else [])
        if any(not person.identities for person in named.values()):
            raise Refused("gone", "the contact was erased")

    def _thread(self, item: Asked, call_id: str, asked_in: Thread | None) -> Thread:
        """Return the call's conversation, begun or reopened if need be."""
        number = item.customer
        begun = self._ledger.thread(item.channel, number.path)
        thread = begun or self._ledger.open_thread(
            item.channel, number.path, Profile(address=number)
        )
        person = thread.person
        self._ledger.learn(
            person,
            Profile(
                address=number,
                # What somebody typed fills gaps; it does not rename a customer who is known.
                phone=number.path if person.phone is None else None,
                display_name=item.wanted.name if person.display_name is None else None,
            ),
        )
        if asked_in is not None and asked_in is not thread:
            said = None
            if asked_in.person is person:
                said = said_before(self._latest.latest(asked_in.id, TOLD_MESSAGES))
            thread.merge_context(came_from(call_id, asked_in, said), by_us=True)
        if begun is None:
            self._record(EventType.CONVERSATION_STARTED, thread, item, call_id)
        elif thread.status == "closed":
            thread.status = "open"
            self._record(EventType.CONVERSATION_REOPENED, thread, item, call_id)
        return thread

    def _record(self, event_type: EventType, thread: Thread, item: Asked, call_id: str) -> None:
        by_customer = item.wanted.source == "widget"
        status = StatusData(status="open", by="customer" if by_customer else "api")
        self._recorder.record(
            Draft(
                type=event_type,
                person=thread.person,
                thread=thread,
                channel=thread.channel,
                occurred_at=self._transaction.now,
                data=status.model_dump_json(),
                before=call_id,
            )
        )
