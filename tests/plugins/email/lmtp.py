"""A client that hands mails over by LMTP or SMTP, word by word: the library's reads one answer too few."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self


class Client:
    """One connection. Blocking: call it in a thread beside an event loop."""

    def __init__(self, port: int, *, lmtp: bool = True, seconds: float = 20.0) -> None:
        self.lmtp = lmtp
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._file = self.socket.makefile("rb")
        self.heard: list[str] = []
        """Every answer so far."""
        try:
            self.greeting = self.answer()
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End without a word."""
        self._file.close()
        self.socket.close()

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Go on in TLS, after STARTTLS."""
        self._file.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._file = self.socket.makefile("rb")

    def say(self, line: str | bytes) -> str:
        """Send one line; return the answer to it."""
        self.write(line)
        return self.answer()

    def write(self, line: str | bytes) -> None:
        """Send one line."""
        try:
            self.socket.sendall((line.encode() if isinstance(line, str) else line) + b"\r\n")
        except OSError as error:
            # Who was turned away hears of it here: what the server said before tells why.
            error.add_note(f"the server had said {self.heard!r}")
            raise

    def answer(self) -> str:
        """Return the next answer, all its lines; "" when the other side has ended."""
        lines = []
        while line := self._file.readline():
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        self.heard.append("\n".join(lines))
        return self.heard[-1]

    def begin(self, sender: str, recipients: Sequence[str]) -> list[str]:
        """Say hello and who writes to whom; return the answer to each recipient."""
        self.say("LHLO test.example" if self.lmtp else "EHLO test.example")
        self.say(f"MAIL FROM:<{sender}>")
        return [self.say(f"RCPT TO:<{one}>") for one in recipients]

    def send(
        self, raw: bytes, recipients: Sequence[str], sender: str = "sender@client.test"
    ) -> list[str]:
        """Hand over one mail; return the answers after the data: one, or by LMTP one a recipient taken."""
        taken = [one for one in self.begin(sender, recipients) if one.startswith("250")]
        if not taken or not self.say("DATA").startswith("354"):
            return []
        self.write_data(raw)
        return [self.answer() for _ in (taken if self.lmtp else taken[:1])]

    def write_data(self, raw: bytes) -> None:
        """Send a mail as it goes over the wire, its end included."""
        lines = raw.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
        stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
        self.socket.sendall(stuffed + b"\r\n.\r\n")


def deliver(
    port: int,
    raw: bytes,
    recipients: Sequence[str],
    *,
    sender: str = "sender@client.test",
    lmtp: bool = True,
) -> list[str]:
    """Hand over one mail on a connection of its own; return the answers after the data."""
    with Client(port, lmtp=lmtp) as client:
        return client.send(raw, recipients, sender)
