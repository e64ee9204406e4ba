"""The connection below an IMAP session: bytes both ways, bounded in time and in amount, ended at any moment.

Used by one thread at a time, but for `Line.abort`, which is for everybody. Nothing here knows IMAP.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from contextlib import suppress
from typing import Final

_PIECE_BYTES: Final = 64 * 1024
_SLICE_SECONDS: Final = 0.2
"""So soon a connection that is not made yet notices that it is not wanted any more."""
LONGEST_LINE_BYTES: Final = 16 * 1024 * 1024
"""A search that finds 1.5 million mails is one line of this size."""
_LONGEST_SECONDS: Final = 300.0
"""For an exchange without a mail in it, however little the server says at a time."""
_SLOWEST_BYTES_PER_SECOND: Final = 8 * 1024
"""A server that trickles less than this is ended even though it is never silent for long."""


class Line:
    """One connection. All that fails raises ``OSError``, a time-out too."""

    def __init__(
        self, host: str, port: int, timeout_seconds: float, tls: ssl.SSLContext | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._tls = tls
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._aborted = False
        self._left_bytes = LONGEST_LINE_BYTES
        self._until = 0.0

    def allow(self, most_bytes: int = 0, waiting_seconds: float = 0.0) -> None:
        """Begin an exchange: the server may say so much besides a long line, and has the time that takes."""
        self._left_bytes = LONGEST_LINE_BYTES + most_bytes
        seconds = _LONGEST_SECONDS + most_bytes / _SLOWEST_BYTES_PER_SECOND + waiting_seconds
        self._until = time.monotonic() + max(seconds, self._timeout_seconds)

    def connect(self) -> None:
        """Connect to the first address of the host that answers, in TLS if so made."""
        self._dial()
        if self._tls is not None:
            self.encrypt(self._tls)

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Go on in TLS. What the server said in plain text already is not to be trusted: it is an error."""
        if self._received:
            raise OSError(errno.EPROTO, "the server went on in plain text after STARTTLS")
        wrapped = context.wrap_socket(
            self._connected(), server_hostname=self._host, do_handshake_on_connect=False
        )
        self._socket = wrapped
        self._refuse_if_aborted()
        wrapped.do_handshake()

    def send(self, content: bytes) -> None:
        """Send all of it; each piece has the time that an answer has."""
        rest = memoryview(content)
        while rest:
            rest = rest[self._connected().send(rest[:_PIECE_BYTES]) :]

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes; fewer when the connection ended."""
        while len(self._received) < size and self._receive(size - len(self._received)):
            pass
        return self._taken(size)

    def readline(self) -> bytes:
        """Return a line with its end; less when the connection ended."""
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if not self._receive(_PIECE_BYTES):
                return self._taken(searched)
        return self._taken(end + 1)

    def wait_readable(self, seconds: float) -> bool:
        """Wait until there is something to read, be it the end; false when it took too long."""
        connection = self._connected()
        until = time.monotonic() + seconds
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        while not self._received:
            # What is decrypted already is not seen by poll.
            pending = isinstance(connection, ssl.SSLSocket) and connection.pending()
            left_seconds = until - time.monotonic()
            if not pending and not poll.poll(max(0.0, left_seconds) * 1000):
                return False
            if self._take_what_is_there(connection):
                break
        return True

    def abort(self) -> None:
        """End the connection at once: whoever waits for it, in any thread, gets an error or the end."""
        self._aborted = True
        if self._socket is not None:
            with suppress(OSError):  # it has ended already
                # Not TLS's own: that one would wait for the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back; safe to repeat."""
        self.abort()
        if self._socket is not None:
            self._socket.close()

    def _dial(self) -> None:
        failure: OSError = OSError(errno.EHOSTUNREACH, "the host has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM
        ):
            one = socket.socket(family, kind, protocol)
            try:
                self._reach(one, address)
            except OSError as error:
                one.close()
                failure = error
                continue
            self._socket = one
            self._refuse_if_aborted()
            return
        raise failure

    def _reach(self, one: socket.socket, address: tuple[object, ...]) -> None:
        """Connect in small steps, because nothing wakes a connection that is being made."""
        one.setblocking(False)
        until = time.monotonic() + self._timeout_seconds
        state = one.connect_ex(address)
        poll = select.poll()
        poll.register(one, select.POLLOUT)
        while state == errno.EINPROGRESS:
            if self._aborted:
                raise OSError(errno.ECANCELED, "not wanted any more")
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, "the connection is not answered")
            if poll.poll(_SLICE_SECONDS * 1000):
                state = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if state:
            raise OSError(state, os.strerror(state))
        one.settimeout(self._timeout_seconds)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def _refuse_if_aborted(self) -> None:
        """Give back what was made while nobody wanted it any more."""
        if self._aborted:
            self.close()
            raise OSError(errno.ECANCELED, "not wanted any more")

    def _receive(self, wanted: int) -> bool:
        """Add what has come to what was received; false at the end."""
        if self._aborted:
            return False
        if self._left_bytes <= 0:
            raise OSError(errno.EMSGSIZE, "the server says more than was asked for")
        if time.monotonic() > self._until:
            raise TimeoutError(errno.ETIMEDOUT, "the server takes too long")
        piece = self._connected().recv(max(_PIECE_BYTES, min(wanted, 16 * _PIECE_BYTES)))
        self._left_bytes -= len(piece)
        self._received += piece
        return bool(piece)

    def _take_what_is_there(self, connection: socket.socket) -> bool:
        """Read without waiting; false when what came was only TLS's own, such as a session ticket."""
        connection.settimeout(0)
        try:
            self._received += connection.recv(_PIECE_BYTES)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        finally:
            connection.settimeout(self._timeout_seconds)
        return True

    def _taken(self, size: int) -> bytes:
        piece = bytes(self._received[:size])
        del self._received[:size]
        return piece

    def _connected(self) -> socket.socket:
        if self._socket is None or self._aborted:
            raise OSError(errno.ENOTCONN, "there is no connection")
        return self._socket
