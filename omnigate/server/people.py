"""What is known of one person: telling all of it, and erasing all of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, Field
from pydantic_core import to_json

from omnigate.errors import OmnigateError
from omnigate.flow import hearsay
from omnigate.flow.erasure import Erased, Erasure, Progress
from omnigate.model.text import Model
from omnigate.server.ndjson import CONTENT_TYPE, Lines
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied
from omnigate.server.unknown import missing
from omnigate.store import callwishes, dossier, export, person
from omnigate.store.discarding import attachments_of
from omnigate.store.messages import read_messages
from omnigate.store.notes import notes_about
from omnigate.store.person import Person
from omnigate.store.record import time_text


class ErasureWanted(Model):
    """Why somebody is erased."""

    reason: str | None = Field(
        None,
        max_length=200,
        description="Is kept and told to backends: write nothing personal into it.",
    )


class ErasedShown(BaseModel):
    """What an erasure came to."""

    contact: str
    events: int
    messages: int
    calls: int
    files: int
    """Recordings among them."""
    cancelled: int
    """Deliveries that were still owed because of the person, and dead letters."""
    quarantined: int
    """Requests that nobody had understood and that named the person."""


async def delete(call: Call) -> web.StreamResponse:
    """Erase a contact, all that became part of it, and all that they said; answers when it is done."""
    query: ErasureWanted = call.query
    known = await _person(call)
    if call.caller.channels is not None:
        hidden = [row for row in known.conversations if not call.caller.sees(row.channel)]
        if len(hidden) == len(known.conversations):
            raise missing("contact", call.id)
        if hidden:
            raise Denied(
                403, "The person was on channels that this token is not for; erase with another."
            )
    done = await _erasure(call).erase(known.contact_id, reason=query.reason)
    return call.answer(_shown(done))


async def erase(call: Call) -> web.StreamResponse:
    """Erase a contact and tell how far it is, a line at a time; the last line is ``erased``.

    Whoever asked may go away: what was begun is finished.
    """
    query: ErasureWanted = call.query
    known = await _person(call)
    if known.is_erased:
        raise Denied(410, "The contact is erased already.", code="gone")
    lines = await Lines.begin(call.request)

    async def tell(progress: Progress) -> None:
        with suppress(ConnectionResetError):
            await lines.write(progress._asdict())

    try:
        done = await _erasure(call).erase(known.contact_id, reason=query.reason, tell=tell)
        await lines.write({"erased": _shown(done).model_dump()})
    except OmnigateError as error:
        await lines.write({"failed": str(error)})
    return lines.response


async def tell_all(call: Call) -> web.StreamResponse:
    """Tell all that is known of a person, a line for each thing; the last line counts them.

    Sections come one after another: contacts, addresses, conversations, events, messages, calls, handovers,
    waits, merges, conflicts, wishes (said when asking for calls that are others'), told (what others'
    conversations tell of these), files, notes.
    """
    known = await _person(call)
    lines = await Lines.begin(call.request)
    counts: Counter[str] = Counter()
    await lines.write({"section": "about", "item": {"exported_at": time_text(_now())}})
    async for section, items in _sections(call, known):
        counts[section] += len(items)
        text = "".join(
            f'{{"section":"{section}","item":{item if isinstance(item, str) else to_json(item).decode()}}}\n'
            for item in items
        )
        await lines.write_text(call.services.media.present(text))
    await lines.write({"section": "end", "item": dict(counts)})
    return lines.response


async def _sections(call: Call, known: Person) -> AsyncIterator[tuple[str, list[Any]]]:
    """Yield pages of what is known; each is a read for itself, so that nobody waits for the reader."""
    store = call.services.store
    rows = await store.read(person.contact_rows, known.contact_ids)
    yield "contacts", [export.plain(row) for row in rows]
    yield "addresses", [export.plain(row) for row in known.addresses]
    yield "conversations", [export.conversation_record(row) for row in known.conversations]
    for row in known.conversations:
        sequence = 0
        while events := await store.read(person.events_of, row.id, sequence):
            yield "events", [event.body for event in events]
            sequence = events[-1].sequence
    position: int | None = 0
    while position is not None:
        events, position = await store.read(person.events_apart, known, position)
        yield "events", [event.body for event in events]
    for row in known.conversations:
        after = ""
        while ids := await store.read(person.message_ids_of, row.id, after):
            said = await store.read(read_messages, ids)
            yield (
                "messages",
                [
                    {"conversation": row.id, **message.model_dump(mode="json")}
                    for message in said.values()
                ],
            )
            after = ids[-1]
    async for section, items in _beside(call, known):
        yield section, items
    for row in known.conversations:
        after = ""
        while ids := await store.read(person.message_ids_of, row.id, after):
            said = await store.read(read_messages, ids)
            files = await store.read(person.files_of, said.values())
            yield "files", [export.file_record(file) for file in files]
            after = ids[-1]
    for row in known.conversations:
        after = ""
        while calls := await store.read(dossier.calls_of, row.id, after):
            files = await store.read(attachments_of, [one.id for one in calls])
            yield "files", [export.file_record(file) for file in files]
            after = calls[-1].id
    noted = await store.read(notes_about, known.all_addresses)
    yield "notes", [export.plain(row) for row in noted]


async def _beside(call: Call, known: Person) -> AsyncIterator[tuple[str, list[Any]]]:
    """Yield pages of what is known beside what was said."""
    store = call.services.store
    for row in known.conversations:
        after = ""
        while calls := await store.read(dossier.calls_of, row.id, after):
            yield "calls", [export.call_record(one) for one in calls]
            after = calls[-1].id
    owned = [row.id for row in known.conversations]
    tokens = await store.read(dossier.handovers_of, owned)
    yield "handovers", [export.listing_record(row) for row in tokens]
    for row in known.conversations:
        number = 0
        while waits := await store.read(dossier.waits_of, row.id, number):
            yield "waits", [export.plain(one) for one in waits]
            number = waits[-1].id
    merges = await store.read(dossier.merges_of, known.contact_ids)
    yield "merges", [export.listing_record(row) for row in merges]
    conflicts = await store.read(dossier.conflicts_of, known.contact_ids)
    yield "conflicts", [export.plain(row) for row in conflicts]
    wished = await store.read(callwishes.calls_wished, known)
    yield "wishes", [export.wish_record(row) for row in wished]
    async for tellings in hearsay.told_elsewhere(store, known):
        yield "told", tellings


async def _person(call: Call) -> Person:
    known = await call.services.store.read(person.read_person, call.id)
    if known is None:
        raise missing("contact", call.id)
    return known


def _erasure(call: Call) -> Erasure:
    return Erasure(call.services.store, call.services.media.discard)


def _shown(done: Erased) -> ErasedShown:
    return ErasedShown(
        contact=done.contact_id,
        events=done.events,
        messages=done.messages,
        calls=done.calls,
        files=done.files,
        cancelled=done.cancelled,
        quarantined=done.quarantined,
    )


def _now() -> int:
    return int(time.time() * 1000)


OPERATIONS: Final = (
    Operation(
        method="DELETE",
        path="/v1/contacts/{id}",
        summary="Erase a person: all that was said, by whom and from where",
        run=delete,
        scope="contacts:write",
        query=ErasureWanted,
        answers=ErasedShown,
        errors=(404, 410),
    ),
)

ADMIN: Final = (
    Operation(
        method="POST",
        path="/admin/contacts/{id}/erase",
        summary="Erase a person, telling how far it is",
        run=erase,
        scope="admin",
        query=ErasureWanted,
        answer_type=CONTENT_TYPE,
        errors=(404, 410),
    ),
    Operation(
        method="GET",
        path="/admin/contacts/{id}/export",
        summary="Tell all that is known of a person",
        run=tell_all,
        scope="admin",
        answer_type=CONTENT_TYPE,
        errors=(404,),
    ),
)
