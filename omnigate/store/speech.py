"""What was said, changed and taken back: messages of customers, and of those who answer elsewhere."""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import to_json

from omnigate import ids
from omnigate.model.event import EventType
from omnigate.model.facts import Message
from omnigate.model.inbound import EchoMessage, InboundMessage, MessageDeleted, MessageEdited
from omnigate.model.outbound import Author
from omnigate.store.batch import Batch, Meaning, meaning_of
from omnigate.store.fade import is_faded
from omnigate.store.messages import INSERT_MESSAGE, KnownMessage, message_row
from omnigate.store.record import milliseconds_of, time_text
from omnigate.store.threads import ChannelKey, Thread

_UNSAID: Final = {
    name: field.get_default(call_default_factory=True)
    for name, field in Message.model_fields.items()
}
"""What stands in a message for all that nothing is said about, in the model's order."""


class Speech:
    """Interprets what was said in one batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._new: list[dict[str, Any]] = []

    def flush(self) -> None:
        """Write new messages down; after the conversations that they are in."""
        INSERT_MESSAGE.run(self._batch.transaction.connection, self._new)
        self._new = []

    def message(self, channel: ChannelKey, item: InboundMessage) -> Meaning:
        """Record a message of a customer."""
        thread = self._batch.correspondence.thread(channel, item, item.sender)
        veil = self._batch.arrivals.veil
        if item.context is not None:
            thread.merge_context(veil.context(item.context))
        if item.subject and thread.subject is None:
            thread.subject = veil.text(item.subject)
        message_id = ids.message_id()
        attachments = self._batch.shelf.take(channel.name, message_id, item.attachments)
        own_id = item.message_id or item.external_id
        said = _as_json(
            id=message_id,
            direction="inbound",
            state="received",
            created_at=time_text(milliseconds_of(item.occurred_at)),
            sender={
                "address": item.sender.address,
                "display_name": item.sender.display_name,
                "username": item.sender.username,
            },
            text=item.text,
            html=item.html,
            full_text=item.full_text,
            subject=item.subject,
            attachments=attachments,
            location=item.location,
            shared_contact=item.shared_contact,
            reply_to=self._batch.index.id_of(channel.name, item.reply_to),
            forwarded_from=item.forwarded_from,
            album=item.album,
            button=item.button,
            handover=veil.named(item.handover),
            automatic=item.automatic,
            external_ids=[own_id],
            extensions=item.extensions,
        )
        said = veil.json(said)
        recorded = self._batch.correspondence.record_message(
            EventType.MESSAGE_RECEIVED,
            thread,
            channel,
            item,
            message_id,
            said,
            attachments,
            None if item.automatic else "asked",
        )
        row = message_row(
            thread,
            message_id,
            direction="inbound",
            state="received",
            external_id=own_id,
            now=self._batch.transaction.now,
            position=recorded.position,
        )
        self._add(row, said)
        return meaning_of(recorded, message_id)

    def edited(self, channel: ChannelKey, item: MessageEdited) -> Meaning | None:
        """Record that a customer changed a message."""
        return self._changed(channel, item, EventType.MESSAGE_EDITED)

    def deleted(self, channel: ChannelKey, item: MessageDeleted) -> Meaning | None:
        """Record that a customer took a message back."""
        return self._changed(channel, item, EventType.MESSAGE_DELETED)

    def _changed(
        self, channel: ChannelKey, item: MessageEdited | MessageDeleted, event_type: EventType
    ) -> Meaning | None:
        """Change a message that is known; one that is not (it is older than we are) is left alone."""
        thread = self._batch.ledger.thread(channel, item.conversation)
        known = self._batch.index.find(channel.name, item.message_id)
        if thread is None or known is None or known.conversation_id != thread.id:
            return None
        if known.position is not None:
            return self._changed_to(channel, item, event_type, thread, known)
        if isinstance(item, MessageEdited) and not self._can_be_edited(known):
            return None
        with self._batch.receipts.set_down(known.id):
            return self._changed_to(channel, item, event_type, thread, known)

    def _can_be_edited(self, known: KnownMessage) -> bool:
        """Tell whether what one of our own messages says now can be what an edit brings.

        Of one that went out in several parts it would be only one, and one that is not kept any more is
        never looked at again: what it says now would stay for ever.
        """
        is_whole = len(self._batch.index.content(known).parts) == 1
        return is_whole and not is_faded(self._batch.transaction.connection, known.id)

    def _changed_to(
        self,
        channel: ChannelKey,
        item: MessageEdited | MessageDeleted,
        event_type: EventType,
        thread: Thread,
        known: KnownMessage,
    ) -> Meaning:
        before = self._batch.index.content(known)
        if isinstance(item, MessageEdited):
            attachments = self._batch.shelf.take(channel.name, known.id, item.attachments)
            veil = self._batch.arrivals.veil
            news: dict[str, Any] = {
                "state": "edited",
                "text": veil.text(item.text),
                "html": veil.text(item.html),
            }
            if attachments:
                news["attachments"] = attachments
            if item.location is not None:
                news["location"] = item.location
        else:
            news = {"state": "deleted", "text": None, "html": None, "attachments": []}
        message = before.model_copy(update=news)
        said = message.model_dump_json()
        recorded = self._batch.correspondence.record_message(
            event_type, thread, channel, item, known.id, said, message.attachments
        )
        self._batch.index.change(known, message, recorded.position)
        return meaning_of(recorded, known.id)

    def echo(self, channel: ChannelKey, item: EchoMessage) -> Meaning:
        """Record an answer that did not go through here."""
        thread = self._batch.correspondence.thread(channel, item, item.recipient)
        if item.subject and thread.subject is None:
            thread.subject = item.subject
        message_id = ids.message_id()
        own_id = item.message_id or item.external_id
        attachments = self._batch.shelf.take(channel.name, message_id, item.attachments)
        said = _as_json(
            id=message_id,
            direction="outbound",
            state="sent",
            created_at=time_text(milliseconds_of(item.occurred_at)),
            text=item.text,
            subject=item.subject,
            attachments=attachments,
            author=Author(name=item.author) if item.author else None,
            external_ids=[own_id],
        )
        recorded = self._batch.correspondence.record_message(
            EventType.MESSAGE_SENT, thread, channel, item, message_id, said, attachments, "answered"
        )
        row = message_row(
            thread,
            message_id,
            direction="outbound",
            state="sent",
            external_id=own_id,
            now=self._batch.transaction.now,
            position=recorded.position,
        )
        self._add(row, said)
        return meaning_of(recorded, message_id)

    def _add(self, row: dict[str, Any], said: str) -> None:
        self._new.append(row)
        self._batch.index.learn(row, said)


def _as_json(**said: Any) -> str:
    """Return a message as the model writes it, without the work of making one."""
    return to_json({**_UNSAID, **said}).decode()
