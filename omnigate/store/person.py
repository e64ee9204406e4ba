"""All that is known of one person, in pages: what an export shows and what an erasure goes through.

Pages are short reads, each for itself: somebody with very much history holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, and_, or_, select

from omnigate.model.event import EventType
from omnigate.model.facts import Message
from omnigate.store.blank import blank_envelope
from omnigate.store.erase import Blanked
from omnigate.store.schema import (
    address,
    attachment,
    contact,
    conversation,
    event,
    event_body,
    message,
    quarantine,
)

PAGE: Final = 200

_LOOKED_AT: Final = 2000
_SHORTEST_NEEDLE: Final = 5
"""What is shorter stands in too many requests to name anybody."""


class Person(NamedTuple):
    """Who is meant: a contact, all that became part of it, and their conversations."""

    contact_id: str
    contact_ids: Sequence[str]
    is_erased: bool
    conversations: Sequence[Any]
    """Rows, by id."""
    addresses: Sequence[Any]

    @property
    def subjects(self) -> list[str]:
        """What lanes may be about."""
        return [*self.contact_ids, *(row.id for row in self.conversations)]

    @property
    def all_addresses(self) -> list[str]:
        """Where they write from, and where they are answered."""
        return [row.address for row in (*self.addresses, *self.conversations)]

    @property
    def total(self) -> int:
        """About how many events there are."""
        return sum(row.next_sequence - 1 for row in self.conversations)


def read_person(connection: Connection, contact_id: str) -> Person | None:
    """Return who is behind a contact, merged ones included; None if there is no such contact."""
    row = connection.execute(select(contact).where(contact.c.id == contact_id)).first()
    while row is not None and row.merged_into is not None:
        row = connection.execute(select(contact).where(contact.c.id == row.merged_into)).first()
    if row is None:
        return None
    known = fresh = [row.id]
    while fresh:
        query = select(contact.c.id).where(contact.c.merged_into.in_(fresh))
        fresh = [one for one in connection.scalars(query) if one not in known]
        known = [*known, *fresh]
    threads = select(conversation).where(conversation.c.contact_id.in_(known))
    owned = select(address).where(address.c.contact_id.in_(known)).order_by(address.c.created_at)
    return Person(
        row.id,
        known,
        row.erased_at is not None,
        connection.execute(threads.order_by(conversation.c.id)).all(),
        connection.execute(owned).all(),
    )


def contact_rows(connection: Connection, contact_ids: Sequence[str]) -> list[Any]:
    """Return contacts with everything that is kept of them, merged ones too."""
    query = select(contact).where(contact.c.id.in_(contact_ids)).order_by(contact.c.id)
    return list(connection.execute(query))


def events_of(connection: Connection, conversation_id: str, after: int) -> list[Any]:
    """Return a page of a conversation's events beyond a sequence number, with their texts."""
    query = _WITH_BODY.where(event.c.conversation_id == conversation_id, event.c.sequence > after)
    return list(connection.execute(query.order_by(event.c.sequence).limit(PAGE)))


def events_apart(
    connection: Connection, person: Person, after: int
) -> tuple[list[Any], int | None]:
    """Return events about a person that belong to no conversation, and where to look on; None: the end.

    Those are changes of the contact, and dead letters of its messages: both are found by going through
    all events without a conversation, a page at a time.
    """
    page = list(
        connection.execute(
            # Those have no sequence either: said, so that the index gives them in order.
            _WITH_BODY.where(
                event.c.conversation_id.is_(None),
                event.c.sequence.is_(None),
                event.c.position > after,
            )
            .where(or_(event.c.contact_id.in_(person.contact_ids), _IS_DEAD_LETTER))
            .order_by(event.c.position)
            .limit(PAGE)
        )
    )
    found = [row for row in page if row.contact_id is not None]
    letters = {
        row.position: from_json(row.body)["data"]["delivery"] for row in page if row not in found
    }
    theirs = _theirs(connection, person, list(letters.values()))
    found += [
        row
        for row in page
        if row.position in letters
        and not theirs.isdisjoint(
            {letters[row.position]["event"], letters[row.position]["message"]}
        )
    ]
    more = page[-1].position if len(page) == PAGE else None
    return sorted(found, key=lambda row: row.position), more


def message_ids_of(connection: Connection, conversation_id: str, after: str) -> list[str]:
    """Return a page of the ids of a conversation's messages, in order."""
    query = select(message.c.id).where(
        message.c.conversation_id == conversation_id, message.c.id > after
    )
    return list(connection.scalars(query.order_by(message.c.id).limit(PAGE)))


