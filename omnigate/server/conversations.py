"""``/v1/conversations``: the threads with customers, and what can be done to one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

import structlog
from aiohttp import web
from pydantic import Field
from sqlalchemy import Connection

from omnigate.errors import OmnigateError
from omnigate.flow.contained import contained
from omnigate.model.outbound import AgentRead, AgentTyping, Author, Signal
from omnigate.model.text import Model, Text
from omnigate.server.auth import Caller
from omnigate.server.known import require_channels
from omnigate.server.messages import MessageQuery, page
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.shapes import (
    ConversationPage,
    ConversationShown,
    MessagePage,
    conversation_shown,
)
from omnigate.server.unknown import missing
from omnigate.store import conversations as changes
from omnigate.store.contacts import read_contacts
from omnigate.store.conversationreads import (
    ConversationRow,
    list_conversations,
    read_conversation,
)

SIGNAL_SECONDS: Final = 5.0
"""How long a platform may take to show something fleeting; then it is let be."""

log = structlog.get_logger("server")


class ConversationQuery(PageQuery):
    """Which conversations are meant."""

    channel: str | None = Field(None, max_length=100, description="Only of this channel.")
    contact: str | None = Field(None, max_length=100, description="Only of this contact.")
    status: Literal["open", "closed"] | None = Field(None, description="Only these.")


class Typing(Model):
    """Who is typing on the company's side."""

    active: bool = True
    author: Author | None = None


class Seen(Model):
    """What the company's side has read."""

    message: str | None = Field(None, max_length=100)
    """The last message that was read; null: all."""


class Note(Model):
    """Why a conversation is closed or reopened."""

    note: Text | None = Field(None, max_length=4000)


class Handing(Model):
    """Who gets the conversation from now on."""

    backend: str = Field(min_length=1, max_length=100)
    note: Text | None = Field(None, max_length=4000)


async def listing(call: Call) -> web.StreamResponse:
    """Answer with a page of conversations."""
    query: ConversationQuery = call.query
    await require_channels(call, [query.channel])
    found = await call.services.store.read(_list, query, call.caller)
    return call.answer(found)


async def show(call: Call) -> web.StreamResponse:
    """Answer with one conversation as it is now."""
    return call.answer(await _shown(call))


async def messages(call: Call) -> web.StreamResponse:
    """Answer with a page of its messages."""
    row = await _row(call)
    await require_channels(call, [call.query.channel])
    return call.answer(await page(call, call.query, row.id))


async def typing(call: Call) -> web.StreamResponse:
    """Show the customer that an agent types, where the channel can."""
    said: Typing = call.body
    return await _signal(call, AgentTyping(active=said.active, author=said.author))


async def read(call: Call) -> web.StreamResponse:
    """Show the customer that an agent has read, where the channel can."""
    said: Seen = call.body
    return await _signal(call, AgentRead(message_id=said.message))


async def close(call: Call) -> web.StreamResponse:
    """Close it; the customer's next message opens it again."""
    return await _change_status(call, "closed")


async def reopen(call: Call) -> web.StreamResponse:
    """Open it again."""
    return await _change_status(call, "open")


async def transfer(call: Call) -> web.StreamResponse:
    """Hand it to another backend, which gets its events from now on."""
    asked: Handing = call.body
    row = await _row(call)
    backends = {
        known.name for known in call.services.destinations() if known.direction == "backend"
    }
    if asked.backend not in backends:
        raise Denied(
            422,
            f"No backend is called {asked.backend!r}; see omnigate backend list.",
            code="backend",
        )
    change = changes.Transfer(row.id, asked.backend, asked.note)
    await call.services.store.writer.do(changes.transfer, change)
    return call.answer(await _shown(call))


async def _change_status(call: Call, status: Literal["open", "closed"]) -> web.StreamResponse:
    note: Note = call.body
    row = await _row(call)
    change = changes.StatusChange(row.id, status, "api", note.note)
    await call.services.store.writer.do(changes.change_status, change)
    return call.answer(await _shown(call))


