"""One connection to a submission server, and what is said on it.

    connect → greeting → EHLO → (STARTTLS → EHLO) → (AUTH, see `login`) → MAIL → RCPT … → DATA → mail → MAIL …

Until the last byte of a mail is handed to the system, a lost connection means that it was surely not sent;
from then until the answer nobody knows, and `Uncertain` is raised.

Source: RFC 5321, RFC 1870 (SIZE), RFC 3207 (STARTTLS), RFC 6531 (SMTPUTF8), all read 2026-11-22.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar, cast

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPHeloError,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

import omnigate
from omnigate_email.accounts import SmtpConfig
from omnigate_email.oauth import TokenSource
from omnigate_email.smtp import refusals
from omnigate_email.smtp.composing import Composed
from omnigate_email.smtp.login import log_in
from omnigate_email.smtp.transparency import stuffed
from omnigate_email.smtp.troubles import why

SLOWEST_BYTES_PER_SECOND: Final = 64 * 1024
"""A mail gets a second more for so many bytes of it."""
QUIT_SECONDS: Final = 2.0

SaidT = TypeVar("SaidT")


class Stale(Exception):
    """A connection that had served before was closed meanwhile; nothing of the mail was sent."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took the mail."""

    reply: str
    """What it said, with its own id of the mail most often."""
    refused: Mapping[str, omnigate.OmnigateError] = field(default_factory=dict)
    """Those who were to get copies, and whom it would not take it for."""


