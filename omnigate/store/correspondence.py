"""Whom an item is from and which conversation it belongs to: found, begun, learnt from, recorded.

Every kind of item comes through here on its way from `omnigate.store.interpret` to the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from omnigate.model.attachment import Attachment
from omnigate.model.event import EventType
from omnigate.model.facts import ContactChange, StatusData
from omnigate.model.inbound import Inbound, InboundMessage, Profile
from omnigate.store.arriving import Arrivals
from omnigate.store.identity import Identities
from omnigate.store.ledger import Ledger
from omnigate.store.proofs import Proofs
from omnigate.store.record import Draft, Recorder, milliseconds_of
from omnigate.store.threads import ChannelKey, Person, Thread
from omnigate.store.transaction import RecordedEvent, Transaction
from omnigate.store.waits import Step


class Correspondence:
    """The conversations of one batch and what is recorded of them."""

    def __init__(
        self, transaction: Transaction, ledger: Ledger, recorder: Recorder, arrivals: Arrivals
    ) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._recorder = recorder
        self._arrivals = arrivals
        identities = Identities(transaction, ledger, recorder)
        self._proofs = Proofs(transaction, ledger, recorder, identities)

    def thread(self, channel: ChannelKey, item: Inbound, profile: Profile) -> Thread:
        """Return the item's conversation, begun or reopened if need be, and learn who is in it."""
        profile = self._believed(profile)
        thread = self._ledger.thread(channel, item.conversation)
        if thread is None:
            at = milliseconds_of(item.occurred_at)
            person = self._proofs.writer(profile, channel, at)
            thread = self._ledger.open_thread(channel, item.conversation, profile, person)
            self._proofs.follow(person, profile, channel, at)
            self._ledger.learn(thread.person, profile)
            self._arrive(channel, item, thread)
            status = StatusData(status="open", by="customer")
            self.record(EventType.CONVERSATION_STARTED, thread, channel, item, status)
            return thread
        if changed := self.learn(channel, item, thread, profile):
            change = ContactChange(id=thread.person.id, changed=changed)
            self.record_contact(EventType.CONTACT_UPDATED, thread.person, channel, item, change)
        self._arrive(channel, item, thread)
        if thread.status == "closed" and isinstance(item, InboundMessage):
            thread.status = "open"
            status = StatusData(status="open", by="customer")
            self.record(EventType.CONVERSATION_REOPENED, thread, channel, item, status)
        return thread

    def _arrive(self, channel: ChannelKey, item: Inbound, thread: Thread) -> None:
        """Have the conversation know where a customer comes from who brings a handover's token."""
        if isinstance(item, InboundMessage) and item.handover is not None:
            self._arrivals.take(channel, item, thread)

    def learn(
        self, channel: ChannelKey, item: Inbound, thread: Thread, profile: Profile
    ) -> list[str]:
        """Take over what a profile tells; somebody else in the same conversation is left apart."""
        if profile.address != thread.address and not any(
            identity.address == profile.address for identity in thread.person.identities
        ):
            return []
        profile = self._believed(profile)
        self._proofs.follow(thread.person, profile, channel, milliseconds_of(item.occurred_at))
        return self._ledger.learn(thread.person, profile)

    def _believed(self, profile: Profile) -> Profile:
        """Return a profile without what it says of other addresses, where the operator has it so."""
        if not profile.also or "verified" in self._transaction.trust.merge_on:
            return profile
        return profile.model_copy(update={"also": []})

    def record_message(
        self,
        event_type: EventType,
        thread: Thread,
        channel: ChannelKey,
        item: Inbound,
        message_id: str,
        said: str,
        attachments: Sequence[Attachment],
        wait: Step | None = None,
    ) -> RecordedEvent:
        """Record what was said; ``said`` is the message as JSON."""
        draft = Draft(
            type=event_type,
            person=thread.person,
            thread=thread,
            channel=channel,
            occurred_at=milliseconds_of(item.occurred_at),
            data=said,
            message_id=message_id,
            media=bool(attachments),
            wait=wait,
        )
        return self._recorder.record(draft)

    def record(
        self,
        event_type: EventType,
        thread: Thread,
        channel: ChannelKey,
        item: Inbound,
        data: BaseModel,
        wait: Step | None = None,
    ) -> RecordedEvent:
        """Record what else happened in a conversation."""
        draft = Draft(
            type=event_type,
            person=thread.person,
            thread=thread,
            channel=channel,
            occurred_at=milliseconds_of(item.occurred_at),
            data=data.model_dump_json(),
            wait=wait,
        )
        return self._recorder.record(draft)

    def record_contact(
        self,
        event_type: EventType,
        person: Person,
        channel: ChannelKey,
        item: Inbound,
        change: ContactChange,
    ) -> RecordedEvent:
        """Record what happened to a contact; belongs to no conversation."""
        draft = Draft(
            type=event_type,
            person=person,
            thread=None,
            channel=channel,
            occurred_at=milliseconds_of(item.occurred_at),
            data=change.model_dump_json(),
        )
        return self._recorder.record(draft)
