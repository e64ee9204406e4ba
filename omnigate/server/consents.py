"""``/v1/contacts/{id}/consents``: whether a customer has agreed to be written to first."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web

from omnigate.model.address import Address
from omnigate.model.event import EventContact
from omnigate.model.text import Model, ShortText
from omnigate.server.contacts import seen_contact
from omnigate.server.operations import Call, Operation
from omnigate.store.consents import ConsentSaid, set_consents


class ConsentSet(Model):
    """What somebody knows about one address."""

    address: Address
    """One of the contact's."""
    state: Literal["granted", "refused", "unknown"]
    """``unknown`` takes back what was said before."""
    source: ShortText | None = None
    """Where that is from, for whoever asks one day: a form, a call, a paper."""


async def put(call: Call) -> web.StreamResponse:
    """Write a consent down; backends hear of a change as ``contact.updated`` with ``consents``."""
    asked: ConsentSet = call.body
    contact = await seen_contact(call, call.id)
    state = None if asked.state == "unknown" else asked.state
    said = ConsentSaid(contact.id, asked.address, state, asked.source or call.caller.id)
    return call.answer(await call.services.store.writer.do(set_consents, said))


OPERATIONS: Final = (
    Operation(
        method="PUT",
        path="/v1/contacts/{id}/consents",
        summary="Say whether a customer agrees to be written to first at an address",
        run=put,
        scope="contacts:write",
        body=ConsentSet,
        answers=EventContact,
        errors=(404, 410),
    ),
)