class Dialogue:
    """A connection that is open and logged in."""

    def __init__(self, smtp: SMTP, config: SmtpConfig) -> None:
        self._smtp = smtp
        self._config = config
        self._host = config.host
        self._has_served = False
        self._transport: asyncio.WriteTransport | None = None

    @classmethod
    async def open(
        cls, config: SmtpConfig, context: ssl.SSLContext | None, tokens: TokenSource | None
    ) -> Self:
        """Connect, encrypt and log in.

        Raises `DestinationUnavailable` or `CredentialsRejected`; a password is never said before the
        connection is as safe as the configuration wants it.
        """
        smtp = SMTP(
            hostname=config.host,
            port=config.reached_port,
            use_tls=config.tls == "implicit",
            start_tls=config.tls == "starttls",
            tls_context=context,
            local_hostname=config.hello,
            timeout=config.timeout_seconds,
        )
        dialogue = cls(smtp, config)
        try:
            await dialogue._said("greeting", smtp.connect())
            # A cast, since the transports of uvloop derive from nothing.
            dialogue._transport = cast(asyncio.WriteTransport, smtp.transport)
            await dialogue._said("greeting", dialogue._hello())
            if config.username is not None:
                await dialogue._said("login", log_in(smtp, config, config.username, tokens))
        except BaseException:
            dialogue.abort()
            raise
        return dialogue

    @property
    def is_sound(self) -> bool:
        """Whether it can carry another mail."""
        return self._smtp.is_connected

    @property
    def size_limit_bytes(self) -> int | None:
        """The largest mail that the server takes, if it says so."""
        told = self._smtp.esmtp_extensions.get("size", "").strip()
        return (int(told) or None) if told.isascii() and told.isdigit() else None

    async def deliver(self, mail: Composed, sender: str, attempt: int) -> Accepted:
        """Have the server take one mail; ``sender`` may be empty, for what must not bounce.

        Raises what its refusal means, `Stale`, or `Uncertain`. The connection is closed when it cannot
        carry another mail.
        """
        try:
            refused = await self._envelope(mail, sender, attempt)
            reply = await self._data(mail.content, attempt)
        except BaseException:
            await self._clear_up()
            raise
        finally:
            self._has_served = True
        return Accepted(reply, refused)

    async def noop(self) -> None:
        """Make sure that the server listens."""
        await self._said("greeting", self._smtp.noop())

    async def quit(self) -> None:
        """Take leave; the connection is closed afterwards, whatever the server says."""
        if self._smtp.is_connected:
            with suppress(SMTPException, OSError):
                await self._smtp.quit(timeout=QUIT_SECONDS)
        self.abort()

    def abort(self) -> None:
        """Close the connection at once, without the farewell of TLS: that may take half a minute."""
        self._smtp.close()
        if self._transport is not None:
            self._transport.abort()

    async def _hello(self) -> None:
        try:
            await self._smtp.ehlo()
        except SMTPHeloError:
            if not self._smtp.is_connected:
                raise
            await self._smtp.helo()

    async def _envelope(
        self, mail: Composed, sender: str, attempt: int
    ) -> dict[str, omnigate.OmnigateError]:
        """Say from whom and to whom; return who gets no copy.

        Raises what it means that the first is refused: the mail is for them.
        """
        options = self._options(mail)
        encoding = "utf-8" if mail.needs_smtputf8 else "ascii"
        await self._first(self._smtp.mail(sender, options=options, encoding=encoding), attempt)
        refused: dict[str, omnigate.OmnigateError] = {}
        for recipient in mail.recipients:
            try:
                await self._said(
                    "recipient", self._smtp.rcpt(recipient, encoding=encoding), attempt
                )
            except (omnigate.Refused, omnigate.RetryLater) as error:
                if recipient == mail.recipients[0]:
                    raise
                refused[recipient] = error
        return refused

    def _options(self, mail: Composed) -> list[str]:
        """Return what is said beside the sender; raises `Refused` for what the server cannot take."""
        options = []
        limit, size = self.size_limit_bytes, len(mail.content)
        if limit is not None and size > limit:
            raise omnigate.Refused(
                "too_large",
                f"the mail has {size} bytes and {self._host} takes {limit}; send a link to the file",
            )
        if self._smtp.supports_extension("size"):
            options.append(f"SIZE={size}")
        if mail.needs_smtputf8:
            if not self._smtp.supports_extension("smtputf8"):
                raise omnigate.Refused(
                    "address_not_supported",
                    f"{self._host} does not take addresses with letters beyond ASCII before the @",
                )
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        return options

    async def _data(self, content: bytes, attempt: int) -> str:
        """Send the mail itself and return the answer."""
        # In a thread: a large one takes some tenths of a second.
        wired = await asyncio.to_thread(stuffed, content)
        reply = await self._said("content", self._smtp.execute_command(b"DATA"))
        if reply.code != 354:
            raise self._meaning("content", reply, attempt)
        # Not by the library's own method: that cannot tell what was sent when a connection is lost.
        protocol = self._smtp.protocol
        # By cast: transports of uvloop derive from nothing of asyncio's.
        transport = cast("asyncio.WriteTransport | None", self._smtp.transport)
        if protocol is None or transport is None:
            raise self._unavailable("closed the connection before the mail was sent")
        patience = self._config.timeout_seconds + len(content) / SLOWEST_BYTES_PER_SECOND
        try:
            protocol.write(wired)
            reply = await protocol.read_response(timeout=patience)
        except (SMTPTimeoutError, SMTPServerDisconnected, OSError) as error:
            unsent_bytes = transport.get_write_buffer_size()
            self.abort()
            if isinstance(error, SMTPTimeoutError) and unsent_bytes > 0:
                raise self._unavailable(
                    f"did not take a mail of {len(content)} bytes within {patience:.0f} s"
                ) from None
            raise omnigate.Uncertain(
                f"{self._host} took the mail and did not answer: {why(error)}"
            ) from None
        if not 200 <= reply.code < 300:
            self.abort()  # it may have answered before it had read everything
            raise self._meaning("content", reply, attempt)
        return refusals.words(reply.code, reply.message)

    async def _first(self, command: Awaitable[SMTPResponse], attempt: int) -> None:
        """Begin a mail: here a server says that it has closed the connection meanwhile."""
        try:
            await self._said("sender", command, attempt)
        except omnigate.DestinationUnavailable:
            if self._has_served and not self._smtp.is_connected:
                raise Stale from None
            raise

    async def _clear_up(self) -> None:
        """Leave the connection as new after a mail that was not taken, or closed."""
        task = asyncio.current_task()
        if not self._smtp.is_connected or (task is not None and task.cancelling()):
            self.abort()
            return
        try:
            await self._smtp.rset(timeout=QUIT_SECONDS)
        except (SMTPException, OSError):
            self.abort()

    async def _said(
        self, stage: refusals.Stage, command: Awaitable[SaidT], attempt: int = 1
    ) -> SaidT:
        """Await an answer; raises what its absence or a refusal means."""
        try:
            return await command
        except SMTPResponseException as error:
            raise refusals.meaning(
                stage, error.code, error.message, attempt=attempt, host=self._host
            ) from None
        except (SMTPException, OSError) as error:  # of which ssl.SSLError is one
            raise self._unavailable(why(error)) from None
        except (ValueError, UnicodeError):
            # The library's own look at addresses: ours is stricter, and the name of a login is no address.
            raise omnigate.Refused("bad_address", "an address cannot be said to a server") from None

    def _meaning(
        self, stage: refusals.Stage, reply: SMTPResponse, attempt: int
    ) -> omnigate.OmnigateError:
        return refusals.meaning(stage, reply.code, reply.message, attempt=attempt, host=self._host)

    def _unavailable(self, what: str) -> omnigate.DestinationUnavailable:
        return omnigate.DestinationUnavailable(f"{self._config.server} {what}")
