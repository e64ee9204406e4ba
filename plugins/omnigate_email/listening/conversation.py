"""One connection of a mail server that brings mail: commands by the library, the mail itself by us.

Source: RFC 5321, RFC 2033 (LMTP: one answer per recipient after DATA), RFC 3463 (codes); aiosmtpd 1.4.6
(read 2026-11-22).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any, Final, cast

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, syntax

from omnigate_email.listening.desk import STRANGER, TOO_BUSY, Desk

BUFFER_BYTES: Final = 64 * 1024
"""What the connection's reader holds before it asks the peer to wait; twice that at most."""
LONGEST_COMMAND_BYTES: Final = 4096

CLOSING: Final = "421 4.3.2 Going down; try again later"
SILENT: Final = "421 4.4.2 Nothing was said for too long; try again later"
TOO_BIG: Final = "552 5.3.4 The mail is larger than this server takes"

_END: Final = b"\r\n.\r\n"
_ALL: Final = 16 * 1024 * 1024
"""More than a reader ever holds."""


class Conversation(SMTP):
    """One connection. Turned away before a word is read when it is nobody's or one too many."""

    line_length_limit = BUFFER_BYTES

    def __init__(self, desk: Desk, **options: Any) -> None:
        self._desk = desk
        self._is_refused = False
        self._is_taking = False
        # Of this connection: the library would share one table among all, and count EHLOs into it.
        self.command_size_limits = defaultdict(lambda: LONGEST_COMMAND_BYTES)
        super().__init__(desk, **options)

    @property
    def is_taking(self) -> bool:
        """Whether a mail is on its way in."""
        return self._is_taking

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless the peer may not or there are too many already."""
        desk = self._desk
        reason = None
        if self not in desk.open:  # it is, when STARTTLS begins anew
            if not desk.admits(transport.get_extra_info("peername")):
                reason = STRANGER
            elif len(desk.open) >= desk.max_connections:
                reason = TOO_BUSY
        if reason is not None:
            self._is_refused = True
            _say_last(transport, reason)
            return
        desk.open.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read; nothing of what somebody says who was turned away."""
        if not self._is_refused:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """End with the peer, who has nothing left to say.

        The library would leave it to the task that talks, which may not have begun: with a peer that comes
        and goes at once, as checks of monitors do, the connection would stay open until its time is out.
        """
        if not self._is_refused:
            super().eof_received()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._desk.open.discard(self)
        if not self._is_refused:
            super().connection_lost(error)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take a mail, whatever the length of its lines.

        Read in large pieces: the library reads line by line and moves all that waits with each, which stalls
        the event loop for a second at 25 MB. RFC 5321 limits lines to 1 000 bytes; programs that write HTML
        in one line are many, and to refuse them loses mails.
        """
        if await self.check_helo_needed() or self.envelope is None:
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        recipients = len(self.envelope.rcpt_tos)
        if not recipients:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        self._is_taking = True
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            content = await self._read_mail()
            if content is None:
                answer = TOO_BIG
            else:
                self._rest_timeout()
                answer = await self._desk.store(content, self.envelope)
            self.envelope = self._create_envelope()
            await self.push("\r\n".join([answer] * self._answers_to(recipients)))
        finally:
            self._is_taking = False
            if self.transport is not None:
                self._reset_timeout()

    async def _read_mail(self) -> bytes | None:
        """Return what comes up to a line with nothing but a full stop; None when it is too much.

        Only CR LF ends a line here: mails must not end where another server saw no end.
        """
        found = bytearray(b"\r\n")  # as if a line had ended, so that the first may be the last
        is_too_big = False
        while True:
            piece = await self._reader.read(_ALL)
            if not piece:
                raise ConnectionResetError
            self._reset_timeout()  # the library counts from DATA on: a slow line is no silence
            looked_at = max(len(found) - len(_END) + 1, 0)
            found += piece
            end = found.find(_END, looked_at)
            if end >= 0:
                break
            if len(found) > (self.data_size_limit or 0):
                is_too_big = True
            if is_too_big:
                del found[: -len(_END)]
        if rest := found[end + len(_END) :]:
            # What was read is all that had come, so this stands first again: commands that follow.
            self._reader.feed_data(bytes(rest))
        if is_too_big or end > (self.data_size_limit or 0):
            return None
        del found[end + 2 :]
        return bytes(found.replace(b"\r\n.", b"\r\n"))[2:]

    def _rest_timeout(self) -> None:
        """Leave it to the peer how long it waits for us: the time-out is for its silence."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def _answers_to(self, recipients: int) -> int:
        return 1

    def close(self) -> None:
        """End the connection; a mail that has had no answer stays with the peer.

        Should it be stored all the same, it is known when it comes again.
        """
        if self.transport is not None:
            _say_last(self.transport, CLOSING)

    def _timeout_cb(self) -> None:
        """End a connection on which nothing was said for long; the library would without a word."""
        if self.transport is not None:
            _say_last(self.transport, SILENT)


def _say_last(transport: asyncio.BaseTransport, words: str) -> None:
    # By cast: transports of uvloop derive from nothing of asyncio's.
    writing = cast(asyncio.WriteTransport, transport)
    writing.write(f"{words}\r\n".encode())
    writing.close()


class LmtpConversation(Conversation, LMTP):
    """One connection that speaks LMTP."""

    def _answers_to(self, recipients: int) -> int:
        return recipients
