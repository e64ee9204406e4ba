"""An IMAP session's commands over a `Line`: the standard library's client, bounded, for imap-tools.

The library's own input knows neither bounds nor a way to wait for news without losing some of it: what is
read here comes through the line. What it collects of the server's remarks is emptied before every command.

Source: RFC 3501, RFC 2177 (IDLE), RFC 2971 (ID), RFC 5161 (ENABLE), read 2026-11-22.
"""

from __future__ import annotations

import imaplib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from imap_tools.mailbox import BaseMailBox

from omnigate_email.imap.line import Line


@contextmanager
def suppress_refusals() -> Iterator[None]:
    """Go on where a command is not understood, but not without a connection."""
    try:
        yield
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        return


class Client(imaplib.IMAP4):
    """Commands and their answers, for one thread at a time. Raises ``imaplib.IMAP4.error``, ``OSError``."""

    def __init__(self, line: Line, host: str, port: int) -> None:
        self._line = line
        self._exists: object = None
        self._arrivals = self._looked = 0
        super().__init__(host, port)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connect; asked for by the constructor."""
        self.host, self.port = host, port
        self._line.allow()
        self._line.connect()

    def read(self, size: int) -> bytes:
        """Return so many bytes; the line refuses what is beyond its bounds."""
        return self._line.read(size)

    def readline(self) -> bytes:
        """Return one line."""
        return self._line.readline()

    def send(self, data: Any) -> None:
        """Send bytes."""
        self._line.send(bytes(data))

    def shutdown(self) -> None:
        """End the connection."""
        self._line.close()

    def encrypt(self, context: Any) -> None:
        """Go on in TLS (STARTTLS); an error where the server does not offer it."""
        if "STARTTLS" not in self.capabilities:
            raise self.error("the server does not offer STARTTLS")
        status, told = self._simple_command("STARTTLS")
        if status != "OK":
            raise self.error(f"STARTTLS: {told!r}")
        self._line.encrypt(context)
        self._tls_established = True
        self.look_up_capabilities()

    def look_up_capabilities(self) -> None:
        """Ask what the server can do; it tells more after the login (RFC 3501 section 6.2.3)."""
        self._get_capabilities()

    def clear(self, most_bytes: int = 0) -> None:
        """Forget what the server has remarked, and bound what it may say to the next command."""
        self._notice_arrivals()
        goodbye = self.untagged_responses.get("BYE")
        self.untagged_responses.clear()
        if goodbye:
            self.untagged_responses["BYE"] = goodbye
        self._line.allow(most_bytes)

    def look(self) -> None:
        """Take note that the folder is looked through now: only what comes after this is news."""
        self.clear()
        self._looked = self._arrivals

    def told(self, name: str) -> bytes | None:
        """Return the latest remark of a kind since `clear`, such as ``UIDVALIDITY``."""
        found = self.untagged_responses.get(name)
        return found[-1] if found and isinstance(found[-1], bytes) else None

    def introduce(self) -> None:
        """Say who we are (ID), which some providers want, and that we follow changes (CONDSTORE).

        A server that refuses what it offers is used without.
        """
        with suppress_refusals():
            if "ID" in self.capabilities:
                self.xatom("ID", '("name" "Omnigate")')
        with suppress_refusals():
            if {"CONDSTORE", "ENABLE"} <= set(self.capabilities):
                self.enable("CONDSTORE")

    def tell_token(self, mechanism: str, said: bytes, goes_on: bytes) -> None:
        """Log in with a token; a refusal, which comes as a challenge first, is brought to its end."""
        answers = iter((said,))
        respond: Callable[[bytes], bytes] = lambda _: next(answers, goes_on)  # noqa: E731
        self.authenticate(mechanism, respond)

    def wait_for_news(self, seconds: float) -> bool:
        """Wait until the server tells of a change (IDLE), at most so long; true when it did.

        What it told since the last `look`, beside its answers to other commands, it does not tell again:
        that is news at once.
        """
        self.clear()
        if self._arrivals != self._looked:
            return True
        until = time.monotonic() + seconds
        self._line.allow(waiting_seconds=seconds)
        tag = self._command("IDLE")
        news = False
        while (line := self._get_response()) is not None:  # None is the continuation
            if self.tagged_commands.get(tag):
                break
            news = news or _is_news(line)
        if not self.tagged_commands.get(tag):
            news = self._idle(until, news)
            self._line.send(b"DONE\r\n")
        status, told = self._command_complete("IDLE", tag)
        if status != "OK":
            raise self.error(f"IDLE: {told!r}")
        return news

    def _idle(self, until: float, news: bool) -> bool:
        while not news and self._line.wait_readable(until - time.monotonic()):
            news = _is_news(self._get_response() or b"")
            self._check_bye()
        return news

    def _notice_arrivals(self) -> None:
        """Count remarks that there are other mails than before; the same number again is no change."""
        remarks = self.untagged_responses
        expunged = "EXPUNGE" in remarks
        if "EXISTS" in remarks:
            exists = remarks["EXISTS"][-1]
            self._arrivals += expunged or exists != self._exists
            self._exists = exists
        elif expunged:
            self._exists = None


class Tools(BaseMailBox):
    """What imap-tools does with a client that is connected already."""

    def __init__(self, client: Client) -> None:
        self._client = client
        super().__init__()

    def _get_mailbox_client(self) -> Client:
        return self._client


def _is_news(line: bytes) -> bool:
    return line.upper().split()[2:3] == [b"EXISTS"]
