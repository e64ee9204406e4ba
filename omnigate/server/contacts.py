"""``/v1/contacts``: one customer over all channels."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from pydantic import Field
from sqlalchemy import Connection

from omnigate.model.event import EventContact
from omnigate.model.outbound import HttpsUrl
from omnigate.model.text import Model, ShortText
from omnigate.server.auth import Caller
from omnigate.server.envelopes import page_of
from omnigate.server.operations import Call, Operation, json_answer
from omnigate.server.pages import MAX_PAGE_BYTES, PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.shapes import ContactPage, EventPage
from omnigate.server.unknown import missing
from omnigate.store import contacts
from omnigate.store.history import list_conversations, read_timeline


class ContactQuery(PageQuery):
    """Which contacts are meant."""

    address: str | None = Field(
        None, max_length=512, description="The one that owns this address: tel:+79161234567."
    )


class ContactEdit(Model):
    """What is to change; fields that are left out stay as they are, null empties one."""

    display_name: ShortText | None = None
    locale: ShortText | None = None
    phone: ShortText | None = None
    email: ShortText | None = None
    avatar_url: HttpsUrl | None = None


class ContactMerge(Model):
    """Who is the same person."""

    contact: str = Field(max_length=100)
    """The contact that is taken up into the one of the path, with all it owns."""


async def listing(call: Call) -> web.StreamResponse:
    """Answer with a page of contacts."""
    return call.answer(await call.services.store.read(_list, call.query, call.caller))


async def show(call: Call) -> web.StreamResponse:
    """Answer with one contact; one that was merged answers as the one it became part of."""
    return call.answer(await _found(call, call.id))


async def timeline(call: Call) -> web.StreamResponse:
    """Answer with the events of all its conversations, newest first."""
    query: PageQuery = call.query
    contact = await _found(call, call.id)
    place = unseal(query.cursor, int)
    before = place[0] if place else None
    found, goes_on = await call.services.store.read(
        read_timeline,
        contact.id,
        before=before,
        limit=query.limit,
        max_bytes=MAX_PAGE_BYTES,
    )
    more = seal(found[-1].position) if goes_on else None
    shown = [event for event in found if call.caller.sees(event.channel)]
    return json_answer(page_of(call.services.media, shown, more))


async def edit(call: Call) -> web.StreamResponse:
    """Change fields; backends hear of it as ``contact.updated``."""
    asked: ContactEdit = call.body
    contact = await _found(call, call.id)
    fields = asked.model_dump(exclude_unset=True)
    change = contacts.Edit(contact.id, fields)
    return call.answer(await call.services.store.writer.do(contacts.edit, change))


async def merge(call: Call) -> web.StreamResponse:
    """Take another contact up into this one; backends hear of it as ``contact.merged``."""
    asked: ContactMerge = call.body
    winner = await _found(call, call.id)
    loser = await _found(call, asked.contact)
    if winner.id == loser.id:
        raise Denied(422, "Both are one contact already.", code="same_contact")
    change = contacts.Merge(winner.id, loser.id)
    return call.answer(await call.services.store.writer.do(contacts.merge, change))


async def _found(call: Call, contact_id: str) -> EventContact:
    """Return a contact that the caller may see; raises 404."""
    found = await call.services.store.read(_read, contact_id, call.caller)
    if found is None:
        raise missing("contact", contact_id)
    return found


def _read(connection: Connection, contact_id: str, caller: Caller) -> EventContact | None:
    found = contacts.read_contact(connection, contact_id)
    if found is not None and contacts.is_erased(connection, found.id):
        raise Denied(410, "The contact was erased.", code="gone")
    return found if found is not None and _is_seen(connection, found.id, caller) else None


def _list(connection: Connection, query: ContactQuery, caller: Caller) -> ContactPage:
    place = unseal(query.cursor, str)
    found = contacts.find_contacts(
        connection,
        owned_address=query.address,
        before=place[0] if place else None,
        limit=query.limit,
    )
    more = seal(found[-1].id) if len(found) == query.limit else None
    shown = [contact for contact in found if _is_seen(connection, contact.id, caller)]
    return ContactPage(items=shown, next=more)


def _is_seen(connection: Connection, contact_id: str, caller: Caller) -> bool:
    """Tell whether the contact has a conversation on a channel that the caller may see."""
    if caller.channels is None:
        return True
    return bool(
        list_conversations(connection, channels=caller.channels, contact_id=contact_id, limit=1)
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/contacts",
        summary="List contacts, or find the one that owns an address",
        run=listing,
        scope="messages:read",
        query=ContactQuery,
        answers=ContactPage,
    ),
    Operation(
        method="GET",
        path="/v1/contacts/{id}",
        summary="Show a contact",
        run=show,
        scope="messages:read",
        answers=EventContact,
        errors=(404, 410),
    ),
    Operation(
        method="GET",
        path="/v1/contacts/{id}/timeline",
        summary="List the events of all conversations of a contact, the newest first",
        run=timeline,
        scope="messages:read",
        query=PageQuery,
        answers=EventPage,
        errors=(404, 410),
    ),
    Operation(
        method="PATCH",
        path="/v1/contacts/{id}",
        summary="Change a contact",
        run=edit,
        scope="contacts:write",
        body=ContactEdit,
        answers=EventContact,
        errors=(404, 410),
    ),
    Operation(
        method="POST",
        path="/v1/contacts/{id}/merge",
        summary="Take another contact up into this one",
        run=merge,
        scope="contacts:write",
        body=ContactMerge,
        answers=EventContact,
        errors=(404, 410),
    ),
)
