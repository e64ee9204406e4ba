"""A limit on interim answers (1xx), which an HTTP client reads over without end.

A server may send any number of them before its answer (RFC 9110 section 15.2). Each costs a client more
memory than it costs the server to send, and thousands come in one reading of the socket.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import BadHttpMessage

INTERIM_LIMIT: Final = 16
"""More than any server has reason to send for one request."""


class InterimLimit(ResponseHandler):
    """One connection of the client; it is cut when nothing but interim answers come."""

    _interim = 0

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Queue an answer's head for whoever waits for it."""
        self._interim = self._interim + 1 if 100 <= data[0].code < 200 else 0
        if self._interim <= INTERIM_LIMIT:
            super().feed_data(data, size)
        elif self._interim == INTERIM_LIMIT + 1:
            self.abort()
            self.set_exception(BadHttpMessage("nothing but interim answers"))
