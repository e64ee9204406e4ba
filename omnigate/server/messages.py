"""``/v1/messages``: sending, and what became of it."""

from __future__ import annotations

from typing import Any, Final, Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from omnigate.errors import Refused
from omnigate.flow.preview import Preview
from omnigate.model.outbound import OutboundMessage, ToContact, ToConversation
from omnigate.model.text import Model, ShortText
from omnigate.server.auth import Caller
from omnigate.server.idempotency import IDEMPOTENCY_HEADER, idempotency_key
from omnigate.server.known import require_channels, require_conversation
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.shapes import MessagePage, MessageShown, Queued, message_shown
from omnigate.server.unknown import missing, nobody, not_enabled
from omnigate.store.cancelling import Cancellation, cancel_messages
from omnigate.store.conversationreads import read_conversation, read_conversations
from omnigate.store.history import external_id_of
from omnigate.store.messages import list_messages, read_messages
from omnigate.store.resolving import Resolution, resolve_messages

_ROUTE: Final = "POST /v1/messages"

State = Literal[
    "received",
    "edited",
    "deleted",
    "queued",
    "sending",
    "sent",
    "delivered",
    "read",
    "failed",
    "unknown",
]


class MessageQuery(PageQuery):
    """Which messages are meant."""

    conversation: str | None = Field(None, max_length=100, description="Only of this one.")
    channel: str | None = Field(None, max_length=100, description="Only of this channel.")
    direction: Literal["inbound", "outbound"] | None = Field(None, description="Only these.")
    state: State | None = Field(None, description="Only those in this state.")


class SendQuery(Model):
    """How a message is to be taken."""

    dry_run: bool = Field(False, description="Only tell what it would become; send nothing.")


class Settled(BaseModel):
    """How a message stands after somebody decided about it."""

    id: str
    conversation: str
    state: str
    error: str | None


class Cancelled(Settled):
    """A message that is not sent any more: ``failed``, or ``unknown`` where a send was begun."""


class Resolving(Model):
    """What somebody found out about a message whose sending was held as unknown."""

    state: Literal["sent", "delivered", "failed"]
    error: ShortText | None = None
    """Why it failed, as far as it is known."""


class ResolvedMessage(Settled):
    """A message that is known about again."""

    rest_waits: bool
    """Further parts of it were never begun: replay its dead letter to have them sent."""


async def send(call: Call) -> web.StreamResponse:
    """Queue a message; the answer comes once it is on disk."""
    message: OutboundMessage = call.body
    key = idempotency_key(call, _ROUTE, message)
    caller = call.caller
    try:
        if call.query.dry_run:
            return call.answer(
                await call.services.outbound.preview(
                    message, channels=caller.channels, owner=caller.owner
                )
            )
        accepted = await call.services.outbound.submit(
            message, key=key, channels=caller.channels, owner=caller.owner
        )
    except Refused as error:
        raise await _refusal(call, message, error) from None
    return call.answer(Queued(**accepted._asdict()), 202)


async def show(call: Call) -> web.StreamResponse:
    """Answer with one message as it is now."""
    found = await call.services.store.read(_read, call.id, call.caller)
    if found is None:
        raise missing("message", call.id)
    return call.answer(found)


async def cancel(call: Call) -> web.StreamResponse:
    """Take a message out of the queue; what was sent of it stays sent."""
    found = await call.services.store.read(_read, call.id, call.caller)
    if found is None:
        raise missing("message", call.id)
    if found.direction != "outbound":
        raise Denied(409, "The message came from the customer; there is nothing to cancel.")
    wanted = Cancellation(call.id, call.caller.id)
    outcome = await call.services.store.writer.do(cancel_messages, wanted)
    if outcome == "under_way":
        raise Denied(409, "The message is being sent at this moment.", code="under_way")
    now = await call.services.store.read(_read, call.id, call.caller) or found
    if outcome == "not_owed":
        raise Denied(
            409, f"The message is {now.state}: nothing of it waits any more.", code="not_owed"
        )
    return call.answer(
        Cancelled(id=now.id, conversation=now.conversation, state=now.state, error=now.error)
    )


