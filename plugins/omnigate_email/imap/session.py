"""One connection to one folder, in the words of whoever reads it: log in, open, find, fetch, mark, wait.

Everything blocks and belongs into a thread, one call at a time; only `Session.abort` is for anybody. What
goes wrong is `omnigate.CredentialsRejected` (do not try again) or stands in `imaptroubles`; every method may
raise `ServerTrouble`.

imap-tools' own ``flag``, ``delete`` and ``move`` are not used: they expunge the whole folder, and with it
what other people only marked as deleted.

Source: RFC 3501, RFC 4315 (UIDPLUS), RFC 6851 (MOVE), RFC 7162 (CONDSTORE), read 2026-11-22.
"""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import date, datetime

from imap_tools.errors import MailboxFolderSelectError
from imap_tools.utils import encode_folder

from omnigate_email.imap import sentcopy
from omnigate_email.imap.client import Client, Tools
from omnigate_email.imap.config import ImapConfig
from omnigate_email.imap.fetch import Content, Facts, content_of, facts_of
from omnigate_email.imap.fetched import Fetched, key_of, message_id_of
from omnigate_email.imap.line import Line
from omnigate_email.imap.login import log_in
from omnigate_email.imap.replies import Value, fetched, number, search_day
from omnigate_email.imap.troubles import (
    FolderTrouble,
    MailTrouble,
    ServerTrouble,
    reading,
    refusal,
    speaking,
)
from omnigate_email.imap.words import quoted


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder as it is when it is opened."""

    uidvalidity: int
    uidnext: int
    modseq: int | None
    permanent_flags: frozenset[str]

    def allows(self, keyword: str) -> bool:
        """Tell whether mails can be given a keyword that lasts."""
        return "\\*" in self.permanent_flags or keyword.lower() in self.permanent_flags


class Session:
    """One connection; `connect`, `log_in` and `open` come first."""

    def __init__(self, config: ImapConfig, context: ssl.SSLContext | None) -> None:
        self._config = config
        self._context = context
        at_once = context if config.tls == "implicit" else None
        self._line = Line(config.host, config.reached_port, config.timeout_seconds, at_once)
        self._tools: Tools | None = None
        self._client: Client | None = None
        self._uidvalidity = 0
        self._folder = ""
        self._refuses_idle = False

    def abort(self) -> None:
        """End the connection at once; what waits for it in a thread raises `ServerTrouble`."""
        self._line.abort()

    def close(self) -> None:
        """Take leave if that can be, and give the connection back; safe to repeat."""
        if self._client is not None:
            with suppress(imaplib.IMAP4.error, OSError):  # it is over either way
                self._client.clear()
                self._client.logout()
        self._line.close()

    def connect(self) -> None:
        """Connect, in TLS as configured. Raises `ServerTrouble`."""
        with speaking(self._config.server):
            client = Client(self._line, self._config.host, self._config.reached_port)
            self._client, self._tools = client, Tools(client)
            if self._config.tls == "starttls" and self._context is not None:
                client.encrypt(self._context)

    def log_in(self, token: str | None) -> None:
        """Log in with the password, or a token. Raises `TokenRefused`, and as told above."""
        client = self._ready()
        with speaking(self._config.server):
            client.clear()
            log_in(client, self._library(), self._config, token)
            client.look_up_capabilities()
            client.introduce()

    def can(self, capability: str) -> bool:
        """Tell whether the server has a capability."""
        return capability in self._ready().capabilities

    def folders(self) -> list[str]:
        """Return the names of all folders that can be opened. Raises `ServerTrouble`."""
        with speaking(self._config.server):
            self._ready().clear()
            found = self._library().folder.list()
        return [one.name for one in found if "\\noselect" not in map(str.lower, one.flags)]

    def sent_folder(self) -> str | None:
        """Return the name of the folder for sent mail, if one is found. Raises `ServerTrouble`."""
        with speaking(self._config.server):
            self._ready().clear()
            return sentcopy.sent_folder(self._library().folder.list())

    def keep_sent(self, content: bytes, sent_at: datetime) -> str:
        """Put a mail into the folder for sent mail; return its name. Raises `NotReady`: see `sentcopy`."""
        self._ready().clear()
        return sentcopy.keep(lambda: nullcontext(self._library()), content, sent_at)

    def open(self, folder: str, *, read_only: bool) -> Opened:
        """Open a folder. Raises `FolderTrouble`, `ServerTrouble`."""
        client, library = self._ready(), self._library()
        with speaking(self._config.server):
            client.clear()
            try:
                library.folder.set(folder, readonly=read_only)
            except MailboxFolderSelectError as error:
                raise refusal(error.command_result[1], FolderTrouble) from None
            except imaplib.IMAP4.readonly:
                raise FolderTrouble(
                    'it can only be read, not changed: set after_reading = "nothing"'
                ) from None
            if (uidvalidity := client.told("UIDVALIDITY")) is None:
                raise FolderTrouble("the server's numbers of mails do not last (no UIDVALIDITY)")
            self._folder, self._uidvalidity = folder, number(uidvalidity)
            uidnext = client.told("UIDNEXT")
            modseq = client.told("HIGHESTMODSEQ")
            flags = (client.told("PERMANENTFLAGS") or b"").strip(b"()").decode("ascii", "replace")
            client.look()  # what there is now is told by these numbers
            return Opened(
                uidvalidity=self._uidvalidity,
                uidnext=number(uidnext) if uidnext else self._last_uid() + 1,
                modseq=number(modseq) if modseq else None,
                permanent_flags=frozenset(flags.lower().split()),
            )

    def uids_after(self, uid: int) -> list[int]:
        """Return the numbers of all mails after one, in order. Raises `ServerTrouble`."""
        self._ready().look()
        # The star is the last mail, whatever its number: it is found when there is nothing new, too.
        return [one for one in self._search(f"UID {uid + 1}:*") if one > uid]

    def uids_since(self, day: date, first: int, last: int) -> list[int]:
        """Return the numbers of mails within bounds that arrived on a day or later, in order."""
        return self._search(f"UID {first}:{last} SINCE {search_day(day)}")

    def facts(self, uids: Sequence[int]) -> dict[int, Facts]:
        """Return what is to be known first, without those that are gone. Raises `MailTrouble`."""
        return facts_of(self._fetch, uids)

    def fetch(self, facts: Facts) -> Fetched | None:
        """Return a mail, or what is wanted of it when it is too large; None when it is gone."""
        try:
            content = content_of(self._fetch, facts, self._config.max_message_bytes)
        except MailTrouble:
            if self._is_there(facts.uid):
                raise
            return None  # Dovecot gives NIL for what somebody has just expunged
        return self._fetched(facts, content) if content is not None else None

    def mark(self, uids: Sequence[int]) -> None:
        """Do to mails what is to be done after reading; safe to repeat. Raises `MailTrouble`."""
        many = ",".join(map(str, uids))
        policy = self._config.after_reading
        if policy == "seen":
            self._change("STORE", many, "+FLAGS.SILENT", r"(\Seen)")
        elif policy == "keyword":
            self._change("STORE", many, "+FLAGS.SILENT", f"({self._config.keyword})")
        elif policy == "move" and self._config.move_to is not None:
            target = encode_folder(self._config.move_to).decode("ascii")
            if self.can("MOVE"):
                self._change("MOVE", many, target)
            elif self.can("UIDPLUS"):
                self._change("COPY", many, target)
                self._change("STORE", many, "+FLAGS.SILENT", r"(\Deleted)")
                self._change("EXPUNGE", many)
            else:
                raise MailTrouble("the server offers neither MOVE nor UIDPLUS")

    @property
    def idles(self) -> bool:
        """Whether news can be waited for."""
        return self.can("IDLE") and not self._refuses_idle

    def wait(self, seconds: float) -> bool:
        """Wait for news, at most so long (IDLE); returns at once where the server refuses it after all."""
        client = self._ready()
        with speaking(self._config.server):
            try:
                return client.wait_for_news(seconds)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                self._refuses_idle = True
                return False

    def poke(self) -> None:
        """Keep the connection, and let the server tell of changes. Raises `ServerTrouble`."""
        client = self._ready()
        with speaking(self._config.server):
            client.clear()
            client.noop()

    def _ready(self) -> Client:
        if self._client is None:
            raise ServerTrouble("there is no connection")
        return self._client

    def _library(self) -> Tools:
        if self._tools is None:
            raise ServerTrouble("there is no connection")
        return self._tools

    def _is_there(self, uid: int) -> bool:
        self.poke()  # only now are we told of what others expunged
        return uid in self._search(f"UID {uid}")

    def _last_uid(self) -> int:
        return max(self._search("UID *"), default=0)

    def _search(self, criteria: str) -> list[int]:
        client = self._ready()
        with speaking(self._config.server):
            client.clear()
            status, data = client.uid("SEARCH", criteria)
            if status != "OK":
                raise ServerTrouble(f"SEARCH: {quoted(data)}")
            lines = [line for line in data if isinstance(line, bytes)]
            return sorted({int(one) for line in lines for one in line.split() if one.isdigit()})

    def _fetch(self, uids: str, items: str, most_bytes: int) -> list[dict[str, Value]]:
        client = self._ready()
        with speaking(self._config.server), reading(uids):
            client.clear(most_bytes)
            status, data = client.uid("FETCH", uids, items)
            if status != "OK":
                raise refusal(data, MailTrouble)
            return fetched(data)

    def _fetched(self, facts: Facts, content: Content) -> Fetched:
        return Fetched(
            folder=self._folder,
            uidvalidity=self._uidvalidity,
            uid=facts.uid,
            raw=content.raw,
            arrived_at=facts.arrived_at,
            flags=facts.flags,
            size_bytes=facts.size_bytes,
            key=key_of(content.headers, facts.size_bytes),
            message_id=message_id_of(content.headers),
            truncated=bool(content.remark),
            remark=content.remark,
        )

    def _change(self, command: str, *arguments: str) -> None:
        client = self._ready()
        with speaking(self._config.server), reading(arguments[0]):
            client.clear()
            status, data = client.uid(command, *arguments)
            if status != "OK":
                raise refusal(data, MailTrouble)
