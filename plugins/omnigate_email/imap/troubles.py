"""What can go wrong at a mailbox, by what is of no more use: the connection, the folder, the mail."""

from __future__ import annotations

import imaplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from imap_tools.errors import ImapToolsError

from omnigate_email.imap.replies import Unreadable
from omnigate_email.imap.words import passes, quoted
from omnigate_email.servers import distrust


class ServerTrouble(Exception):
    """The connection is lost, or the server is not to be talked to now; says what happened."""


class FolderTrouble(Exception):
    """The folder cannot be opened; says what the server says."""


class MailTrouble(Exception):
    """A mail cannot be read or changed; says why."""


class TokenRefused(Exception):
    """The access token is not good, perhaps no longer; says what the server says."""


def refusal(told: object, otherwise: type[Exception]) -> Exception:
    """Return what an answer of NO means: the server's own trouble, or otherwise."""
    words = quoted(told).rstrip(".")
    return ServerTrouble(words) if passes(words) else otherwise(words)


@contextmanager
def speaking(server: str) -> Iterator[None]:
    """Have all that a conversation can end with be a `ServerTrouble` that names the server, host and port."""
    try:
        yield
    except OSError as error:
        raise ServerTrouble(f"{server} {_why(error)}") from None
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        raise ServerTrouble(f"{server}{_said(error)}") from None
    except (ValueError, TypeError, LookupError) as error:  # the libraries trip over odd answers so
        raise ServerTrouble(
            f"{server}: the server's answer cannot be read: {quoted(error)}"
        ) from None


def _said(error: Exception) -> str:
    """Return the server's own words, or in ours what the library says of it."""
    words = quoted(error)
    if words.endswith("EOF"):
        return " closed the connection"
    _, found, answer = words.partition("unexpected response: ")
    if found:
        # The library shows bytes as Python writes them.
        return f" does not speak IMAP: it says {answer.removeprefix('b')}; check port and tls"
    return f": {words}"


def _why(error: OSError) -> str:
    """Return what a server does, and what to look at, in words that go on after its name."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that cannot be trusted: {distrust(error)}"
    if isinstance(error, ssl.SSLError):
        return "does not speak TLS as expected; check port and tls"
    if isinstance(error, socket.gaierror):
        return f"cannot be found: {quoted(error.strerror)}; check host"
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections; is anything running there? Check host and port"
    if isinstance(error, TimeoutError):
        return "did not answer in time; check host, port and tls"
    return f"cannot be spoken to: {quoted(error.strerror or str(error) or type(error).__name__)}"


@contextmanager
def reading(uids: str) -> Iterator[None]:
    """Have an answer that cannot be understood be the mail's fault, not the connection's."""
    try:
        yield
    except imaplib.IMAP4.abort:
        raise
    except (imaplib.IMAP4.error, Unreadable) as error:
        raise MailTrouble(f"{uids[:50]}: {quoted(error)}") from None
