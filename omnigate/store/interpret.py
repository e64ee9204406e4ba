"""What each kind of inbound item means: rows of messages and attachments, and events.

`Interpreter.prepare` loads all that the items of a batch refer to, `interpret` works in memory, and
`flush` writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from omnigate import ids
from omnigate.model.event import EventType
from omnigate.model.facts import (
    ButtonData,
    ContactChange,
    Message,
    RatingData,
    ReactionChanged,
    StatusData,
)
from omnigate.model.inbound import (
    ButtonPressed,
    ContactBlocked,
    ContactUnblocked,
    ContactUpdated,
    ConversationClosed,
    ConversationMoved,
    EchoMessage,
    Inbound,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Profile,
    Rating,
    Reaction,
    Receipt,
)
from omnigate.model.outbound import Author
from omnigate.store.attachments import AttachmentShelf
from omnigate.store.correspondence import Correspondence
from omnigate.store.ledger import Ledger
from omnigate.store.messages import INSERT_MESSAGE, MessageIndex, message_row
from omnigate.store.receipts import Receipts
from omnigate.store.record import Recorder, milliseconds_of, time_text
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import RecordedEvent, Transaction

_UNSAID: Final = {
    name: field.get_default(call_default_factory=True)
    for name, field in Message.model_fields.items()
}
"""What stands in a message for all that nothing is said about, in the model's order."""


class Meaning(NamedTuple):
    """The event that an item came down to."""

    position: int
    event_id: str
    sequence: int | None
    message_id: str | None


