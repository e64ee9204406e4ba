"""What others' records tell of a person: gathered for an export, taken out by an erasure.

Words that a handover or a wish to be called carried into somebody else's conversation, what was said with a
wish for a call to a number that is somebody else's, and what the events of others say of a time at which
they were one contact.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from pydantic_core import to_json

from omnigate.store import callwishes, parted, person, told
from omnigate.store.callends import Cancellation, cancel_calls
from omnigate.store.callwishes import Wishes
from omnigate.store.person import Person
from omnigate.store.store import Store
from omnigate.store.told import Unsaid


async def hush(store: Store, known: Person) -> None:
    """Have others' conversations tell nothing more of those that they came from.

    First their contexts, so that no new event does, then their events.
    """
    sources = _sources(known)
    for teller in await _tellers(store, sources):
        await store.writer.do(told.hush, told.Hushed([teller], sources))
        await _rewrite(store, [teller], lambda events: told.unsay(events, sources))


async def forget_wishes(store: Store, known: Person) -> None:
    """Take back the calls that a person asked for and that are others', and forget what was said with it."""
    for wishes in await store.read(callwishes.wishes_of, known):
        await asyncio.gather(
            *(store.writer.do(cancel_calls, Cancellation(one)) for one in wishes.call_ids)
        )
        await store.writer.do(callwishes.hush_wishes, wishes)
        await _rewrite(store, wishes.conversation_ids, _without(wishes))
        if wishes.names:
            await _rewrite_apart(store, wishes.contact_id, _without(wishes))
        await store.writer.do(callwishes.forget_wishes, wishes.call_ids)


async def forget_parted(store: Store, known: Person) -> None:
    """Have events of others that the person was one contact with say nothing more of that.

    To be called while the profile is still there: it says what to look for.
    """
    signs = await store.read(parted.signs_of, known)
    for contact_id in await store.read(parted.parted_from, known):
        other = await store.read(person.read_person, contact_id)
        conversations = [row.id for row in other.conversations] if other is not None else []
        await _rewrite(store, conversations, lambda events: parted.unsay_parted(events, signs))
        await _rewrite_apart(store, contact_id, lambda events: parted.unsay_parted(events, signs))


async def told_elsewhere(store: Store, known: Person) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield what others' conversations tell of those that they came from, each wording once."""
    sources = _sources(known)
    for teller in await _tellers(store, sources):
        seen: set[bytes] = set()
        standing = await store.read(told.standing, teller, sources)
        yield _new(teller, standing, seen)
        sequence = 0
        while events := await store.read(person.events_of, teller, sequence):
            yield _new(teller, told.telling(events, sources), seen)
            sequence = events[-1].sequence


def _sources(known: Person) -> frozenset[str]:
    return frozenset(row.id for row in known.conversations)


async def _tellers(store: Store, sources: frozenset[str]) -> list[str]:
    """Return the conversations that tell, or have told, of the sources."""
    tellers = await store.read(told.tellers_by_record, sources)
    after: str | None = ""
    while after is not None:
        found, after = await store.read(told.tellers_by_context, sources, after)
        tellers |= found
    return sorted(tellers)


def _new(teller: str, tellings: Sequence[dict[str, Any]], seen: set[bytes]) -> list[dict[str, Any]]:
    """Return what was not seen before, and note it as seen."""
    found = []
    for one in tellings:
        wording = to_json(one)
        if wording not in seen:
            seen.add(wording)
            found.append({"told_in": teller, **one})
    return found


def _without(wishes: Wishes) -> Callable[[Sequence[Any]], list[Unsaid]]:
    return lambda events: callwishes.unsay_wishes(events, wishes)


async def _rewrite(
    store: Store, conversations: Sequence[str], unsaid: Callable[[Sequence[Any]], list[Unsaid]]
) -> None:
    """Replace the texts of the events of conversations where that says so."""
    for conversation in conversations:
        sequence = 0
        while events := await store.read(person.events_of, conversation, sequence):
            if rows := await asyncio.to_thread(unsaid, events):
                await store.writer.do(told.write_unsaid, rows)
            sequence = events[-1].sequence


async def _rewrite_apart(
    store: Store, contact_id: str, unsaid: Callable[[Sequence[Any]], list[Unsaid]]
) -> None:
    """Replace the texts of events of another contact that belong to no conversation where that says so."""
    other = await store.read(person.read_person, contact_id)
    position: int | None = 0
    while other is not None and position is not None:
        events, position = await store.read(person.events_apart, other, position)
        if rows := await asyncio.to_thread(unsaid, events):
            await store.writer.do(told.write_unsaid, rows)
