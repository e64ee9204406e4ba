"""What each kind of inbound item means: rows of messages and attachments, and events.

`Interpreter.prepare` loads all that the items of a batch refer to, `interpret` works in memory, and
`flush` writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from omnigate.model.call import CallUpdate
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
from omnigate.store.batch import Batch, Meaning, meaning_of
from omnigate.store.callsteps import CallSteps
from omnigate.store.happenings import Happenings
from omnigate.store.speech import Speech
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Transaction


class Interpreter:
    """Interprets the items of one batch."""

    def __init__(self, transaction: Transaction) -> None:
        self._batch = batch = Batch(transaction)
        self._speech = speech = Speech(batch)
        happenings = Happenings(batch)
        self._calls = CallSteps(transaction, batch.ledger, batch.recorder, batch.shelf, batch.index)
        self._meanings: Sequence[
            tuple[type[Inbound], Callable[[ChannelKey, Any], Meaning | None]]
        ] = (
            (InboundMessage, speech.message),
            (Receipt, self._receipt),
            (MessageEdited, speech.edited),
            (MessageDeleted, speech.deleted),
            (EchoMessage, speech.echo),
            (Reaction, happenings.reaction),
            (ButtonPressed, happenings.button),
            (ContactBlocked, happenings.blocked),
            (ContactUnblocked, happenings.unblocked),
            (ContactUpdated, happenings.updated),
            (ConversationClosed, happenings.closed),
            (Rating, happenings.rating),
            (ConversationMoved, happenings.moved),
            (CallUpdate, self._call),
        )

    def prepare(self, items: Iterable[tuple[ChannelKey, Inbound]]) -> None:
        """Load the conversations, contacts, messages and files that the items refer to."""
        items, batch = list(items), self._batch
        batch.ledger.load(
            (channel, name) for channel, item in items for name in _conversations(item)
        )
        batch.ledger.know(profile for _, item in items if (profile := _profile(item)) is not None)
        for channel, item in items:
            batch.index.want(channel.name, *_references(item))
            if isinstance(item, (InboundMessage, MessageEdited)):
                batch.arrivals.want(item)
            if isinstance(item, Receipt):
                batch.receipts.want(channel.name, item)
            if isinstance(item, CallUpdate):
                self._calls.want(item)
            for attachment in getattr(item, "attachments", ()):
                if attachment.id is not None:
                    batch.shelf.want(attachment.id)
        self._calls.load()
        batch.load()

    def interpret(self, channel: ChannelKey, item: Inbound) -> Meaning | None:
        """Record what the item says; None when it changes nothing."""
        for kind, meaning in self._meanings:
            if isinstance(item, kind):
                return meaning(channel, item)
        raise TypeError(f"{type(item).__name__} is no kind of inbound item")

    def flush(self) -> None:
        """Write everything down."""
        batch = self._batch
        batch.ledger.flush()
        batch.arrivals.flush()
        self._speech.flush()
        batch.index.flush()
        batch.shelf.flush()
        batch.receipts.flush()
        self._calls.flush()
        batch.recorder.flush()

    def _receipt(self, channel: ChannelKey, item: Receipt) -> Meaning | None:
        recorded = self._batch.receipts.take(channel, item)
        return meaning_of(recorded[0], recorded[1]) if recorded else None

    def _call(self, channel: ChannelKey, item: CallUpdate) -> Meaning | None:
        recorded = self._calls.take(channel, item)
        return meaning_of(recorded) if recorded else None


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
