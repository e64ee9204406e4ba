"""Requests of Asterisk's REST interface: one each, errors as what they mean.

Source: Asterisk 22 "REST API" (docs.asterisk.org, read 2026-11-22); statuses were compared with what
Asterisk 16.28 and 22.10 answer.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, ClientWSTimeout
from aiohttp.client_ws import ClientWebSocketResponse
from pydantic_core import to_json
from yarl import URL

import omnigate
from omnigate_call.ari.config import AriConfig

ANSWER_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 20.0
"""So long a recording may pause on its way."""
HEARTBEAT_SECONDS: Final = 15.0
CONFLICT: Final = 409
NOT_FOUND: Final = 404
LONGEST_ANSWER_BYTES: Final = 8 * 1024 * 1024
LONGEST_EVENT_BYTES: Final = 1024 * 1024


class Denied(Exception):
    """Asterisk answered, and said no."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(
            f"the switch answered {status}: {reason}" if reason else f"answered {status}"
        )
        self.status = status
        self.reason = reason


UNANSWERED: Final = (omnigate.DestinationUnavailable, omnigate.NoAnswer)
"""There is no answer to go by: Asterisk surely did not get the request, or may have."""
FAILED: Final = (Denied, *UNANSWERED)
"""What a request raises."""
Failure = Denied | omnigate.DestinationUnavailable | omnigate.NoAnswer


class Rest:
    """One Asterisk's REST interface."""

    def __init__(self, http: Callable[[], ClientSession], config: AriConfig) -> None:
        self._http = http
        self._base = URL(config.url.rstrip("/")) / "ari"
        # unwrapped to be sent
        login = f"{config.username}:{config.password.get_secret_value()}".encode()
        self._headers = {"authorization": f"Basic {base64.b64encode(login).decode()}"}
        self.place = self._base.authority

    async def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Make a request; return the answer read from JSON, None for an empty one.

        Raises what is `FAILED`.
        """
        url = self._base.joinpath(*path).with_query(dict(query or {}))
        timeout = ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS)
        headers = self._headers | {"content-type": "application/json"}
        async with omnigate.answer_to(
            self._http(),
            method,
            url,
            place=self.place,
            headers=headers,
            data=to_json(body) if body is not None else None,
            timeout=timeout,
        ) as answer:
            return _result(answer.status, await omnigate.read_body(answer, LONGEST_ANSWER_BYTES))

    async def events(self, app: str) -> ClientWebSocketResponse:
        """Open the stream of an application's events; raises as `ask`."""
        url = (self._base / "events").with_query({"app": app})
        try:
            return await self._http().ws_connect(
                url,
                headers=self._headers,
                heartbeat=HEARTBEAT_SECONDS,
                max_msg_size=LONGEST_EVENT_BYTES,
                timeout=ClientWSTimeout(ws_close=CONNECT_SECONDS),
            )
        except PermissionError as error:  # the egress guard
            raise omnigate.DestinationUnavailable(str(error)) from None
        except (ClientError, OSError) as error:
            status = getattr(error, "status", None)
            if isinstance(status, int) and status:
                raise Denied(status, "it does not open the stream of events") from None
            why = omnigate.why_no_answer(error) or type(error).__name__
            raise omnigate.DestinationUnavailable(f"{self.place}: {why}") from None

    async def file(self, *path: str) -> AsyncIterator[bytes]:
        """Return the bytes of a file; raises as `ask`."""
        url = self._base.joinpath(*path)
        timeout = ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
        async with omnigate.answer_to(
            self._http(), "GET", url, place=self.place, headers=self._headers, timeout=timeout
        ) as answer:
            if answer.status != 200:
                raise Denied(answer.status, "the recording is not there")
            async for chunk in answer.content.iter_any():
                yield chunk


def _result(status: int, body: bytes) -> Any:
    try:
        said = omnigate.read_json(body) if body else None
    except ValueError:
        said = None if status >= 400 else ...
    if status >= 300:
        words = said.get("message") or said.get("error") if isinstance(said, dict) else None
        raise Denied(status, str(words or "")[:200])
    if said is ...:
        raise omnigate.NoAnswer("the answer is not one of ARI; is url right?")
    return said
