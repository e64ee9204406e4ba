"""Taking mails out of a folder, in order: find, fetch, have stored; or set aside what is at fault.

The position moves with each mail. A mail that cannot be read, or over which storing or the connection fails
again and again, is set aside and tried again every hour, while the others go on. While *nothing* can be
stored, everything waits.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import omnigate
from omnigate_email.imap.bookmark import Bookmark
from omnigate_email.imap.fetch import Facts
from omnigate_email.imap.fetched import Fetched
from omnigate_email.imap.pauses import Pace, Threads
from omnigate_email.imap.positions import MOST_LEFT, Position
from omnigate_email.imap.session import Session
from omnigate_email.imap.troubles import MailTrouble, ServerTrouble

Take: TypeAlias = Callable[[Fetched, Mapping[str, str | None]], Awaitable[None]]
"""Stores a mail together with notes, in one transaction; raises `Overloaded` or `StoreError` when not."""

AT_ONCE: Final = 100
"""So many mails are asked about at a time."""
_STRIKES: Final = 3
"""So often may a connection end, or storing fail, over the same mail."""


class Taker:
    """Takes what is new in one folder; outlives the connections to it."""

    def __init__(
        self,
        folder: str,
        host: omnigate.ChannelHost,
        bookmark: Bookmark,
        take: Take,
        *,
        marks: bool,
        waits: Callable[[str], None],
        threads: Threads,
        pace: Pace,
    ) -> None:
        """``marks``: something is to be done after reading. ``waits`` hears why nothing can be stored."""
        self._host = host
        self._log = host.log.bind(folder=folder)
        self._bookmark = bookmark
        self._take = take
        self._marks = marks
        self._waits = waits
        self._call = threads.call
        self._pace = pace
        self._strikes: dict[int, int] = {}
        self._left_again_at = 0.0  # a new start may have mended what was at fault

    def begin_anew(self) -> None:
        """Forget what is known of mails by their numbers."""
        self._strikes.clear()

    async def take_new(
        self, session: Session, modseq: int | None, afterwards: Callable[[], Awaitable[object]]
    ) -> None:
        """Take everything that is new, and do something ``afterwards``, in between too when it is much.

        ``modseq`` is the folder's state before, where the server tells it.
        """
        uids = await self._new_uids(session)
        for start in range(0, len(uids), AT_ONCE):
            if start:
                await afterwards()
                await self._bookmark.keep()
            await self._take_all(session, uids[start : start + AT_ONCE])
        here = self._bookmark.here
        if here.scan_until > here.uid:
            here = here.passed(here.scan_until)
        self._bookmark.move(here.finished(modseq))

    async def take_left(self, session: Session) -> None:
        """Try once more what was set aside, when it is time."""
        left = list(self._bookmark.here.left)
        if not left or time.monotonic() < self._left_again_at:
            return
        # Said before, because the connection may end over one of them; and each time over another.
        self._left_again_at = time.monotonic() + self._pace.left_again_seconds
        random.shuffle(left)
        await self._take_all(session, left)

    async def _new_uids(self, session: Session) -> list[int]:
        here = self._bookmark.here
        uids = await self._call(session.uids_after, here.uid)
        if here.scan_from is None or not uids or uids[0] > here.scan_until:
            return uids
        wanted = set(
            await self._call(session.uids_since, here.scan_from, here.uid + 1, here.scan_until)
        )
        return [uid for uid in uids if uid > here.scan_until or uid in wanted]

    async def _take_all(self, session: Session, uids: Sequence[int]) -> None:
        known = await self._facts(session, uids)
        for uid in uids:
            await self._take_one(session, uid, known.get(uid))

    async def _facts(self, session: Session, uids: Sequence[int]) -> Mapping[int, Facts | str]:
        """Return the facts of mails, or what is wrong with one; without those that are gone."""
        try:
            return await self._call(session.facts, uids)
        except MailTrouble:
            found: dict[int, Facts | str] = {}
            for uid in uids:  # one of them is at fault
                try:
                    found |= await self._call(session.facts, [uid])
                except MailTrouble as trouble:
                    found[uid] = str(trouble)
            return found

    async def _take_one(self, session: Session, uid: int, facts: Facts | str | None) -> None:
        """Take one mail, or set it aside, or pass it over when it is gone."""
        try:
            if isinstance(facts, str):
                raise MailTrouble(facts)
            found = await self._call(session.fetch, facts) if facts is not None else None
        except MailTrouble as trouble:
            self._set_aside(uid, str(trouble))
            return
        except ServerTrouble as trouble:
            if self._strike(uid):
                self._set_aside(uid, f"the connection ends over it: {trouble}")
                await self._bookmark.keep()
            raise
        here = self._bookmark.here
        if found is None:
            self._bookmark.move(here.passed(uid))
        elif not here.is_new(found):
            known = found.key in here.keys
            self._bookmark.move(self._behind(found) if known else here.passed(uid))
        else:
            await self._hand_over(found)
        self._strikes.pop(uid, None)

    async def _hand_over(self, found: Fetched) -> None:
        """Have a mail stored, however long that takes, unless it is the mail's own fault."""
        behind = self._behind(found)
        attempt = 0
        while True:
            attempt += 1
            try:
                await self._take(found, self._bookmark.notes(behind))
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                self._waits(f"mails cannot be stored: {error}")
                await asyncio.sleep(self._patience(error, attempt))
            except Exception as error:
                # Whatever it is, it must not hold up the mails behind it, nor lose this one.
                self._log.exception("mail not taken", uid=found.uid)
                if self._strike(found.uid):
                    self._set_aside(found.uid, f"it cannot be taken: {type(error).__name__}")
                    return
                await asyncio.sleep(self._pace.pause(attempt))
            else:
                self._bookmark.kept(behind)
                return

    def _patience(self, error: Exception, attempt: int) -> float:
        pause = self._pace.pause(attempt)
        asked = error.retry_after_seconds if isinstance(error, omnigate.Overloaded) else 0.0
        return min(max(pause, asked), self._pace.longest_seconds)

    def _behind(self, found: Fetched) -> Position:
        today = datetime.now(UTC).date()
        return self._bookmark.here.stored(found, mark=self._marks, today=today)

    def _set_aside(self, uid: int, reason: str) -> None:
        here = self._bookmark.here
        if uid not in here.left and len(here.left) >= MOST_LEFT:
            raise ServerTrouble(f"more than {MOST_LEFT} mails cannot be taken; the last: {reason}")
        self._log.error("mail set aside", uid=uid, reason=reason)
        self._bookmark.move(here.set_aside(uid))
        self._left_again_at = time.monotonic() + self._pace.left_again_seconds
        self._strikes.pop(uid, None)

    def _strike(self, uid: int) -> bool:
        """Count a failure of a mail; true when it was one too many."""
        self._strikes[uid] = self._strikes.get(uid, 0) + 1
        return self._strikes[uid] >= _STRIKES
