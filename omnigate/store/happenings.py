"""What happened beside messages: reactions, pressed buttons, judgements, and changes of who and where."""

from __future__ import annotations

from omnigate.model.event import EventType
from omnigate.model.facts import ButtonData, ContactChange, RatingData, ReactionChanged, StatusData
from omnigate.model.inbound import (
    ButtonPressed,
    ContactBlocked,
    ContactUnblocked,
    ContactUpdated,
    ConversationClosed,
    ConversationMoved,
    Inbound,
    Profile,
    Rating,
    Reaction,
)
from omnigate.store.batch import Batch, Meaning, meaning_of
from omnigate.store.threads import ChannelKey


class Happenings:
    """Interprets what happened in one batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def reaction(self, channel: ChannelKey, item: Reaction) -> Meaning:
        """Record somebody's reactions to a message."""
        thread = self._batch.correspondence.thread(channel, item, item.sender)
        message_id = self._batch.index.id_of(channel.name, item.message_id)
        data = ReactionChanged(message=message_id, external_id=item.message_id, emoji=item.emoji)
        return meaning_of(
            self._batch.correspondence.record(
                EventType.REACTION_CHANGED, thread, channel, item, data
            )
        )

    def button(self, channel: ChannelKey, item: ButtonPressed) -> Meaning:
        """Record that a button was pressed."""
        thread = self._batch.correspondence.thread(channel, item, item.sender)
        data = ButtonData(
            payload=item.payload,
            label=item.label,
            message=self._batch.index.id_of(channel.name, item.message_id),
            external_id=item.message_id,
        )
        return meaning_of(
            self._batch.correspondence.record(
                EventType.BUTTON_PRESSED, thread, channel, item, data, "asked"
            )
        )

    def blocked(self, channel: ChannelKey, item: ContactBlocked) -> Meaning | None:
        """Record that a customer no longer wants to be written to."""
        return self._block(channel, item, item.sender, item.reason, blocked=True)

    def unblocked(self, channel: ChannelKey, item: ContactUnblocked) -> Meaning | None:
        """Record that a customer may be written to again."""
        return self._block(channel, item, item.sender, None, blocked=False)

    def _block(
        self,
        channel: ChannelKey,
        item: Inbound,
        sender: Profile,
        reason: str | None,
        *,
        blocked: bool,
    ) -> Meaning | None:
        thread = self._batch.correspondence.thread(channel, item, sender)
        person, since = thread.person, self._batch.transaction.now if blocked else None
        if blocked == (thread.blocked_at is not None) == (person.blocked_at is not None):
            return None
        thread.blocked_at = since
        thread.changed = True
        person.blocked_at = since
        person.touch()
        event_type = EventType.CONTACT_BLOCKED if blocked else EventType.CONTACT_UNBLOCKED
        change = ContactChange(id=person.id, changed=["blocked"], reason=reason)
        return meaning_of(
            self._batch.correspondence.record_contact(event_type, person, channel, item, change)
        )

    def updated(self, channel: ChannelKey, item: ContactUpdated) -> Meaning | None:
        """Record what is new about a customer, if anything is."""
        thread = self._batch.ledger.thread(channel, item.conversation)
        if thread is None:
            thread = self._batch.correspondence.thread(channel, item, item.sender)
            changed = ["addresses"]
        else:
            changed = self._batch.correspondence.learn(channel, item, thread, item.sender)
        if item.context is not None and thread.merge_context(item.context):
            changed.append("context")
        if not changed:
            return None
        change = ContactChange(id=thread.person.id, changed=changed)
        return meaning_of(
            self._batch.correspondence.record_contact(
                EventType.CONTACT_UPDATED, thread.person, channel, item, change
            )
        )

    def rating(self, channel: ChannelKey, item: Rating) -> Meaning:
        """Record a judgement."""
        thread = self._batch.correspondence.thread(channel, item, item.sender)
        data = RatingData(score=item.score, comment=item.comment)
        return meaning_of(
            self._batch.correspondence.record(
                EventType.CONVERSATION_RATED, thread, channel, item, data
            )
        )

    def closed(self, channel: ChannelKey, item: ConversationClosed) -> Meaning | None:
        """Record that a customer ended the conversation, unless it has ended."""
        thread = self._batch.ledger.thread(channel, item.conversation)
        if thread is None or thread.status == "closed":
            return None
        thread.status = "closed"
        status = StatusData(status="closed", by="customer")
        return meaning_of(
            self._batch.correspondence.record(
                EventType.CONVERSATION_CLOSED, thread, channel, item, status
            )
        )

    def moved(self, channel: ChannelKey, item: ConversationMoved) -> None:
        """Call a conversation by its new id; one that has begun under that id already stays apart."""
        thread = self._batch.ledger.thread(channel, item.conversation)
        if thread is not None and self._batch.ledger.thread(channel, item.to) is None:
            self._batch.ledger.rename(thread, item.to)
