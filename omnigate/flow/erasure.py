"""Erasing a person: all that is known of somebody goes, and what was owed because of it.

Theory of operation. It is done in steps of the writer's, each short and each fit to be done again, in an
order that leaves nothing behind whatever happens meanwhile:

1. Requests in quarantine that name the person go while it is still known what names it. So does what events
   of others say of a time at which they were one contact (`omnigate.store.parted`).
2. Profile and addresses go, what channels have noted about them, and conversations are parted from the
   platform's: from here on whoever writes is somebody new, and nobody can send into the old
   conversations.
3. Calls that wait are taken back, those under way are hung up, recordings go, and calls are emptied. What a
   platform tells of one later adds nothing about anybody. Of calls to numbers of others that the person
   asked for goes what was said with it (`omnigate.store.callwishes`).
4. What is owed goes, fenced from attempts under way; dead letters with it.
5. Files go, those first that a CRM had sent: only messages say which. Then messages and parts are
   emptied. From here on a late result of a send says nothing.
6. Events are blanked: they are the last to be added to, and by now only blank ones are.
7. Others' conversations that were carried on from here tell no more what was said here
   (`omnigate.flow.hearsay`).
8. Tokens to carry on with go, ``contact.erased`` is recorded, and the log of the database is emptied into
   its file.

An erasure that was cut short has not happened: asked for again, it goes through all steps once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import structlog

from omnigate.errors import Refused
from omnigate.flow import hearsay
from omnigate.store import callfade, discarding, emptying, erase, person, unqueue
from omnigate.store.callends import Cancellation, cancel_calls
from omnigate.store.erase import End, Removal
from omnigate.store.person import Person
from omnigate.store.quarantined import drop_quarantined
from omnigate.store.store import Store
from omnigate.store.subjects import lanes_about

FILES: Final = 20
"""How many files one turn removes."""
LANES: Final = 20
"""How many lanes one turn takes items out of."""
CONVERSATIONS: Final = 100
"""In how many conversations calls are looked for at a time."""
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.25

RowT = TypeVar("RowT")

log = structlog.get_logger("erasure")


class Progress(NamedTuple):
    """How far an erasure is."""

    done: int
    total: int
    """About how many events there are."""


Tell = Callable[[Progress], Awaitable[None]]


@dataclass(slots=True)
class Erased:
    """What an erasure came to."""

    contact_id: str
    events: int = 0
    messages: int = 0
    calls: int = 0
    files: int = 0
    cancelled: int = 0
    """Deliveries that were still owed, dead letters among them."""
    quarantined: int = 0
    is_clean: bool = True
    """The database's own log is emptied too; False: readers kept it, it will be before long."""


async def _silently(progress: Progress) -> None:
    return None


