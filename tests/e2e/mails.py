"""A server that takes what a daemon sends, in a thread, and the mail channels of a daemon's configuration."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from email.message import EmailMessage
from typing import Any

from tests.e2e.apart import Apart
from tests.plugins.email.desk import ADDRESS, read
from tests.plugins.email.lmtp import deliver
from tests.plugins.email.sink import Sink, sink
from tests.ports import free_port

SECONDS = 30.0


class Outside(Apart):
    """Where a daemon's mails end up."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = AsyncExitStack()
        self.sink: Sink = self.do(self._stack.enter_async_context(sink()))

    @property
    def envelopes(self) -> list[Any]:
        """What has come, envelopes and all, in order."""
        return list(self.sink.arrived)

    @property
    def mails(self) -> list[EmailMessage]:
        """What has come, in order."""
        return [read(one.content) for one in self.envelopes]

    def end(self) -> None:
        self.do(self._stack.aclose())
        self.close()


class Mailbox:
    """A mail channel of a daemon: where it takes mail by LMTP, and by SMTP if that is wanted."""

    def __init__(
        self,
        daemon: Any,
        smtp_port: int,
        *more: str,
        address: str = ADDRESS,
        door: int | None = None,
    ) -> None:
        self.port = free_port()
        self.address = address = address.format(port=self.port)
        path = daemon.folder / "omnigate.toml"
        lines = [
            "[channels.mail]",
            'kind = "email"',
            f'address = "{address}"',
            "plus_addresses = true",
            *more,
            "[channels.mail.lmtp]",
            f'listen = "127.0.0.1:{self.port}"',
            "[channels.mail.smtp]",
            'host = "127.0.0.1"',
            f"port = {smtp_port}",
            'tls = "none"',
            *(["[channels.mail.smtp_listener]", f'listen = "127.0.0.1:{door}"'] if door else ()),
        ]
        path.write_text("\n".join([path.read_text(), *lines, ""]))

    def deliver(self, raw: bytes, *recipients: str, sender: str = "anna@client.test") -> list[str]:
        """Hand a mail over by LMTP, once somebody listens; return the answers."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return deliver(self.port, raw, recipients or (self.address,), sender=sender)
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "nobody listens"
                time.sleep(0.05)

    def offer(self, raw: bytes) -> list[str]:
        """Hand a mail over if that can be; return the answers, none when the daemon is not there."""
        try:
            answers = deliver(self.port, raw, (self.address,), sender="anna@client.test")
        except OSError:
            return []
        return [one for one in answers if one]
