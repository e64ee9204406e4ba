"""One address of the company: how its mail comes in, and what is sent from it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal

import omnigate
from omnigate_email import checking, sending
from omnigate_email.accounts import SmtpConfig
from omnigate_email.acknowledging import Acknowledging
from omnigate_email.arriving import Arrival
from omnigate_email.config import EmailConfig
from omnigate_email.imap.copies import Copies
from omnigate_email.imap.fetched import Fetched
from omnigate_email.imap.mailbox import Mailbox
from omnigate_email.intake import Intake
from omnigate_email.listening import doorways
from omnigate_email.listening.config import ListenerConfig
from omnigate_email.listening.listener import listening
from omnigate_email.mail import Mail
from omnigate_email.meaning import handing
from omnigate_email.meaning.loops import Guard, Limits, loop_mark
from omnigate_email.meaning.tokens import Tokens
from omnigate_email.oauth import TokenSource
from omnigate_email.reading.worker import Reader
from omnigate_email.sending import Sender
from omnigate_email.smtp.submission import Submission

TIDY_SECONDS: Final = 600.0
"""How often notes that say nothing any more are taken away, and what is owed is tried again."""
READER_SECONDS: Final = 10.0
"""When to come again while mails cannot be read."""
SEND_SECONDS: Final = 600.0
"""A mail of 25 MB over a line of half a megabit a second takes seven minutes."""
LARGEST_FILE_BYTES: Final = 20 * 1024 * 1024
"""Larger files go as links: what most servers take ends at 25 MB, and base64 adds a third."""


class Email(omnigate.Channel):
    """A mailbox that customers write to."""

    kind = "email"
    summary = "E-mail: IMAP, or your own mail server by LMTP or SMTP; sent by SMTP."
    capabilities = omnigate.Capabilities(
        attachments=10,
        attachment_limit_bytes=LARGEST_FILE_BYTES,
        subject=True,
        author=True,
        send_seconds=SEND_SECONDS,
        on_uncertain="native",
    )

    class Config(EmailConfig):
        """Whose address it is, how its mail comes in, and what server takes our mail."""

    config: Config

    def __init__(self, config: Config, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        self._reader: Reader | None = None
        self._cannot_read = False
        self._submission: Submission | None = None
        self.ports: dict[str, int] = {}
        """Where it listens, by protocol; empty while it does not run."""

    # ---- mail that comes --------------------------------------------------------------------------

    async def run(self) -> None:
        """Listen, read the mailbox, and tidy up."""
        try:
            async with AsyncExitStack() as doors:
                await self._open(doors, "lmtp", self.config.lmtp)
                await self._open(doors, "smtp", self.config.smtp_listener)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._tidy())
                    tasks.create_task(self._start_reader())
                    if self._copies is not None:
                        tasks.create_task(self._copies.run())
                    if self._mailbox is not None:
                        tasks.create_task(self._mailbox.run(self._take_fetched))
                    else:
                        self.host.status("up")
        finally:
            self.ports.clear()
            await self._let_go()

    async def _open(
        self,
        doors: AsyncExitStack,
        protocol: Literal["smtp", "lmtp"],
        config: ListenerConfig | None,
    ) -> None:
        """Listen until the stack ends, if that is wanted."""
        if config is None:
            return
        door = listening(
            protocol=protocol,
            host=config.host,
            port=config.port,
            take=self._take_brought,
            is_ours=self.config.own_addresses().receives,
            allow=config.allow,
            max_message_bytes=config.max_message_bytes,
            max_connections=config.max_connections,
            timeout_seconds=config.timeout_seconds,
            hostname=self.config.domain,
            log=self.host.log,
            tls=doorways.certificate(config),
        )
        try:
            self.ports[protocol] = await doors.enter_async_context(door)
        except OSError as error:
            raise omnigate.NotReady(doorways.refusal(config, error)) from None

    async def _take_brought(self, raw: bytes, recipients: Sequence[str], sender: str) -> None:
        await self._intake.take_brought(raw, recipients, sender)

    async def _take_fetched(self, found: Fetched, notes: omnigate.Notes) -> None:
        await self._intake.take(Arrival.fetched(found), notes)

    async def take_again(self, request: omnigate.Request) -> None:
        """Take in a mail that could not be read before; raises `BadPayload` when it still cannot."""
        await self._intake.understand(Arrival.of_update(request))

    async def _read(self, raw: bytes) -> Mail:
        try:
            mail = await self._the_reader().read(raw)
        except omnigate.NotReady as error:
            # The mail is not at fault: it stays where it is, and is offered again.
            self._tell_unread(error)
            raise omnigate.Overloaded(str(error), READER_SECONDS) from None
        if self._cannot_read:
            self._cannot_read = False
            self.host.status("up")
        return mail

    async def _start_reader(self) -> None:
        """Have what reads mails ready, so that the first mail need not wait for it."""
        try:
            await self._the_reader().start()
        except omnigate.NotReady as error:
            self._tell_unread(error)

    def _the_reader(self) -> Reader:
        if self._reader is None:
            self._reader = Reader()
        return self._reader

    def _tell_unread(self, error: omnigate.NotReady) -> None:
        self._cannot_read = True
        self.host.status("degraded", f"mails wait: {error}")

    async def _tidy(self) -> None:
        """Settle what is owed from before, now and then again, and forget what is of no use."""
        while True:
            try:
                await self._acknowledging.settle_all()
                await self._acknowledging.forget(datetime.now(UTC))
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                self.host.log.warning("tidying up has to wait", reason=str(error))
            await asyncio.sleep(TIDY_SECONDS)

    async def _let_go(self) -> None:
        reader, self._reader = self._reader, None
        submission, self._submission = self._submission, None
        if submission is not None:
            await submission.close()
        if reader is not None:
            await reader.close()

    # ---- mail that goes ---------------------------------------------------------------------------

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """Send one part as one mail."""
        if self.config.smtp is None:
            raise omnigate.Refused("no_smtp", "this channel has no smtp server to send through")
        if self._submission is None:
            self._submission = Submission(self.config.smtp, self.host, self._smtp_tokens)
        return await self._sender.send(part, self._submission)

    def estimate(self, part: omnigate.OutboundPart) -> None:
        """Count nothing; raises `omnigate.Refused` for what would not be sent."""
        if self.config.smtp is None:
            raise omnigate.Refused("no_smtp", "this channel has no smtp server to send through")
        sending.require_sendable(part)

    def conversation_of(self, address: omnigate.Address) -> str:
        """Return the conversation that begins when we write to a mailbox first."""
        return sending.conversation_of(address, self.config, self._tokens)

    def handover_link(self, token: str) -> str | None:
        """Return a link that writes a mail to an address with the token in it."""
        if not self.config.plus_addresses:
            return None
        return handing.link(self.config.address, token, self.config.delimiter)

    # ---- for the operator -------------------------------------------------------------------------

    async def check(self) -> omnigate.Health:
        """Log in to both servers, and say what is wrong in their words; nothing is read or sent."""
        servers = []
        if (imap := self.config.imap) is not None and self._mailbox is not None:
            asked = self._mailbox.check(keeps_copies=self.config.sent_copy)
            servers.append(checking.within(asked, f"IMAP: {imap.server}"))
        if (smtp := self.config.smtp) is not None:
            servers.append(checking.within(self._submits(smtp), f"SMTP: {smtp.server}"))
        found = list(await asyncio.gather(*servers))
        for protocol, config in self._doors():
            is_open = protocol.lower() in self.ports
            found.append(await doorways.check(protocol, config, is_open=is_open))
        return checking.together(found)

    def talks_to(self) -> str:
        """Return the servers, and the doors that mail is brought to."""
        servers = [one.server for one in (self.config.imap, self.config.smtp) if one is not None]
        doors = [f"{protocol} on {config.listen}" for protocol, config in self._doors()]
        return ", ".join((*doors, *dict.fromkeys(servers)))

    async def _submits(self, config: SmtpConfig) -> omnigate.Health:
        submission = Submission(config, self.host, self._smtp_tokens)
        try:
            health = await submission.check()
        finally:
            await submission.close()
        return omnigate.Health(health.state, f"SMTP: {health.message}")

    def _doors(self) -> Sequence[tuple[str, ListenerConfig]]:
        doors = (("LMTP", self.config.lmtp), ("SMTP", self.config.smtp_listener))
        return [(protocol, config) for protocol, config in doors if config is not None]

    # ---- what it is made of -----------------------------------------------------------------------

    @cached_property
    def _tokens(self) -> Tokens:
        return Tokens(self.host.secret("tokens"), delimiter=self.config.delimiter)

    @cached_property
    def _loop_mark(self) -> str:
        return loop_mark(self.host.secret("loops"))

    @cached_property
    def _guard(self) -> Guard:
        limits = Limits(mails_of_a_peer=self.config.loop_mails)
        if (wanted := self.config.acknowledge) is not None:
            limits = Limits(
                mails_of_a_peer=self.config.loop_mails,
                answers_per_sender_per_hour=wanted.per_sender_per_hour,
                answers_per_hour=wanted.per_hour,
            )
        return Guard(limits)

    @cached_property
    def _acknowledging(self) -> Acknowledging:
        return Acknowledging(self.host, self._guard, self.config.acknowledge)

    @cached_property
    def _intake(self) -> Intake:
        return Intake(
            self.host, self.config, self._tokens, self._read, self._acknowledging, self._loop_mark
        )

    @cached_property
    def _sender(self) -> Sender:
        copy = self._copies.add if self._copies is not None else None
        return Sender(self.host, self.config, self._tokens, self._guard, self._loop_mark, copy)

    @cached_property
    def _copies(self) -> Copies | None:
        if self._mailbox is None or not self.config.sent_copy:
            return None
        return Copies(self._mailbox, self.host)

    @cached_property
    def _imap_tokens(self) -> TokenSource | None:
        config = self.config.imap
        return TokenSource(config.oauth) if config is not None and config.oauth else None

    @cached_property
    def _smtp_tokens(self) -> TokenSource | None:
        config, imap = self.config.smtp, self.config.imap
        if config is None or config.oauth is None:
            return None
        if imap is not None and imap.oauth == config.oauth:
            return self._imap_tokens
        return TokenSource(config.oauth)

    @cached_property
    def _mailbox(self) -> Mailbox | None:
        if self.config.imap is None:
            return None
        return Mailbox(self.config.imap, self.host, tokens=self._imap_tokens)
