"""One signed JSON POST to a receiver: what the `webhook` backend and the `http` channel share.

An answer is judged by its status alone. A failure that concerns the whole receiver (no connection, no
answer in time, a redirect, 401, 403, 404, 405, 408, 410, 425, 429, 5xx) raises
`DestinationUnavailable`; any other 4xx concerns this one item and raises `RetryLater`. The receiver is
hostile: it gets a deadline to the last byte, 64 KiB of our memory, no redirect and no compression.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from pydantic import SecretStr
from yarl import URL

from omnigate.errors import DestinationUnavailable, RetryLater
from omnigate.signing import Signer
from omnigate.transcript import NOTED_BY_CALLER, current, exchange_of
from omnigate.unanswered import why_no_answer

ANSWER_LIMIT_BYTES: Final = 64 * 1024
RETRY_AFTER_LIMIT_SECONDS: Final = 3600.0
CONNECT_SECONDS: Final = 5.0

_OF_THE_DESTINATION: Final = frozenset({401, 403, 404, 405, 408, 410, 425, 429})
_STALE_CONNECTION_SECONDS: Final = 1.0
# How the client tells that the other side closed a connection, most often one that was idle.
_HANG_UP: Final = (
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientConnectionResetError,
    aiohttp.ClientOSError,
)


class Receiver:
    """One address that takes signed JSON. Holds no connection: the caller lends a session."""

    def __init__(
        self,
        url: str,
        signer: Signer,
        *,
        headers: Mapping[str, SecretStr] | None = None,
        timeout_seconds: float = 20.0,
    ) -> None:
        self._url = URL(url)
        self._signer = signer
        self._timeout_seconds = timeout_seconds
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=CONNECT_SECONDS)
        self._headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": "omnigate",
        } | {name.lower(): value.get_secret_value() for name, value in (headers or {}).items()}

    @property
    def origin(self) -> str:
        """Scheme, host and port: what may be shown, since a path or query may hold a token."""
        return str(self._url.origin())

    async def post(
        self,
        session: aiohttp.ClientSession,
        webhook_id: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
    ) -> bytes | None:
        """POST the body, signed now; return the body of a 2xx answer, None if over 64 KiB.

        The receiver may get the body twice, under the same id: a connection that it closed while idle
        is replaced at once. Raises `DestinationUnavailable` or `RetryLater`.
        """
        began = time.monotonic()
        try:
            return await self._exchange(session, webhook_id, body, headers)
        except _HANG_UP:
            if time.monotonic() - began > _STALE_CONNECTION_SECONDS:
                raise DestinationUnavailable(f"{self.origin} closed without answering") from None
        try:
            return await self._exchange(session, webhook_id, body, headers)
        except _HANG_UP:
            raise DestinationUnavailable(f"{self.origin} closed without answering") from None

    async def reach(self, session: aiohttp.ClientSession) -> int:
        """Ask with OPTIONS, which changes nothing (RFC 9110 section 9.2.1), and return the status.

        Any status proves the name, the connection and the certificate. Raises
        `DestinationUnavailable` when there is no answer.
        """
        try:
            async with session.options(
                self._url,
                headers=self._headers,
                allow_redirects=False,
                timeout=self._timeout,
                auto_decompress=False,
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unavailable(error) from None

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        webhook_id: str,
        body: bytes,
        headers: Mapping[str, str] | None,
    ) -> bytes | None:
        sent = self._headers | self._signer.headers(webhook_id, int(time.time()), body)
        if headers:
            sent |= headers
        began = time.monotonic()
        answer: aiohttp.ClientResponse | None = None
        received: bytes | None = None
        try:
            async with session.post(
                self._url,
                data=body,
                headers=sent,
                allow_redirects=False,
                timeout=self._timeout,
                auto_decompress=False,
                trace_request_ctx=NOTED_BY_CALLER,
            ) as answer:
                # Also of a refusal, so that the connection can serve again.
                if answer.status < 300 or answer.status >= 400:
                    received = await _read_capped(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._note(began, sent, answer, error=_reason(error, self._timeout_seconds))
            if isinstance(error, _HANG_UP) and not isinstance(error, aiohttp.ClientConnectorError):
                raise
            raise self._unavailable(error) from None
        self._note(began, sent, answer, received)
        if 200 <= answer.status < 300:
            return received
        raise judge(answer.status, answer.headers.get("retry-after"))

    def _note(
        self,
        began: float,
        sent: Mapping[str, str],
        answer: aiohttp.ClientResponse | None,
        received: bytes | None = None,
        error: str | None = None,
    ) -> None:
        """Note the exchange for who made the attempt: of a success the status is enough."""
        transcript = current()
        status = answer.status if answer else None
        if transcript is None or not (transcript.wants(status) or error):
            return
        transcript.note(
            exchange_of(
                "POST",
                self._url,
                sent,
                seconds=time.monotonic() - began,
                status=status,
                answer_headers=answer.headers if answer else None,
                answer_body=received,
                error=error,
            )
        )

    def _unavailable(self, error: Exception) -> DestinationUnavailable:
        return DestinationUnavailable(f"{self.origin}: {_reason(error, self._timeout_seconds)}")


def judge(status: int, retry_after: str | None = None) -> DestinationUnavailable | RetryLater:
    """Return what a status other than 2xx means for the delivery."""
    if status < 400:
        return DestinationUnavailable(
            f"answered {status}; redirects are not followed, configure the final address",
            status=status,
        )
    if status == 410:
        return DestinationUnavailable(
            "answered 410: the receiver is gone for good", status=status, pause=True
        )
    if status >= 500 or status in _OF_THE_DESTINATION:
        hint = parse_retry_after(retry_after, time.time()) if status in (429, 503) else None
        return DestinationUnavailable(f"answered {status}", retry_after_seconds=hint, status=status)
    return RetryLater(f"answered {status}", status=status)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After asks for, at most an hour; None if it is nonsense.

    Understands seconds and HTTP dates (RFC 9110 section 10.2.3); a moment that is past asks for none.
    """
    if value is None or len(value) > 64 or not value.isascii():
        return None
    if value.strip().isdigit():
        return min(float(value), RETRY_AFTER_LIMIT_SECONDS)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT_SECONDS)


async def _read_capped(answer: aiohttp.ClientResponse) -> bytes | None:
    """Return the body, or None and a cut connection when it is longer than the limit."""
    if answer.content_length == 0 or answer.status == 204:
        return b""
    if (answer.content_length or 0) > ANSWER_LIMIT_BYTES:
        answer.close()
        return None
    received = bytearray()
    while chunk := await answer.content.read(ANSWER_LIMIT_BYTES):
        received += chunk
        if len(received) > ANSWER_LIMIT_BYTES:
            answer.close()
            return None
    return bytes(received)


def _reason(error: Exception, timeout_seconds: float) -> str:
    """Return why there was no answer, in words for the operator."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {min(CONNECT_SECONDS, timeout_seconds):g} s"
    if isinstance(error, TimeoutError):
        return f"no complete answer within {timeout_seconds:g} s"
    return why_no_answer(error) or str(error) or type(error).__name__
