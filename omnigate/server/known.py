"""Which channels and conversations there are for a caller: a typo must not look like an empty list."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from omnigate.server.operations import Call
from omnigate.server.unknown import gone, missing, nobody
from omnigate.store.contacts import is_erased, read_contact
from omnigate.store.conversationreads import ConversationRow, list_conversations, read_conversation
from omnigate.store.selection import destinations_called


async def require_channels(call: Call, names: Iterable[str | None]) -> None:
    """Raise 404 for a name that no channel has or had; None is passed over.

    A channel that the configuration does not name any more is known while the store knows it. Whoever
    may see some channels only is told of no others.
    """
    allowed, services = call.caller.channels, call.services
    for name in names:
        if name is None:
            continue
        if allowed is not None:
            if name not in allowed:
                raise nobody("channel", name, allowed)
        elif services.channel(name) is None and name not in services.configured():
            stored = await services.store.read(_in_store, name)
            if name not in stored:
                raise nobody(
                    "channel", name, {*stored, *services.channels(), *services.configured()}
                )


async def require_conversation(call: Call, identifier: str) -> None:
    """Raise 404 for an identifier that no conversation has, or one that the caller may not see."""
    found = await call.services.store.read(read_conversation, identifier)
    if found is None or not call.caller.sees(found.channel):
        raise missing("conversation", identifier)


async def require_living_conversation(call: Call, identifier: str) -> ConversationRow:
    """Return a conversation; raises 404 as `require_conversation` does, 410 where its customer was erased."""
    found = await call.services.store.read(_with_whom, identifier)
    if found is None or not call.caller.sees(found[0].channel):
        raise missing("conversation", identifier)
    conversation, erased = found
    if erased:
        raise gone()
    return conversation


def _in_store(connection: Connection, name: str) -> set[str]:
    """Return the channels that were ever sent to, and the one of this name if anybody wrote on it."""
    owners = destinations_called(connection, None).values()
    known = {owner.name for owner in owners if owner.direction == "channel"}
    if list_conversations(connection, channels=[name], limit=1):
        known.add(name)
    return known


def _with_whom(connection: Connection, identifier: str) -> tuple[ConversationRow, bool] | None:
    """Return a conversation, and whether its customer was erased."""
    found = read_conversation(connection, identifier)
    if found is None:
        return None
    person = read_contact(connection, found.contact_id)
    return found, person is not None and is_erased(connection, person.id)
