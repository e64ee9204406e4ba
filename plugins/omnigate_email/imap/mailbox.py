"""A mailbox that is read by IMAP: its folders side by side, one login at a time, and how it all is.

`Mailbox.run` is given the function that stores a mail. It blocks no event loop: what waits for the server
does so in threads of its own, which end within a second when `run` is cancelled.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import omnigate
from omnigate_email.imap.config import ImapConfig
from omnigate_email.imap.folders import State, Watcher
from omnigate_email.imap.pauses import Pace, Threads
from omnigate_email.imap.session import Session
from omnigate_email.imap.taking import Take
from omnigate_email.imap.troubles import FolderTrouble, ServerTrouble, TokenRefused
from omnigate_email.oauth import TokenSource
from omnigate_email.servers import tls_context

Status: TypeAlias = Callable[[State, str], None]
_TOLD: Final = ("IDLE", "CONDSTORE", "MOVE", "UIDPLUS")
_MOST_NAMES: Final = 20


class Mailbox:
    """Reads the folders of one account. Made without I/O; `run` once at a time."""

    def __init__(
        self,
        config: ImapConfig,
        host: omnigate.ChannelHost,
        *,
        status: Status | None = None,
        tokens: TokenSource | None = None,
        pace: Pace | None = None,
    ) -> None:
        """``status`` hears how it is, in place of the host; ``tokens`` may be shared with sending."""
        self._config = config
        self._host = host
        self._status = status or host.status
        self._tokens = tokens or (TokenSource(config.oauth) if config.oauth else None)
        self._pace = pace or Pace()
        self._door = asyncio.Lock()
        self._rejected: omnigate.CredentialsRejected | None = None
        self._refused: tuple[str, TokenRefused] | None = None
        self._states: dict[str, tuple[State, str]] = {}

    async def run(self, take: Take) -> None:
        """Read all folders until cancelled, and have every mail stored by ``take``.

        A mail comes once, and again only where it is not known whether it was stored; in order within a
        folder. Raises `CredentialsRejected` when the login is refused: nothing is tried again then.
        """
        self._rejected = self._refused = None
        self._states = dict.fromkeys(self._config.folders, ("starting", ""))
        # Who says nothing counts as up after some seconds, and a slow server takes longer.
        self._status("starting", f"logs in to {self._config.server}")
        threads = Threads(len(self._config.folders))
        try:
            context = await self._context(threads)
            async with asyncio.TaskGroup() as group:
                for folder in self._config.folders:
                    group.create_task(self._watcher(folder, context, threads, take).run())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            threads.end()

    async def check(self, *, keeps_copies: bool = False) -> omnigate.Health:
        """Log in, look for the folders, and tell what the server can do; changes nothing there.

        Where copies of what is sent are to be kept, their folder is looked for too.
        """
        threads = Threads(1)
        self._rejected = self._refused = None
        try:
            session = await self._enter(await self._context(threads), threads)
            try:
                health = await threads.call(self._look, session, keeps_copies)
                await threads.call(session.close)
                return health
            finally:
                threads.leave(session)
        except (ServerTrouble, omnigate.CredentialsRejected) as error:
            return omnigate.Health("down", f"IMAP: {error}")
        finally:
            threads.end()

    async def keep_sent(self, mails: Sequence[tuple[bytes, datetime]]) -> None:
        """Put copies of mails that were sent, and when, into the folder for sent mail, with one login.

        Raises `NotReady` or `CredentialsRejected` with what keeps them from being put there.
        """
        threads = Threads(1)
        try:
            session = await self._enter(await self._context(threads), threads)
            try:
                for content, sent_at in mails:
                    await threads.call(session.keep_sent, content, sent_at)
                await threads.call(session.close)
            finally:
                threads.leave(session)
        except ServerTrouble as trouble:
            raise omnigate.NotReady(f"no copy was kept of what was sent: {trouble}") from None
        finally:
            threads.end()

    def _look(self, session: Session, keeps_copies: bool) -> omnigate.Health:
        """Find what would keep mails from being read, or copies from being kept; in a thread."""
        wrong = []
        names = session.folders()
        for folder in self._config.folders:
            try:
                opened = session.open(folder, read_only=self._config.after_reading != "keyword")
            except FolderTrouble as trouble:
                wrong.append(f"the folder {folder} cannot be opened: {trouble}; {_those(names)}")
                continue
            keyword = self._config.keyword
            if self._config.after_reading == "keyword" and not opened.allows(keyword):
                wrong.append(f"the folder {folder} takes no keyword {keyword}; set another policy")
        if self._config.move_to is not None:
            if self._config.move_to not in names:
                wrong.append(f"move_to: there is no folder {self._config.move_to}; {_those(names)}")
            if not (session.can("MOVE") or session.can("UIDPLUS")):
                wrong.append('the server cannot move mails: set after_reading = "seen"')
        if keeps_copies and session.sent_folder() is None:
            wrong.append(
                "sent_copy: no folder for sent mail was found; make one named Sent, or switch the copies off"
            )
        if wrong:
            return omnigate.Health("down", "IMAP: " + "; ".join(wrong))
        can = [one for one in _TOLD if session.can(one)]
        told = f"reads {', '.join(self._config.folders)} of {self._config.username}"
        waits = (
            "" if "IDLE" in can else f"; no IDLE, so it looks every {self._config.poll_seconds} s"
        )
        return omnigate.Health("up", f"IMAP: {told} ({', '.join(can) or 'no extensions'}{waits})")

    def _watcher(
        self, folder: str, context: ssl.SSLContext | None, threads: Threads, take: Take
    ) -> Watcher:
        return Watcher(
            folder,
            self._config,
            self._host,
            take,
            enter=lambda: self._enter(context, threads),
            threads=threads,
            tell=self._tell,
            pace=self._pace,
        )

    async def _context(self, threads: Threads) -> ssl.SSLContext | None:
        if self._config.tls == "none":
            return None
        return await threads.call(tls_context, self._config.ca_file)

    async def _enter(self, context: ssl.SSLContext | None, threads: Threads) -> Session:
        """Return a session that is logged in. Raises `CredentialsRejected` or `ServerTrouble`."""
        session = Session(self._config, context)
        try:
            await threads.call(session.connect)
            async with self._door:
                if self._rejected is not None:  # by another folder's login, just now
                    raise self._rejected
                try:
                    await self._log_in(session, threads)
                except omnigate.CredentialsRejected as error:
                    self._rejected = error
                    raise
        except BaseException:
            threads.leave(session)
            raise
        return session

    async def _log_in(self, session: Session, threads: Threads) -> None:
        if self._tokens is None:
            await threads.call(session.log_in, None)
            return
        try:
            token = await self._tokens.token()
            try:
                await self._show(session, token, threads)
            except TokenRefused as refused:
                # It may have ended before its time: once more with another, if there is one.
                other = await self._tokens.token(refused=token)
                if other == token:
                    raise refused
                await self._show(session, other, threads)
        except TokenRefused as refused:
            whose = f"{self._config.host} refuses the access token of {self._config.username}"
            if (file := self._tokens.file) is not None:
                # Whatever renews it may only be late, as after a start of the machine.
                raise ServerTrouble(
                    f"{whose} in {file}: {refused}. It goes on once another is there; is what renews it "
                    "at work?"
                ) from None
            raise omnigate.CredentialsRejected(
                f"{whose}: {refused}. Give consent anew, then reload"
            ) from None
        except omnigate.NotReady as error:
            raise ServerTrouble(str(error)) from None

    async def _show(self, session: Session, token: str, threads: Threads) -> None:
        """Log in with a token; one that was refused last is not shown again, for that locks accounts."""
        if self._refused is not None and self._refused[0] == token:
            raise self._refused[1]
        try:
            await threads.call(session.log_in, token)
        except TokenRefused as refused:
            self._refused = token, refused
            raise

    def _tell(self, folder: str, state: State, words: str) -> None:
        """Say how the mailbox is, all folders together."""
        self._states[folder] = (state, words)
        states = [one for one, _ in self._states.values()]
        said = "; ".join(f"{name}: {why}" for name, (_, why) in self._states.items() if why)
        if all(one == "down" for one in states):
            self._status("down", said)
        elif any(one in ("down", "degraded") for one in states):
            self._status("degraded", said)
        elif all(one == "up" for one in states):
            self._status("up", f"reads {', '.join(self._states)}")


def _those(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _MOST_NAMES else ""
    return f"there are {', '.join(names[:_MOST_NAMES])}{more}"
