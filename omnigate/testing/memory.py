"""A store in memory that keeps the promises the real one makes to a channel.

Items are stored all or none, each external id once; conversations count their events from 1 without
gaps; the cursor moves with the items. It outlives the hosts made over it, so a test can restart.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import omnigate
from omnigate import ids
from omnigate.model.event import DATA, EventChannel, EventContact, EventConversation
from omnigate.store.callfacts import Given
from omnigate.store.callstates import advance, concerns

_TYPES: Final[dict[type[omnigate.Inbound], omnigate.EventType]] = {
    omnigate.InboundMessage: omnigate.EventType.MESSAGE_RECEIVED,
    omnigate.EchoMessage: omnigate.EventType.MESSAGE_SENT,
    omnigate.MessageEdited: omnigate.EventType.MESSAGE_EDITED,
    omnigate.MessageDeleted: omnigate.EventType.MESSAGE_DELETED,
    omnigate.Reaction: omnigate.EventType.REACTION_CHANGED,
    omnigate.ButtonPressed: omnigate.EventType.BUTTON_PRESSED,
    omnigate.Rating: omnigate.EventType.CONVERSATION_RATED,
    omnigate.ConversationClosed: omnigate.EventType.CONVERSATION_CLOSED,
    omnigate.ContactUpdated: omnigate.EventType.CONTACT_UPDATED,
    omnigate.ContactBlocked: omnigate.EventType.CONTACT_BLOCKED,
    omnigate.ContactUnblocked: omnigate.EventType.CONTACT_UNBLOCKED,
}
"""A receipt makes an event only where the answer is known, which here nothing is."""


class MemoryStore:
    """What was put, by all channels of a test."""

    def __init__(self) -> None:
        self.items: list[omnigate.Inbound] = []
        """Everything stored, in order, without duplicates."""
        self.quarantine: list[tuple[bytes, str]] = []
        """Updates that were not understood, each with the reason."""
        self.cursors: dict[str, str] = {}
        self.notes: dict[str, dict[str, str]] = {}
        """What channels keep for themselves, by channel and key."""
        self.files: dict[str, bytes] = {}
        self.calls: dict[str, omnigate.Call] = {}
        """Calls by id, as they are by what was put of them."""
        self.failure: omnigate.OmnigateError | None = None
        """Set it, and nothing can be stored until it is None again."""
        self.secret = secrets.token_bytes(32)
        self._given: dict[str, Given] = {}
        self._about: dict[tuple[str, str], omnigate.Address] = {}
        self._seen: dict[tuple[str, str], omnigate.Recorded] = {}
        self._conversations: dict[tuple[str, str], omnigate.ConversationInfo] = {}
        self._events: dict[str, list[omnigate.Event]] = {}
        self._messages: dict[tuple[str, str], omnigate.Message] = {}
        self._places: dict[tuple[str, str], str] = {}
        self._blocked: set[tuple[str, str]] = set()

    def put(
        self,
        channel: str,
        kind: str,
        items: Sequence[omnigate.Inbound],
        cursor: str | None = None,
        notes: omnigate.Notes | None = None,
    ) -> list[tuple[omnigate.Recorded, omnigate.Event | None]]:
        """Store the items, the cursor and the notes; return what became of each and the event it made."""
        if self.failure is not None:
            raise self.failure
        outcome = [self._store(channel, kind, item) for item in items]
        if cursor is not None:
            self.cursors[channel] = cursor
        kept = self.notes.setdefault(channel, {})
        for key, value in (notes or {}).items():
            kept.pop(key, None)
            self._about.pop((channel, key), None)
            if isinstance(value, omnigate.Note):
                self._about[channel, key] = value.about
                kept[key] = value.value
            elif value is not None:
                kept[key] = value
        return outcome

    def erase(self, address: omnigate.Address) -> None:
        """Take away the notes about somebody, as the erasure of that contact does."""
        for channel, key in [place for place, whose in self._about.items() if whose == address]:
            del self.notes[channel][key], self._about[channel, key]

    def sent(self, channel: str, external_id: str, conversation: str) -> None:
        """Have a message that was sent be known by the platform's id."""
        self._places[channel, external_id] = conversation

    def conversation_of(self, channel: str, external_id: str) -> omnigate.ConversationInfo | None:
        """Return the conversation that a message is in, by the platform's id of the message."""
        place = self._places.get((channel, external_id))
        return self.conversation(channel, place) if place is not None else None

    def conversation(self, channel: str, external_id: str) -> omnigate.ConversationInfo | None:
        """Return a conversation by the platform's id."""
        return self._conversations.get((channel, external_id))

    def is_blocked(self, channel: str, external_id: str) -> bool:
        """Tell whether whom a conversation is with wants to get nothing more."""
        return (channel, external_id) in self._blocked

    def events(self, channel: str, external_id: str) -> Sequence[omnigate.Event]:
        """Return the events of a conversation in order."""
        conversation = self.conversation(channel, external_id)
        return tuple(self._events[conversation.id]) if conversation else ()

    def message(self, channel: str, message_id: str) -> omnigate.Message | None:
        """Return a message of a channel by Omnigate's id."""
        return self._messages.get((channel, message_id))

    def _store(
        self, channel: str, kind: str, item: omnigate.Inbound
    ) -> tuple[omnigate.Recorded, omnigate.Event | None]:
        known = self._seen.get((channel, item.external_id))
        if known is not None:
            again = omnigate.Recorded(
                known.event_id, known.sequence, known.message_id, duplicate=True
            )
            return again, None
        self.items.append(item)
        if isinstance(item, omnigate.CallUpdate):
            self._follow(item)
        event_type = next((made for base, made in _TYPES.items() if isinstance(item, base)), None)
        if event_type is None or not self._changes_wish(channel, item):
            recorded, event = omnigate.Recorded(None, None, None), None
        else:
            recorded, event = self._record(channel, kind, item, event_type)
        self._seen[channel, item.external_id] = recorded
        return recorded, event

    def _follow(self, item: omnigate.CallUpdate) -> None:
        """Bring a call in line with a step, by the daemon's own rules."""
        call = self.calls.get(item.call)
        if call is not None and concerns(call, item):
            change = advance(call, self._given.get(call.id, Given()), item)
            self.calls[call.id], self._given[call.id] = change.call, change.given

    def _changes_wish(self, channel: str, item: omnigate.Inbound) -> bool:
        """Take note of who wants to get nothing more; false for what is so already."""
        place, before = (channel, item.conversation), len(self._blocked)
        if isinstance(item, omnigate.ContactBlocked):
            self._blocked.add(place)
        elif isinstance(item, omnigate.ContactUnblocked):
            self._blocked.discard(place)
        else:
            return True
        return len(self._blocked) != before

    def _record(
        self, channel: str, kind: str, item: omnigate.Inbound, event_type: omnigate.EventType
    ) -> tuple[omnigate.Recorded, omnigate.Event]:
        before = self.conversation(channel, item.conversation)
        conversation = omnigate.ConversationInfo(
            id=before.id if before else ids.conversation_id(),
            external_id=item.conversation,
            status="open",
            last_sequence=before.last_sequence + 1 if before else 1,
            contact_id=before.contact_id if before else ids.contact_id(),
            address=before.address if before else _address(item),
        )
        self._conversations[channel, item.conversation] = conversation
        message = _message(item)
        if message is not None:
            self._messages[channel, message.id] = message
            for external_id in message.external_ids:
                self._places[channel, external_id] = item.conversation
        envelope = omnigate.Envelope(
            id=ids.event_id(),
            type=event_type,
            timestamp=item.occurred_at,
            recorded_at=datetime.now(UTC),
            sequence=conversation.last_sequence,
            channel=EventChannel(name=channel, kind=kind),
            conversation=EventConversation(
                id=conversation.id, external_id=conversation.external_id
            ),
            contact=EventContact(id=conversation.contact_id),
            data={DATA[event_type][0]: _data(item, message)},
        )
        event = omnigate.Event(
            id=envelope.id,
            type=event_type,
            body=envelope.model_dump_json().encode(),
            sequence=envelope.sequence,
        )
        self._events.setdefault(conversation.id, []).append(event)
        message_id = message.id if message else None
        return omnigate.Recorded(event.id, event.sequence, message_id), event


def _message(item: omnigate.Inbound) -> omnigate.Message | None:
    if not isinstance(item, omnigate.InboundMessage | omnigate.EchoMessage):
        return None
    inbound = isinstance(item, omnigate.InboundMessage)
    return omnigate.Message(
        id=ids.message_id(),
        direction="inbound" if inbound else "outbound",
        state="received" if inbound else "sent",
        created_at=item.occurred_at,
        text=item.text,
        subject=item.subject,
        external_ids=[item.message_id or item.external_id],
        extensions=item.extensions if isinstance(item, omnigate.InboundMessage) else {},
    )


def _address(item: omnigate.Inbound) -> omnigate.Address:
    """Return whom a conversation that begins so is with."""
    profile = getattr(item, "sender", None) or getattr(item, "recipient", None)
    return profile.address if profile is not None else omnigate.Address("unknown:unknown")


def _data(item: omnigate.Inbound, message: omnigate.Message | None) -> dict[str, Any]:
    if message is not None:
        return message.model_dump(mode="json")
    return item.model_dump(
        mode="json", exclude={"external_id", "conversation", "occurred_at", "sender"}
    )
