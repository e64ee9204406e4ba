"""Reading one folder for as long as it is there: take what is new, wait for news, begin anew.

What is new is told by the numbers of mails alone (UID, within one UIDVALIDITY); whether somebody read them
means nothing, because people read the same mailbox. The position moves with each mail, in the transaction
that stores it: whatever happens, a mail is taken again or known already, never missed.

A connection goes ``enter → open → (take what is new → mark → wait)…``. What ends it is tried again, ever more
slowly, and a folder that is not there is looked for; neither holds up the other folders.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Literal, TypeAlias

import omnigate
from omnigate_email.imap.bookmark import Bookmark
from omnigate_email.imap.config import ImapConfig
from omnigate_email.imap.pauses import Pace, Threads
from omnigate_email.imap.session import Opened, Session
from omnigate_email.imap.taking import Take, Taker
from omnigate_email.imap.troubles import FolderTrouble, MailTrouble, ServerTrouble

State: TypeAlias = Literal["starting", "up", "degraded", "down"]
Enter: TypeAlias = Callable[[], Awaitable[Session]]
"""Gives a session that is logged in."""
Tell: TypeAlias = Callable[[str, State, str], None]
"""Hears how a folder is: its name, its state, and what is wrong; nothing when it is well."""

_MARKED_AT_ONCE: Final = 100


class Watcher:
    """Reads one folder until it is cancelled."""

    def __init__(
        self,
        folder: str,
        config: ImapConfig,
        host: omnigate.ChannelHost,
        take: Take,
        *,
        enter: Enter,
        threads: Threads,
        tell: Tell,
        pace: Pace,
    ) -> None:
        self._folder = folder
        self._config = config
        self._log = host.log.bind(folder=folder)
        self._enter = enter
        self._threads = threads
        self._call = threads.call
        self._tell = partial(tell, folder)
        self._pace = pace
        self._marks = config.after_reading != "nothing"
        self._bookmark = Bookmark(folder, host)
        self._taker = Taker(
            folder,
            host,
            self._bookmark,
            take,
            marks=self._marks,
            waits=partial(self._tell, "degraded"),
            threads=threads,
            pace=pace,
        )

    async def run(self) -> None:
        """Read until cancelled. Raises `CredentialsRejected`, and what the host raises over its notes."""
        await self._bookmark.recall()
        failures = 0
        while True:
            began = time.monotonic()
            try:
                session = await self._enter()
                try:
                    await self._attend(session)
                finally:
                    self._threads.leave(session)
            except ServerTrouble as trouble:
                if time.monotonic() - began > self._pace.settled_seconds:
                    failures = 0
                failures += 1
                self._log.debug("connection lost", reason=str(trouble))
                if failures > 1:  # once is nothing: providers end connections as they please
                    self._tell("down", str(trouble))
                await asyncio.sleep(self._pace.pause(failures))

    async def _attend(self, session: Session) -> None:
        """Open the folder and read it until the connection ends; look for it while it is not there."""
        while True:
            try:
                opened = await self._call(session.open, self._folder, read_only=not self._marks)
            except FolderTrouble as trouble:
                self._tell("down", f"the folder cannot be opened: {trouble}")
                await asyncio.sleep(self._pace.folder_again_seconds)
                continue
            await self._follow(session, opened)

    async def _follow(self, session: Session, opened: Opened) -> None:
        if self._bookmark.orient(opened, self._config.since):
            self._taker.begin_anew()
        await self._bookmark.keep()
        here = self._bookmark.here
        unchanged = opened.modseq is not None and opened.modseq == here.modseq
        mark = partial(self._mark, session, opened)
        if not unchanged or here.uid + 1 < opened.uidnext:
            await self._taker.take_new(session, opened.modseq, mark)
        while True:
            trouble = await mark()
            await self._bookmark.keep()
            words = self._words(trouble)
            self._tell("degraded" if words else "up", words)
            await self._wait(session)
            await self._taker.take_new(session, None, mark)
            await self._taker.take_left(session)

    async def _wait(self, session: Session) -> None:
        """Wait for news, or until it is time to look without any."""
        if session.idles:
            seconds = min(self._config.idle_seconds, self._config.poll_seconds)
            await self._call(session.wait, seconds)
        else:
            await asyncio.sleep(self._config.poll_seconds)
            await self._call(session.poke)

    async def _mark(self, session: Session, opened: Opened) -> str:
        """Do what is to be done to stored mails; return what keeps it from being done."""
        keyword = self._config.keyword
        if self._config.after_reading == "keyword" and not opened.allows(keyword):
            return f"the folder takes no keyword {keyword}"
        while uids := self._bookmark.here.unmarked[:_MARKED_AT_ONCE]:
            try:
                await self._call(session.mark, uids)
            except MailTrouble as trouble:
                return f"{self._config.after_reading} is refused: {trouble}"
            self._bookmark.move(self._bookmark.here.marked(uids))
        return ""

    def _words(self, trouble: str) -> str:
        said = [f"mails are stored, but {trouble}"] if trouble else []
        if left := len(self._bookmark.here.left):
            said.append(f"mails set aside: {left}, see the log")
        return "; ".join(said)
