"""``/v1/messages/{id}``: editing, deleting and reacting to what was said."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from pydantic import BaseModel

from omnigate.model.outbound import Edit, Reacting
from omnigate.server.idempotency import IDEMPOTENCY_HEADER, idempotency_key
from omnigate.server.operations import Call, Operation


class ChangeQueued(BaseModel):
    """A change that will be made; an event tells when it is, or that it could not be."""

    id: str
    conversation: str
    action: str


async def edit(call: Call) -> web.StreamResponse:
    """Queue another text for a message; the answer comes once that is on disk."""
    wanted: Edit = call.body
    key = idempotency_key(call, f"PATCH /v1/messages/{call.id}", wanted)
    accepted = await call.services.changes.edit(
        call.id, wanted, key=key, channels=call.caller.channels
    )
    return call.answer(ChangeQueued(**accepted._asdict()), 202)


async def delete(call: Call) -> web.StreamResponse:
    """Queue that a message is taken back."""
    key = idempotency_key(call, f"DELETE /v1/messages/{call.id}", None)
    accepted = await call.services.changes.delete(call.id, key=key, channels=call.caller.channels)
    return call.answer(ChangeQueued(**accepted._asdict()), 202)


async def react(call: Call) -> web.StreamResponse:
    """Queue reactions to a message."""
    wanted: Reacting = call.body
    key = idempotency_key(call, f"PUT /v1/messages/{call.id}/reaction", wanted)
    accepted = await call.services.changes.react(
        call.id, wanted.emoji, key=key, channels=call.caller.channels
    )
    return call.answer(ChangeQueued(**accepted._asdict()), 202)


OPERATIONS: Final = (
    Operation(
        method="PATCH",
        path="/v1/messages/{id}",
        summary="Edit a message that was sent: its text and its buttons; its files stay",
        run=edit,
        scope="messages:send",
        body=Edit,
        answers=ChangeQueued,
        status=202,
        errors=(404, 410),
        headers=(IDEMPOTENCY_HEADER,),
    ),
    Operation(
        method="DELETE",
        path="/v1/messages/{id}",
        summary="Delete a message that was sent, where the customer sees it",
        run=delete,
        scope="messages:send",
        answers=ChangeQueued,
        status=202,
        errors=(404, 422),
        headers=(IDEMPOTENCY_HEADER,),
    ),
    Operation(
        method="PUT",
        path="/v1/messages/{id}/reaction",
        summary="React to a message in the company's name; an empty list takes reactions back",
        run=react,
        scope="messages:send",
        body=Reacting,
        answers=ChangeQueued,
        status=202,
        errors=(404,),
        headers=(IDEMPOTENCY_HEADER,),
    ),
)