def files_of(connection: Connection, messages: Iterable[Message]) -> list[Any]:
    """Return what is known of the files of messages."""
    ids = [file.id for message in messages for file in message.attachments]
    query = select(attachment).where(attachment.c.id.in_(ids))
    return list(connection.execute(query.order_by(attachment.c.id)))


def uploads_of(
    connection: Connection, conversation_id: str, after: str
) -> tuple[set[str], str | None]:
    """Return files that a CRM uploaded and sent into a conversation, and where to look on; None: the end.

    Goes through its messages a page at a time.
    """
    rows = connection.execute(
        select(message.c.id, message.c.content)
        .where(message.c.conversation_id == conversation_id, message.c.id > after)
        .order_by(message.c.id)
        .limit(PAGE)
    ).all()
    contents = [from_json(row.content) for row in rows if row.content is not None]
    sent = [file["id"] for content in contents for file in content["attachments"]]
    query = select(attachment.c.id).where(
        attachment.c.id.in_(sent), attachment.c.message_id.is_(None)
    )
    return set(connection.scalars(query)), rows[-1].id if len(rows) == PAGE else None


def sent_to_others(
    connection: Connection, person: Person, uploads: Collection[str], after: str
) -> tuple[set[str], str | None]:
    """Return those uploads that others got in messages beyond one, and where to look on; None: the end.

    Goes through messages a page at a time: nothing says who got a file but the messages themselves.
    """
    own = {row.id for row in person.conversations}
    rows = connection.execute(
        select(message.c.id, message.c.conversation_id, message.c.content)
        .where(message.c.id > after, message.c.direction == "outbound")
        .order_by(message.c.id)
        .limit(_LOOKED_AT)
    ).all()
    found = {
        upload
        for row in rows
        if row.content is not None and row.conversation_id not in own
        for upload in uploads
        if upload in row.content
    }
    return found, rows[-1].id if len(rows) == _LOOKED_AT else None


def blanked(rows: Sequence[Any]) -> list[Blanked]:
    """Return the texts of events without what they said."""
    return [Blanked(row.position, blank_envelope(row.body)) for row in rows]


def quarantined_about(
    connection: Connection, person: Person, after: int
) -> tuple[list[int], int | None]:
    """Return requests in quarantine that name a person, and where to look on; None: the end.

    One that names it by an address, a number, a mailbox or the platform's id of a conversation is
    found; a name alone proves nobody.
    """
    page = connection.execute(
        select(quarantine.c.id, quarantine.c.request, quarantine.c.body)
        .where(quarantine.c.id > after)
        .order_by(quarantine.c.id)
        .limit(20)
    ).all()
    needles = _needles(connection, person)
    found = [
        row.id
        for row in page
        if any(needle in row.body or needle in row.request.encode() for needle in needles)
    ]
    return found, page[-1].id if len(page) == 20 else None


def _needles(connection: Connection, person: Person) -> list[bytes]:
    rows = contact_rows(connection, person.contact_ids)
    texts = {row.external_id for row in person.conversations}
    texts |= {row.address.partition(":")[2] for row in person.addresses}
    texts |= {text for row in rows for text in (row.phone, row.email) if text}
    # Many platforms write a number without its plus.
    bare = {text.removeprefix("+") for text in texts}
    return [text.encode() for text in bare if len(text) >= _SHORTEST_NEEDLE]


def _theirs(connection: Connection, person: Person, letters: Sequence[Any]) -> set[str | None]:
    """Return those events and messages that dead letters speak of which are the person's."""
    found: set[str | None] = set()
    mine = [row.id for row in person.conversations]
    spoken = [letter["event"] for letter in letters if letter["event"]]
    about = and_(event.c.id.in_(spoken))
    for row in connection.execute(
        select(event.c.id, event.c.conversation_id, event.c.contact_id).where(about)
    ):
        if row.conversation_id in mine or row.contact_id in person.contact_ids:
            found.add(row.id)
    said = [letter["message"] for letter in letters if letter["message"]]
    query = select(message.c.id, message.c.conversation_id).where(message.c.id.in_(said))
    found.update(row.id for row in connection.execute(query) if row.conversation_id in mine)
    return found


_WITH_BODY: Final = select(
    event.c.position,
    event.c.id,
    event.c.type,
    event.c.contact_id,
    event.c.sequence,
    event_body.c.body,
    event_body.c.media,
).join_from(event, event_body, event_body.c.position == event.c.position)
_IS_DEAD_LETTER: Final = event.c.type == EventType.DELIVERY_DEAD.value
