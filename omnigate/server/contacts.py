"""``/v1/contacts``: one customer over all channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from aiohttp import web
from pydantic import AfterValidator, Field
from sqlalchemy import Connection

from omnigate.model.address import mailto, tel
from omnigate.model.event import EventContact
from omnigate.model.outbound import HttpsUrl
from omnigate.model.text import Model, ShortText
from omnigate.server.auth import Caller
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.shapes import ContactPage
from omnigate.server.unknown import gone, missing
from omnigate.store import contacts

_SEPARATORS: Final = str.maketrans("", "", " \u00a0-.()")
"""What people write between the digits of a number."""


def _number(text: str) -> str:
    """Return a number in E.164 form, its country given; raises ``ValueError``."""
    try:
        return tel(text.translate(_SEPARATORS)).path
    except ValueError:
        raise ValueError(
            "write the number with + and its country's code, for example +79161234567"
        ) from None


def _mailbox(text: str) -> str:
    """Return a mailbox with its domain in lower case; raises ``ValueError``."""
    try:
        if text.count("@") != 1:
            raise ValueError
        return mailto(text).path
    except ValueError:
        raise ValueError("write a mailbox, for example name@example.org") from None


Number = Annotated[ShortText, AfterValidator(_number)]
Mailbox = Annotated[ShortText, AfterValidator(_mailbox)]


class ContactQuery(PageQuery):
    """Which contacts are meant."""

    address: str | None = Field(
        None, max_length=512, description="The one that owns this address: tel:+79161234567."
    )


class ContactEdit(Model):
    """What is to change; fields that are left out stay as they are, null empties one."""

    display_name: ShortText | None = None
    locale: ShortText | None = None
    phone: Number | None = None
    """With its country's code; kept in E.164 form."""
    email: Mailbox | None = None
    avatar_url: HttpsUrl | None = None


async def listing(call: Call) -> web.StreamResponse:
    """Answer with a page of contacts."""
    return call.answer(await call.services.store.read(_list, call.query, call.caller))


async def show(call: Call) -> web.StreamResponse:
    """Answer with one contact; one that was merged answers as the one it became part of."""
    return call.answer(await seen_contact(call, call.id))


async def edit(call: Call) -> web.StreamResponse:
    """Change fields; backends hear of it as ``contact.updated``."""
    asked: ContactEdit = call.body
    contact = await seen_contact(call, call.id)
    fields = asked.model_dump(exclude_unset=True)
    change = contacts.Edit(contact.id, fields)
    return call.answer(await call.services.store.writer.do(contacts.edit, change))


async def seen_contact(call: Call, contact_id: str) -> EventContact:
    """Return a contact that the caller may see; raises 404."""
    found = await call.services.store.read(_read, contact_id, call.caller)
    if found is None:
        raise missing("contact", contact_id)
    return found


def _read(connection: Connection, contact_id: str, caller: Caller) -> EventContact | None:
    found = contacts.read_contact(connection, contact_id)
    if found is not None and contacts.is_erased(connection, found.id):
        raise gone()
    return found if found is not None and seen_among(connection, [found.id], caller) else None


def _list(connection: Connection, query: ContactQuery, caller: Caller) -> ContactPage:
    place = unseal(query.cursor, str)
    found = contacts.find_contacts(
        connection,
        owned_address=query.address,
        before=place[0] if place else None,
        limit=query.limit,
    )
    more = seal(found[-1].id) if len(found) == query.limit else None
    seen = seen_among(connection, [contact.id for contact in found], caller)
    return ContactPage(items=[contact for contact in found if contact.id in seen], next=more)


def seen_among(connection: Connection, contact_ids: Sequence[str], caller: Caller) -> set[str]:
    """Return those contacts that have a conversation on a channel that the caller may see."""
    if caller.channels is None:
        return set(contact_ids)
    return contacts.contacts_on(connection, contact_ids, caller.channels)


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
        method="PATCH",
        path="/v1/contacts/{id}",
        summary="Change a contact",
        run=edit,
        scope="contacts:write",
        body=ContactEdit,
        answers=EventContact,
        errors=(404, 410),
    ),
)