class Interpreter:
    """Interprets the items of one batch."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._ledger = Ledger(transaction)
        self._recorder = Recorder(transaction)
        self._shelf = AttachmentShelf(transaction)
        self._index = MessageIndex(transaction)
        self._receipts = Receipts(transaction, self._recorder, self._ledger)
        self._correspondence = Correspondence(transaction, self._ledger, self._recorder)
        self._new_messages: list[dict[str, Any]] = []
        self._meanings: Sequence[
            tuple[type[Inbound], Callable[[ChannelKey, Any], Meaning | None]]
        ] = (
            (InboundMessage, self._message),
            (Receipt, self._receipt),
            (MessageEdited, self._edited),
            (MessageDeleted, self._deleted),
            (EchoMessage, self._echo),
            (Reaction, self._reaction),
            (ButtonPressed, self._button),
            (ContactBlocked, self._blocked),
            (ContactUnblocked, self._unblocked),
            (ContactUpdated, self._updated),
            (ConversationClosed, self._closed),
            (Rating, self._rating),
            (ConversationMoved, self._moved),
        )

    def prepare(self, items: Iterable[tuple[ChannelKey, Inbound]]) -> None:
        """Load the conversations, contacts, messages and files that the items refer to."""
        items = list(items)
        self._ledger.load(
            (channel, name) for channel, item in items for name in _conversations(item)
        )
        self._ledger.know(profile for _, item in items if (profile := _profile(item)) is not None)
        for channel, item in items:
            self._index.want(channel.name, *_references(item))
            if isinstance(item, Receipt):
                self._receipts.want(channel.name, item.message_id)
            for attachment in getattr(item, "attachments", ()):
                if attachment.id is not None:
                    self._shelf.want(attachment.id)
        self._index.load()
        self._shelf.load()
        self._receipts.load()

    def interpret(self, channel: ChannelKey, item: Inbound) -> Meaning | None:
        """Record what the item says; None when it changes nothing."""
        for kind, meaning in self._meanings:
            if isinstance(item, kind):
                return meaning(channel, item)
        raise TypeError(f"{type(item).__name__} is no kind of inbound item")

    def flush(self) -> None:
        """Write everything down."""
        self._ledger.flush()
        INSERT_MESSAGE.run(self._transaction.connection, self._new_messages)
        self._new_messages = []
        self._index.flush()
        self._shelf.flush()
        self._receipts.flush()
        self._recorder.flush()

    def _message(self, channel: ChannelKey, item: InboundMessage) -> Meaning:
        thread = self._correspondence.thread(channel, item, item.sender)
        if item.context is not None:
            thread.merge_context(item.context)
        if item.subject and thread.subject is None:
            thread.subject = item.subject
        message_id = ids.message_id()
        attachments = self._shelf.take(channel.name, message_id, item.attachments)
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
            subject=item.subject,
            attachments=attachments,
            location=item.location,
            shared_contact=item.shared_contact,
            reply_to=self._index.id_of(channel.name, item.reply_to),
            forwarded_from=item.forwarded_from,
            album=item.album,
            button=item.button,
            handover=item.handover,
            automatic=item.automatic,
            external_ids=[own_id],
            extensions=item.extensions,
        )
        recorded = self._correspondence.record_message(
            EventType.MESSAGE_RECEIVED, thread, channel, item, message_id, said, attachments
        )
        row = message_row(
            thread,
            message_id,
            direction="inbound",
            state="received",
            external_id=own_id,
            now=self._transaction.now,
            position=recorded.position,
        )
        self._add_message(row, said)
        return _meaning(recorded, message_id)

    def _edited(self, channel: ChannelKey, item: MessageEdited) -> Meaning | None:
        return self._changed(channel, item, EventType.MESSAGE_EDITED)

    def _deleted(self, channel: ChannelKey, item: MessageDeleted) -> Meaning | None:
        return self._changed(channel, item, EventType.MESSAGE_DELETED)

    def _changed(
        self, channel: ChannelKey, item: MessageEdited | MessageDeleted, event_type: EventType
    ) -> Meaning | None:
        """Change a message that is known; one that is not (it is older than we are) is left alone."""
        thread = self._ledger.thread(channel, item.conversation)
        known = self._index.find(channel.name, item.message_id)
        if thread is None or known is None or known.conversation_id != thread.id:
            return None
        before = self._index.content(known)
        if isinstance(item, MessageEdited):
            attachments = self._shelf.take(channel.name, known.id, item.attachments)
            news: dict[str, Any] = {"state": "edited", "text": item.text, "html": item.html}
            if attachments:
                news["attachments"] = attachments
        else:
            news = {"state": "deleted", "text": None, "html": None, "attachments": []}
        message = before.model_copy(update=news)
        said = message.model_dump_json()
        recorded = self._correspondence.record_message(
            event_type, thread, channel, item, known.id, said, message.attachments
        )
        self._index.change(message, recorded.position)
        return _meaning(recorded, known.id)

    def _echo(self, channel: ChannelKey, item: EchoMessage) -> Meaning:
        thread = self._correspondence.thread(channel, item, item.recipient)
        message_id = ids.message_id()
        own_id = item.message_id or item.external_id
        attachments = self._shelf.take(channel.name, message_id, item.attachments)
        said = _as_json(
            id=message_id,
            direction="outbound",
            state="sent",
            created_at=time_text(milliseconds_of(item.occurred_at)),
            text=item.text,
            attachments=attachments,
            author=Author(name=item.author) if item.author else None,
            external_ids=[own_id],
        )
        recorded = self._correspondence.record_message(
            EventType.MESSAGE_SENT, thread, channel, item, message_id, said, attachments
        )
        row = message_row(
            thread,
            message_id,
            direction="outbound",
            state="sent",
            external_id=own_id,
            now=self._transaction.now,
            position=recorded.position,
        )
        self._add_message(row, said)
        return _meaning(recorded, message_id)

    def _reaction(self, channel: ChannelKey, item: Reaction) -> Meaning:
        thread = self._correspondence.thread(channel, item, item.sender)
        message_id = self._index.id_of(channel.name, item.message_id)
        data = ReactionChanged(message=message_id, external_id=item.message_id, emoji=item.emoji)
        return _meaning(
            self._correspondence.record(EventType.REACTION_CHANGED, thread, channel, item, data)
        )

    def _button(self, channel: ChannelKey, item: ButtonPressed) -> Meaning:
        thread = self._correspondence.thread(channel, item, item.sender)
        data = ButtonData(
            payload=item.payload,
            label=item.label,
            message=self._index.id_of(channel.name, item.message_id),
            external_id=item.message_id,
        )
        return _meaning(
            self._correspondence.record(EventType.BUTTON_PRESSED, thread, channel, item, data)
        )

    def _blocked(self, channel: ChannelKey, item: ContactBlocked) -> Meaning | None:
        return self._block(channel, item, item.sender, item.reason, blocked=True)

    def _unblocked(self, channel: ChannelKey, item: ContactUnblocked) -> Meaning | None:
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
        person = self._correspondence.thread(channel, item, sender).person
        if (person.blocked_at is not None) == blocked:
            return None
        person.blocked_at = self._transaction.now if blocked else None
        person.touch()
        event_type = EventType.CONTACT_BLOCKED if blocked else EventType.CONTACT_UNBLOCKED
        change = ContactChange(id=person.id, changed=["blocked"], reason=reason)
        return _meaning(
            self._correspondence.record_contact(event_type, person, channel, item, change)
        )

    def _updated(self, channel: ChannelKey, item: ContactUpdated) -> Meaning | None:
        thread = self._ledger.thread(channel, item.conversation)
        if thread is None:
            thread = self._correspondence.thread(channel, item, item.sender)
            changed = ["addresses"]
        else:
            changed = self._correspondence.learn(channel, item, thread, item.sender)
        if item.context is not None and thread.merge_context(item.context):
            changed.append("context")
        if not changed:
            return None
        change = ContactChange(id=thread.person.id, changed=changed)
        return _meaning(
            self._correspondence.record_contact(
                EventType.CONTACT_UPDATED, thread.person, channel, item, change
            )
        )

    def _rating(self, channel: ChannelKey, item: Rating) -> Meaning:
        thread = self._correspondence.thread(channel, item, item.sender)
        data = RatingData(score=item.score, comment=item.comment)
        return _meaning(
            self._correspondence.record(EventType.CONVERSATION_RATED, thread, channel, item, data)
        )

    def _closed(self, channel: ChannelKey, item: ConversationClosed) -> Meaning | None:
        thread = self._ledger.thread(channel, item.conversation)
        if thread is None or thread.status == "closed":
            return None
        thread.status = "closed"
        status = StatusData(status="closed", by="customer")
        return _meaning(
            self._correspondence.record(
                EventType.CONVERSATION_CLOSED, thread, channel, item, status
            )
        )

    def _moved(self, channel: ChannelKey, item: ConversationMoved) -> None:
        """Call a conversation by its new id; one that has begun under that id already stays apart."""
        thread = self._ledger.thread(channel, item.conversation)
        if thread is not None and self._ledger.thread(channel, item.to) is None:
            self._ledger.rename(thread, item.to)

    def _receipt(self, channel: ChannelKey, item: Receipt) -> Meaning | None:
        recorded = self._receipts.take(channel, item)
        return _meaning(recorded[0], recorded[1]) if recorded else None

    def _add_message(self, row: dict[str, Any], said: str) -> None:
        self._new_messages.append(row)
        self._index.learn(row, said)


def _as_json(**said: Any) -> str:
    """Return a message as the model writes it, without the work of making one."""
    return to_json({**_UNSAID, **said}).decode()


def _profile(item: Inbound) -> Profile | None:
    profile = getattr(item, "sender", None) or getattr(item, "recipient", None)
    return profile if isinstance(profile, Profile) else None


def _conversations(item: Inbound) -> Iterable[str]:
    """Return the platform's ids of conversations that an item speaks of."""
    yield item.conversation
    if isinstance(item, ConversationMoved):
        yield item.to


def _references(item: Inbound) -> Iterable[str]:
    """Return the platform's ids of messages that an item speaks of."""
    if isinstance(item, InboundMessage):
        return (item.reply_to,) if item.reply_to else ()
    if isinstance(item, (MessageEdited, MessageDeleted, Reaction)):
        return (item.message_id,)
    if isinstance(item, ButtonPressed) and item.message_id:
        return (item.message_id,)
    return ()


def _meaning(recorded: RecordedEvent, message_id: str | None = None) -> Meaning:
    return Meaning(recorded.position, recorded.id, recorded.sequence, message_id)
