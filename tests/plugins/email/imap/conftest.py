"""A mailbox on a real Dovecot, read by the part under test, and a store behind it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest
from omnigate_email.imap.config import ImapConfig
from omnigate_email.imap.fetched import Fetched
from omnigate_email.imap.mailbox import Mailbox
from omnigate_email.imap.pauses import Pace

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.atwork import until
from tests.plugins.email.dovecot import PASSWORD, Dovecot, dovecot

__all__ = ["dovecot"]  # a fixture

T = TypeVar("T")
SECONDS = 30.0
_users = itertools.count(1)

QUICK = Pace(first_seconds=0.05, longest_seconds=0.5, folder_again_seconds=0.2)
"""For tests that have nothing to wait for."""


class Reading:
    """A mailbox of one user, what was taken from it, and the daemon around it."""

    def __init__(self, server: Dovecot, user: str, store: MemoryStore) -> None:
        self.server = server
        self.user = user
        self.store = store
        self.host = FakeHost("post", kind="email", store=store)
        self.taken: list[Fetched] = []
        """Every hand-over that was stored, repetitions too."""
        self.refuse: Callable[[Fetched], None] = lambda _: None
        """Raises what storing is to raise."""
        self.asked = 0

    async def take(self, found: Fetched, notes: Mapping[str, str | None]) -> None:
        """Store a mail with the notes, in the manner of a channel."""
        self.asked += 1
        self.refuse(found)
        subject = next(
            line for line in found.raw.splitlines() if line.lower().startswith(b"subject:")
        )
        item = omnigate.InboundMessage(
            external_id=found.key,
            conversation="all",
            occurred_at=found.arrived_at,
            sender=omnigate.Profile(address=omnigate.mailto("anna@example.test")),
            text=subject[8:].strip().decode(),
        )
        await self.host.put(item, notes=notes)
        self.taken.append(found)

    @property
    def texts(self) -> list[str]:
        """The subjects of what is stored, each mail once, in order."""
        return [item.text or "" for item in self.store.items]  # type: ignore[attr-defined]  # all messages

    @property
    def state(self) -> str:
        """What the operator is told last."""
        return " ".join(self.host.states[-1]) if self.host.states else ""

    def write(self, *subjects: str, to: str | None = None, more: str = "") -> None:
        """Have a customer write mails that are delivered one after the other."""
        for subject in subjects:
            self.server.deliver(to or f"{self.user}@omnigate.test", mail(subject, more))

    def config(self, **more: Any) -> ImapConfig:
        """Return a configuration for the mailbox; ``poll_seconds`` may be as short as a test wants."""
        quick = {key: more.pop(key) for key in ("poll_seconds",) if key in more}
        given = {"host": "127.0.0.1", "port": self.server.imap_port, "tls": "none"}
        login = {} if "oauth" in more else {"password": PASSWORD}
        config = ImapConfig(**given | {"username": self.user} | login | more)
        return config.model_copy(update=quick)

    @asynccontextmanager
    async def reading(self, pace: Pace = QUICK, **more: Any) -> AsyncIterator[asyncio.Task[None]]:
        """Read the mailbox for as long as this lasts; a new daemon over the same store each time."""
        self.host = FakeHost("post", kind="email", store=self.store)
        mailbox = Mailbox(self.config(**more), self.host, pace=pace)
        task = asyncio.create_task(mailbox.run(self.take))
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, omnigate.CredentialsRejected):
                async with asyncio.timeout(SECONDS):
                    await task

    async def until(self, holds: Callable[[], T], what: str = "what is waited for") -> T:
        """Return what a condition gives once it is true."""
        return await until(
            holds, what, lambda: f"{self.texts} {self.host.states} {self.host.log_lines}"
        )

    async def up(self) -> None:
        """Wait until every folder is read and news are waited for."""
        await self.until(lambda: self.state.startswith("up"), "the mailbox is read")

    async def has(self, *subjects: str) -> None:
        """Wait until these are stored, and see that nothing else is."""
        await self.until(lambda: len(self.texts) >= len(subjects), f"{subjects} are stored")
        assert self.texts == list(subjects)


def mail(subject: str, more: str = "", body: str = "Hello.") -> bytes:
    """Return a mail; the subject makes its Message-ID."""
    head = f"From: Anna <anna@example.test>\r\nTo: shop@omnigate.test\r\nSubject: {subject}\r\n"
    name = subject.replace(" ", "-").encode("ascii", "replace").decode()
    head += f"Message-ID: <{name}@example.test>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0300\r\n"
    return f"{head}{more}\r\n{body}\r\n".encode()


@pytest.fixture
def box(dovecot: Dovecot) -> Reading:
    """Give the mailbox of a user nobody had before; the folder INBOX is there and empty."""
    user = f"user{next(_users)}"
    with dovecot.client(user) as client:
        client.select()
    return Reading(dovecot, user, MemoryStore())