class Erasure:
    """Erases people from one store."""

    def __init__(self, store: Store, discard: discarding.Discard) -> None:
        self._store = store
        self._discard = discard

    async def erase(
        self, contact_id: str, *, reason: str | None = None, tell: Tell = _silently
    ) -> Erased:
        """Erase a contact and all that became part of it; durable on return.

        Raises `Refused` (``not_found``, ``gone``) and `StoreError`.
        """
        known = await self._store.read(person.read_person, contact_id)
        if known is None:
            raise Refused("not_found", "there is no such contact")
        if known.is_erased:
            raise Refused("gone", "the contact is erased already")
        done = Erased(known.contact_id)
        done.quarantined = await self._from_quarantine(known)
        await hearsay.forget_parted(self._store, known)
        await self._store.writer.do(erase.remove_person, Removal(known.contact_ids))
        # Anew, since somebody may have begun a conversation until just now.
        later = await self._store.read(person.read_person, contact_id)
        known = later or known
        await self._empty_calls(known, done)
        await hearsay.forget_wishes(self._store, known)
        done.cancelled = await self._from_queue(known)
        await self._drop_uploads(known, done)
        await self._empty_messages(known, done)
        await self._blank(known, done, tell)
        await hearsay.hush(self._store, known)
        owned = [row.id for row in known.conversations]
        end = End(known.contact_id, known.contact_ids, owned, reason)
        await self._store.writer.do(erase.end_erasure, end)
        done.is_clean = await self._empty_log()
        log.info("contact erased", contact=known.contact_id, events=done.events, files=done.files)
        return done

    async def _from_quarantine(self, known: Person) -> int:
        count, after = 0, 0
        while True:
            found, more = await self._store.read(person.quarantined_about, known, after)
            if found:
                count += await self._store.writer.do(drop_quarantined, found)
            if more is None:
                return count
            after = more

    async def _from_queue(self, known: Person) -> int:
        """Take out what is owed; each lane stands still from the first piece on."""
        lanes = await self._store.read(lanes_about, known.subjects)
        count = 0
        left = list(lanes)
        while left:
            taken: list[int] = []
            for some_lanes in _pieces(left, LANES):
                taken += await asyncio.gather(
                    *(self._store.writer.do(unqueue.empty_lanes, lane) for lane in some_lanes)
                )
            count += sum(taken)
            left = [lane for lane, some in zip(left, taken, strict=True) if some == unqueue.CHUNK]
        dead = await self._store.read(unqueue.dead_letters_about, known.subjects)
        for some in _pieces(dead, unqueue.CHUNK):
            count += await self._store.writer.do(unqueue.drop_dead_letters, some)
        return count

    async def _drop_uploads(self, known: Person, done: Erased) -> None:
        """Remove those files that a CRM sent to this person and to nobody else."""
        uploads: set[str] = set()
        for row in known.conversations:
            page: str | None = ""
            while page is not None:
                found, page = await self._store.read(person.uploads_of, row.id, page)
                uploads |= found
        if not uploads:
            return
        # No message can be older than a file that was uploaded for it.
        after: str | None = "msg_" + min(uploads).partition("_")[2]
        while after is not None and uploads:
            others, after = await self._store.read(person.sent_to_others, known, uploads, after)
            uploads -= others
        done.files += await self._drop(sorted(uploads))

    async def _empty_messages(self, known: Person, done: Erased) -> None:
        for row in known.conversations:
            after = ""
            while ids := await self._store.read(person.message_ids_of, row.id, after):
                files = await self._store.read(discarding.attachment_ids_of, ids)
                done.files += await self._drop(files)
                done.messages += await self._store.writer.do(emptying.empty_messages, ids)
                after = ids[-1]

    async def _empty_calls(self, known: Person, done: Erased) -> None:
        for some in _pieces([row.id for row in known.conversations], CONVERSATIONS):
            after = ""
            while calls := await self._store.read(callfade.calls_in, some, after):
                # Taken back again after a cut: what ended meanwhile says so, and nothing is lost.
                await asyncio.gather(
                    *(self._store.writer.do(cancel_calls, Cancellation(one)) for one in calls)
                )
                recordings = await self._store.read(discarding.attachment_ids_of, calls)
                done.files += await self._drop(recordings)
                done.calls += await self._store.writer.do(callfade.empty_calls, calls)
                after = calls[-1]

    async def _drop(self, attachment_ids: Sequence[str]) -> int:
        count = 0
        for some in _pieces(attachment_ids, FILES):
            dropped = discarding.Dropped(some, self._discard)
            count += await self._store.writer.do(discarding.drop_files, dropped)
        return count

    async def _blank(self, known: Person, done: Erased, tell: Tell) -> None:
        for row in known.conversations:
            sequence = 0
            while events := await self._store.read(person.events_of, row.id, sequence):
                await self._write(events)
                done.events += len(events)
                sequence = events[-1].sequence
                await tell(Progress(done.events, max(known.total, done.events)))
        position: int | None = 0
        while position is not None:
            events, position = await self._store.read(person.events_apart, known, position)
            await self._write(events)
            done.events += len(events)

    async def _write(self, events: Sequence[object]) -> None:
        blanked = await asyncio.to_thread(person.blanked, events)
        if blanked:
            await self._store.writer.do(erase.write_blanked, blanked)

    async def _empty_log(self) -> bool:
        """Have the database's log emptied: what was overwritten stands in it until then."""
        for _ in range(_TRIES):
            if await self._store.writer.truncate_log():
                return True
            await asyncio.sleep(_PAUSE_SECONDS)
        return False


def _pieces(rows: Sequence[RowT], size: int) -> list[Sequence[RowT]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