async def _signal(call: Call, signal: Signal) -> web.StreamResponse:
    """Hand a signal to the channel, at most once: what cannot be shown is not an error."""
    row = await _row(call)
    runner = call.services.channels().get(row.channel)
    if runner is not None and runner.channel is not None:
        try:
            async with asyncio.timeout(SIGNAL_SECONDS):
                with contained:
                    await runner.channel.signal(row.external_id, signal)
        except (OmnigateError, TimeoutError) as error:
            log.debug("signal not shown", channel=row.channel, error=str(error))
        except Exception as error:
            log.error("channel raised in signal()", channel=row.channel, exc_info=error)
    return web.Response(status=204)


async def _row(call: Call) -> ConversationRow:
    """Return the conversation of the path; 404 where the caller may not see it."""
    row = await call.services.store.read(read_conversation, call.id)
    if row is None or not call.caller.sees(row.channel):
        raise missing("conversation", call.id)
    return row


async def _shown(call: Call) -> ConversationShown:
    found = await call.services.store.read(_read, call.id, call.caller)
    if found is None:
        raise missing("conversation", call.id)
    return found


def _read(connection: Connection, conversation_id: str, caller: Caller) -> ConversationShown | None:
    row = read_conversation(connection, conversation_id)
    if row is None or not caller.sees(row.channel):
        return None
    return _with_contacts(connection, [row], caller)[0]


def _list(connection: Connection, query: ConversationQuery, caller: Caller) -> ConversationPage:
    channels = caller.channels
    if query.channel is not None:
        channels = frozenset({query.channel} if caller.sees(query.channel) else ())
    place = unseal(query.cursor, int, str)
    found = list_conversations(
        connection,
        channels=channels,
        contact_id=query.contact,
        status=query.status,
        before=(place[0], place[1]) if place else None,
        limit=query.limit,
    )
    more = seal(*found[-1][1]) if len(found) == query.limit else None
    shown = _with_contacts(connection, [row for row, _ in found], caller)
    return ConversationPage(items=shown, next=more)


def _with_contacts(
    connection: Connection, rows: Sequence[ConversationRow], caller: Caller
) -> list[ConversationShown]:
    people = read_contacts(connection, [row.contact_id for row in rows])
    return [conversation_shown(row, people[row.contact_id], caller) for row in rows]


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/conversations",
        summary="List conversations, the latest changed first",
        run=listing,
        scope="messages:read",
        query=ConversationQuery,
        answers=ConversationPage,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/v1/conversations/{id}",
        summary="Show a conversation",
        run=show,
        scope="messages:read",
        answers=ConversationShown,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/v1/conversations/{id}/messages",
        summary="List the messages of a conversation, the newest first",
        run=messages,
        scope="messages:read",
        query=MessageQuery,
        answers=MessagePage,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/conversations/{id}/typing",
        summary="Show the customer that an agent types; at most once",
        run=typing,
        scope="messages:send",
        body=Typing,
        body_required=False,
        status=204,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/conversations/{id}/read",
        summary="Show the customer that an agent has read; at most once",
        run=read,
        scope="messages:send",
        body=Seen,
        body_required=False,
        status=204,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/conversations/{id}/close",
        summary="Close a conversation; the customer's next message opens it again",
        run=close,
        scope="messages:send",
        body=Note,
        body_required=False,
        answers=ConversationShown,
        errors=(404, 410),
    ),
    Operation(
        method="POST",
        path="/v1/conversations/{id}/reopen",
        summary="Open a closed conversation again",
        run=reopen,
        scope="messages:send",
        body=Note,
        body_required=False,
        answers=ConversationShown,
        errors=(404, 410),
    ),
    Operation(
        method="POST",
        path="/v1/conversations/{id}/transfer",
        summary="Hand a conversation to another backend, with a note",
        run=transfer,
        scope="messages:send",
        body=Handing,
        answers=ConversationShown,
        errors=(404, 410),
    ),
)
