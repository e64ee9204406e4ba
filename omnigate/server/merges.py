"""Who is the same customer: merging by request, undoing it, and proofs that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from omnigate.model.event import EventContact
from omnigate.model.text import Model
from omnigate.server.auth import Caller
from omnigate.server.contacts import seen_among, seen_contact
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.unknown import missing
from omnigate.store import contacts, merges, merging
from omnigate.store.parting import Unmerge, unmerge
from omnigate.store.record import time_text

LONGEST_NOTE: Final = 200
_LARGEST: Final = 2**63 - 1


class ContactMerge(Model):
    """Who is the same person."""

    contact: str = Field(max_length=100)
    """The contact that is taken up into the one of the path, with all it owns."""
    note: str | None = Field(None, max_length=LONGEST_NOTE)
    """Why; backends are told."""
    force: bool = False
    """Also when each has a proven address of a kind of which a person has one."""


class ContactUnmerge(Model):
    """Which merge is undone."""

    merge: int = Field(ge=1, le=_LARGEST)
    """Its number, from the event ``contact.merged`` or the list of merges."""
    note: str | None = Field(None, max_length=LONGEST_NOTE)
    """Why; backends are told."""


class ConflictQuery(PageQuery):
    """Which conflicts are meant."""

    resolved: bool = Field(False, description="Those too that were resolved.")


class MergeShown(BaseModel):
    """Two contacts that became one."""

    merge: int
    """Its number, as the event ``contact.merged`` tells it and unmerge takes it."""
    contact: str
    """The contact that is left."""
    merged: str
    """The contact that became part of it."""
    addresses: list[str]
    """What it brought."""
    reason: str
    channel: str | None
    """Where it was proven."""
    merged_at: str
    merged_by: str | None
    """Who asked for it; null: it was proven."""
    undone_at: str | None
    undone_by: str | None


class MergePage(BaseModel):
    """Merges, the newest first."""

    items: list[MergeShown]
    next: str | None


class ConflictShown(BaseModel):
    """A proof that two contacts are one, which was not followed because others say they are not."""

    conflict: int
    """Its number, as the event ``contact.conflict`` tells it and resolve takes it."""
    contacts: list[EventContact]
    """The two, as they are now; one if they are one by now."""
    address: str
    """What it was about."""
    reason: str
    channel: str | None
    count: int
    """How often it was seen."""
    first_at: str
    last_at: str
    resolved_at: str | None


class ConflictPage(BaseModel):
    """Conflicts, the newest first."""

    items: list[ConflictShown]
    next: str | None


async def merge(call: Call) -> web.StreamResponse:
    """Take another contact up into this one; backends hear of it as ``contact.merged``."""
    asked: ContactMerge = call.body
    winner = await seen_contact(call, call.id)
    loser = await seen_contact(call, asked.contact)
    if winner.id == loser.id:
        raise Denied(422, "Both are one contact already.", code="same_contact")
    change = contacts.Merge(winner.id, loser.id, call.caller.id, asked.note, asked.force)
    return call.answer(await call.services.store.writer.do(contacts.merge, change))


async def undo(call: Call) -> web.StreamResponse:
    """Undo a merge; answers with the contact that is by itself again."""
    asked: ContactUnmerge = call.body
    contact = await seen_contact(call, call.id)
    change = Unmerge(contact.id, asked.merge, call.caller.id, asked.note)
    return call.answer(await call.services.store.writer.do(unmerge, change))


async def list_merges(call: Call) -> web.StreamResponse:
    """Answer with the merges that a contact has part in, undone ones too."""
    query: PageQuery = call.query
    contact = await seen_contact(call, call.id)
    place = unseal(query.cursor, int)
    found = await call.services.store.read(
        merges.read_merges, contact.id, before=place[0] if place else None, limit=query.limit
    )
    more = seal(found[-1].id) if len(found) == query.limit else None
    return call.answer(MergePage(items=[_merge_shown(row) for row in found], next=more))


async def list_conflicts(call: Call) -> web.StreamResponse:
    """Answer with proofs that were not followed."""
    return call.answer(await call.services.store.read(_conflicts, call.query, call.caller))


async def resolve(call: Call) -> web.StreamResponse:
    """Mark a conflict as seen to; nothing else changes."""
    number = (await _seen_conflict(call)).conflict
    await call.services.store.writer.do(merges.resolve_conflicts, number)
    return call.answer(await _seen_conflict(call))


async def _seen_conflict(call: Call) -> ConflictShown:
    """Return a conflict that the caller may see; raises 404."""
    number = int(call.id) if call.id.isascii() and call.id.isdigit() else 0
    known = None
    if number <= _LARGEST:
        known = await call.services.store.read(_conflict, number, call.caller)
    if known is None:
        raise missing("conflict", call.id)
    return known


def _conflicts(connection: Connection, query: ConflictQuery, caller: Caller) -> ConflictPage:
    place = unseal(query.cursor, int)
    found = merges.read_conflicts(
        connection,
        resolved=query.resolved,
        before=place[0] if place else None,
        limit=query.limit,
    )
    more = seal(found[-1].id) if len(found) == query.limit else None
    return ConflictPage(items=_conflicts_shown(connection, found, caller), next=more)


def _conflict(connection: Connection, number: int, caller: Caller) -> ConflictShown | None:
    found = merges.read_conflict(connection, number)
    shown = _conflicts_shown(connection, [found] if found is not None else [], caller)
    return shown[0] if shown else None


def _conflicts_shown(
    connection: Connection, rows: Sequence[Any], caller: Caller
) -> list[ConflictShown]:
    """Return conflicts as they are shown; without those of which the caller may not see both contacts."""
    named = [contact_id for row in rows for contact_id in (row.contact_id, row.other_id)]
    people = contacts.read_contacts(connection, named)
    seen = seen_among(connection, [person.id for person in people.values()], caller)
    shown = []
    for row in rows:
        both = [people.get(row.contact_id), people.get(row.other_id)]
        two = {person.id: person for person in both if person is not None}
        if None not in both and two.keys() <= seen:
            shown.append(_conflict_shown(row, list(two.values())))
    return shown


def _conflict_shown(row: Any, people: list[EventContact]) -> ConflictShown:
    return ConflictShown(
        conflict=row.id,
        contacts=people,
        address=row.address,
        reason=row.reason,
        channel=row.channel,
        count=row.seen,
        first_at=time_text(row.first_at),
        last_at=time_text(row.last_at),
        resolved_at=_moment(row.resolved_at),
    )


def _merge_shown(row: Any) -> MergeShown:
    return MergeShown(
        merge=row.id,
        contact=row.winner,
        merged=row.loser,
        addresses=merging.texts_of(row.addresses),
        reason=row.reason,
        channel=row.channel,
        merged_at=time_text(row.merged_at),
        merged_by=row.merged_by,
        undone_at=_moment(row.undone_at),
        undone_by=row.undone_by,
    )


def _moment(milliseconds: int | None) -> str | None:
    return time_text(milliseconds) if milliseconds is not None else None


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/contacts/{id}/merge",
        summary="Take another contact up into this one",
        run=merge,
        scope="contacts:write",
        body=ContactMerge,
        answers=EventContact,
        errors=(404, 409, 410),
    ),
    Operation(
        method="POST",
        path="/v1/contacts/{id}/unmerge",
        summary="Undo a merge",
        run=undo,
        scope="contacts:write",
        body=ContactUnmerge,
        answers=EventContact,
        errors=(404, 409, 410),
    ),
    Operation(
        method="GET",
        path="/v1/contacts/{id}/merges",
        summary="List what a contact was merged from, undone merges too",
        run=list_merges,
        scope="messages:read",
        query=PageQuery,
        answers=MergePage,
        errors=(404, 410),
    ),
    Operation(
        method="GET",
        path="/v1/contacts/conflicts",
        summary="List proofs that contradict each other",
        run=list_conflicts,
        scope="messages:read",
        query=ConflictQuery,
        answers=ConflictPage,
    ),
    Operation(
        method="POST",
        path="/v1/contacts/conflicts/{id}/resolve",
        summary="Mark a conflict as seen to",
        run=resolve,
        scope="contacts:write",
        answers=ConflictShown,
        errors=(404,),
    ),
)
