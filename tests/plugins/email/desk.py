"""A mail channel of Omnigate's at work, the server that takes its mail, and customers who write to it."""

from __future__ import annotations

import asyncio
import email.policy
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, TypeVar

from omnigate_email import Email
from omnigate_email.reading.worker import Reader

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.atwork import at_work, until
from tests.plugins.email.lmtp import deliver
from tests.plugins.email.sink import Sink, sink

T = TypeVar("T")
ADDRESS = "support@shop.test"
ANNA = "anna@client.test"


shared_reader: Reader | None = None
"""The process that reads mails for all channels here; set by a fixture."""


class _Shared(Reader):
    """A reader that others use too: it does not end with one channel."""

    def __init__(self, reader: Reader) -> None:
        self.read = reader.read  # type: ignore[method-assign]  # all else of it is the other's
        self.start = reader.start  # type: ignore[method-assign]  # as above

    async def close(self) -> None:
        pass


def letter(
    text: str = "Добрый день!",
    *,
    author: str = "Анна <anna@client.test>",
    to: str = ADDRESS,
    subject: str | None = "Вопрос",
    message_id: str | None = "<1@client.test>",
    html: str | None = None,
    files: Sequence[tuple[str, str, bytes]] = (),
    **headers: str,
) -> bytes:
    """Return a mail as a client writes it; headers are named with ``_`` for ``-``."""
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"] = author, to
    if subject is not None:
        mail["Subject"] = subject
    mail["Date"] = "Sun, 22 Nov 2026 10:00:00 +0300"
    if message_id is not None:
        mail["Message-ID"] = message_id
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    if html is not None:
        mail.add_alternative(html, subtype="html")
    for name, mime, content in files:
        kind, _, subtype = mime.partition("/")
        mail.add_attachment(content, kind, subtype, filename=name)
    return mail.as_bytes()


def read(content: bytes) -> EmailMessage:
    """Return a mail as the standard library reads it."""
    found = BytesParser(policy=email.policy.default).parsebytes(content)
    assert isinstance(found, EmailMessage)
    return found


@dataclass
class Desk:
    """A channel at work, and both sides of it."""

    channel: Email
    host: FakeHost
    sink: Sink

    @property
    def port(self) -> int:
        """Where it takes mail by LMTP."""
        return self.channel.ports["lmtp"]

    @property
    def items(self) -> list[Any]:
        return self.host.store.items

    async def deliver(
        self,
        raw: bytes,
        *recipients: str,
        sender: str = ANNA,
        expect: str = "250",
    ) -> None:
        """Hand over a mail by LMTP, as the company's mail server does."""
        answers = await asyncio.to_thread(
            deliver, self.port, raw, recipients or (ADDRESS,), sender=sender
        )
        assert answers, "no recipient was taken"
        assert all(one.startswith(expect) for one in answers), answers

    def said(self) -> list[omnigate.InboundMessage]:
        """Return what customers said."""
        return [one for one in self.items if isinstance(one, omnigate.InboundMessage)]

    def particulars(self, number: int = -1) -> dict[str, Any]:
        """Return what only mail has of a customer's message."""
        return dict(self.said()[number].extensions["mail"])

    async def until(self, holds: Callable[[], T], what: str = "what is waited for") -> T:
        """Return what a condition gives once it is true."""
        return await until(holds, what, lambda: f"{self.items!r} {self.host.states!r}")

    def part(
        self, conversation: str, text: str | None = "Здравствуйте!", **more: Any
    ) -> omnigate.OutboundPart:
        """Return something to be sent to Anna."""
        number = more.pop("number", 1)
        message = f"msg_06g6{number:022d}"
        fields: dict[str, Any] = {
            "id": f"{message}.0",
            "message": message,
            "index": 0,
            "parts": 1,
            "conversation": conversation,
            "address": f"mailto:{ANNA}",
            "text": text,
        }
        return omnigate.OutboundPart.model_validate({**fields, **more})

    async def answer(
        self, conversation: str, text: str = "Здравствуйте!", **more: Any
    ) -> EmailMessage:
        """Send an answer; return it as the customer gets it."""
        count = len(self.sink.arrived)
        sent = await self.channel.send(self.part(conversation, text, **more))
        self.host.store.sent(self.host.name, sent.external_id, conversation)
        arrived = await self.sink.wait_for(count + 1)
        return read(arrived[-1].content)


@asynccontextmanager
async def open_desk(
    *,
    store: MemoryStore | None = None,
    name: str = "mail",
    running: bool = True,
    out: Sink | None = None,
    **config: Any,
) -> AsyncIterator[Desk]:
    """Run a channel with a door for LMTP and a server that takes its mail."""
    async with AsyncExitStack() as stack:
        if out is None:
            out = await stack.enter_async_context(sink())
        host = await stack.enter_async_context(FakeHost(name, kind="email", store=store))
        section = Email.Config.model_validate(
            {
                "address": ADDRESS,
                "from_name": "Магазин",
                "lmtp": {"listen": "127.0.0.1:0"},
                "smtp": {"host": "127.0.0.1", "port": out.port, "tls": "none"},
                **config,
            }
        )
        channel = Email(section, host)
        if shared_reader is not None:
            channel._reader = _Shared(shared_reader)
        desk = Desk(channel, host, out)
        if running:
            await stack.enter_async_context(at_work(channel))
            await desk.until(lambda: channel.ports or section.lmtp is None, "it listens")
        yield desk