async def resolve(call: Call) -> web.StreamResponse:
    """Tell what became of a message whose sending was held as unknown."""
    known: Resolving = call.body
    found = await call.services.store.read(_read, call.id, call.caller)
    if found is None:
        raise missing("message", call.id)
    wanted = Resolution(call.id, known.state, known.error, call.caller.id)
    outcome = await call.services.store.writer.do(resolve_messages, wanted)
    now = await call.services.store.read(_read, call.id, call.caller) or found
    if outcome == "not_unknown":
        raise Denied(
            409, f"The message is {now.state}: nothing about it is unknown.", code="not_unknown"
        )
    return call.answer(
        ResolvedMessage(
            id=now.id,
            conversation=now.conversation,
            state=now.state,
            error=now.error,
            rest_waits=outcome == "rest_waits",
        )
    )


async def listing(call: Call) -> web.StreamResponse:
    """Answer with a page of messages."""
    query: MessageQuery = call.query
    await require_channels(call, [query.channel])
    if query.conversation is not None:
        await require_conversation(call, query.conversation)
    return call.answer(await page(call, query, query.conversation))


async def page(call: Call, query: MessageQuery, conversation_id: str | None) -> MessagePage:
    """Return a page of messages, of one conversation or of all that the caller may see."""
    before = unseal(query.cursor, str)
    channels = call.caller.channels
    if query.channel is not None:
        channels = frozenset({query.channel} if call.caller.sees(query.channel) else ())
    items = await call.services.store.read(
        _list,
        conversation_id=conversation_id,
        channels=channels,
        direction=query.direction,
        state=query.state,
        before=before[0] if before else None,
        limit=query.limit,
    )
    more = seal(items[-1].id) if len(items) == query.limit else None
    return MessagePage.model_construct(items=items, next=more)


def _list(connection: Connection, /, **wanted: Any) -> list[MessageShown]:
    found = list_messages(connection, **wanted)
    conversations = read_conversations(connection, (owner for _, owner in found))
    return [message_shown(message, conversations[owner]) for message, owner in found]


def _read(connection: Connection, message_id: str, caller: Caller) -> MessageShown | None:
    known = external_id_of(connection, message_id)
    conversation = read_conversation(connection, known[0]) if known else None
    if conversation is None or not caller.sees(conversation.channel):
        return None
    return message_shown(read_messages(connection, [message_id])[message_id], conversation)


async def _refusal(call: Call, message: OutboundMessage, error: Refused) -> Exception:
    """Return what to answer when a message cannot be queued: who there is, or why not."""
    to = message.to
    if isinstance(to, ToContact) and error.code == "not_found":
        return missing("contact", to.contact)
    if isinstance(to, ToConversation):
        if error.code == "not_found":
            return missing("conversation", to.conversation)
        row = await call.services.store.read(read_conversation, to.conversation)
        name = row.channel if row is not None else None
        gone = f"The conversation is on {name!r}, which is not in the configuration any more."
    else:
        name = to.channel
        gone = ""
    if error.code != "no_channel" or name is None or not call.caller.sees(name):
        return error
    if name in call.services.configured():
        return not_enabled(name)
    if gone:
        return Denied(404, f"{gone} Put it back, then omnigate reload.", code=error.code)
    there = (known for known in call.services.channels() if call.caller.sees(known))
    return nobody("channel", name, there)


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/messages",
        summary="Queue a message to a conversation, an address or a contact",
        run=send,
        scope="messages:send",
        query=SendQuery,
        body=OutboundMessage,
        answers=Queued,
        status=202,
        also=((200, Preview),),
        errors=(404, 409, 410, 429),
        headers=(IDEMPOTENCY_HEADER,),
    ),
    Operation(
        method="GET",
        path="/v1/messages",
        summary="List messages, the newest first",
        run=listing,
        scope="messages:read",
        query=MessageQuery,
        answers=MessagePage,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/v1/messages/{id}",
        summary="Show a message: its state, its parts, what was lost on the way",
        run=show,
        scope="messages:read",
        answers=MessageShown,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/messages/{id}/cancel",
        summary="Cancel a message that is not sent yet; what was sent of it stays sent",
        run=cancel,
        scope="messages:send",
        answers=Cancelled,
        errors=(404, 409),
    ),
    Operation(
        method="POST",
        path="/v1/messages/{id}/resolve",
        summary="Tell what became of a message whose sending was held as unknown",
        run=resolve,
        scope="messages:send",
        body=Resolving,
        answers=ResolvedMessage,
        errors=(404, 409),
    ),
)
