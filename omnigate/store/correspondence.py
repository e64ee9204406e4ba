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
from omnigate.store import contacts
from omnigate.store.ledger import Ledger
from omnigate.store.record import Draft, Recorder, milliseconds_of
from omnigate.store.threads import ChannelKey, Person, Thread
from omnigate.store.transaction import RecordedEvent, Transaction


class Correspondence:
    """The conversations of one batch and what is recorded of them."""

    def __init__(self, transaction: Transaction, ledger: Ledger, recorder: Recorder) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._recorder = recorder

    def thread(self, channel: ChannelKey, item: Inbound, profile: Profile) -> Thread:
        """Return the item's conversation, begun or reopened if need be, and learn who is in it."""
        thread = self._ledger.thread(channel, item.conversation)
        if thread is None:
            thread = self._ledger.open_thread(channel, item.conversation, profile)
            self._take_over(channel, item, thread, profile)
            self._ledger.learn(thread.person, profile)
            status = StatusData(status="open", by="customer")
            self.record(EventType.CONVERSATION_STARTED, thread, channel, item, status)
            return thread
        if changed := self.learn(channel, item, thread, profile):
            change = ContactChange(id=thread.person.id, changed=changed)
            self.record_contact(EventType.CONTACT_UPDATED, thread.person, channel, item, change)
        if thread.status == "closed" and isinstance(item, InboundMessage):
            thread.status = "open"
            status = StatusData(status="open", by="customer")
            self.record(EventType.CONVERSATION_REOPENED, thread, channel, item, status)
        return thread

    def learn(
        self, channel: ChannelKey, item: Inbound, thread: Thread, profile: Profile
    ) -> list[str]:
        """Take over what a profile tells; somebody else in the same conversation is left apart."""
        if profile.address != thread.address and not any(
            identity.address == profile.address for identity in thread.person.identities
        ):
            return []
        self._take_over(channel, item, thread, profile)
        return self._ledger.learn(thread.person, profile)

    def _take_over(
        self, channel: ChannelKey, item: Inbound, thread: Thread, profile: Profile
    ) -> None:
        """Make contacts that are proven to be this one part of it."""
        for rival in self._ledger.rivals(thread.person, profile):
            winner, loser = sorted((rival, thread.person), key=lambda person: person.id)
            contacts.merge_rows(self._transaction, self._ledger, winner, loser)
            change = ContactChange(id=winner.id, merged=loser.id, reason="proven the same")
            self.record_contact(EventType.CONTACT_MERGED, winner, channel, item, change)

    def record_message(
        self,
        event_type: EventType,
        thread: Thread,
        channel: ChannelKey,
        item: Inbound,
        message_id: str,
        said: str,
        attachments: Sequence[Attachment],
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
        )
        return self._recorder.record(draft)

    def record(
        self,
        event_type: EventType,
        thread: Thread,
        channel: ChannelKey,
        item: Inbound,
        data: BaseModel,
    ) -> RecordedEvent:
        """Record what else happened in a conversation."""
        draft = Draft(
            type=event_type,
            person=thread.person,
            thread=thread,
            channel=channel,
            occurred_at=milliseconds_of(item.occurred_at),
            data=data.model_dump_json(),
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
