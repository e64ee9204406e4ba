"""Calls of the Bot API: one request each, the answer as JSON, errors as what they mean.

The token stands in every URL, so no error shows one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from aiohttp import ClientResponse, ClientSession, ClientTimeout, FormData
from pydantic import SecretStr
from pydantic_core import to_json
from yarl import URL

import omnigate

OFFICIAL: Final = "api.telegram.org"
CALL_SECONDS: Final = 20.0
UPLOAD_SECONDS: Final = 55.0
_CONNECT_SECONDS: Final = 5.0
_SILENT_SECONDS: Final = 20.0
"""So long a file may pause on its way; how long it takes in all depends on its size."""
_LONGEST_ANSWER_BYTES: Final = 16 * 1024 * 1024


class ApiError(Exception):
    """The platform answered, and said no."""

    def __init__(self, code: int, description: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.retry_after_seconds: float | None = _number(parameters.get("retry_after"))
        self.migrate_to: int | None = _integer(parameters.get("migrate_to_chat_id"))


UNANSWERED: Final = (omnigate.DestinationUnavailable, omnigate.NoAnswer)
"""There is no answer to go by: the platform surely did not get the call, or may have."""
FAILED: Final = (ApiError, *UNANSWERED)
"""What a call raises."""
Failure = ApiError | omnigate.DestinationUnavailable | omnigate.NoAnswer


class Api:
    """One bot's way to the Bot API."""

    def __init__(self, http: Callable[[], ClientSession], api_url: str, token: SecretStr) -> None:
        self._http = http
        self._base = api_url.rstrip("/")
        self._token = token
        self.host = URL(api_url).authority
        self.shares_our_disk = URL(api_url).host != OFFICIAL
        """It may be a server of one's own, which tells where on the disk a file is."""

    async def call(
        self,
        method: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        upload: FormData | None = None,
        seconds: float = CALL_SECONDS,
    ) -> Any:
        """Call a method and return its result. Raises what is `FAILED`."""
        url = URL(f"{self._base}/bot{self._token.get_secret_value()}/{method}", encoded=True)
        data: FormData | bytes = upload if upload is not None else to_json(arguments or {})
        headers = {} if upload is not None else {"content-type": "application/json"}
        timeout = ClientTimeout(total=seconds, connect=_CONNECT_SECONDS)
        async with self._answer("POST", url, data=data, headers=headers, timeout=timeout) as answer:
            return _result(answer.status, await omnigate.read_body(answer, _LONGEST_ANSWER_BYTES))

    @asynccontextmanager
    async def file(self, file_path: str) -> AsyncIterator[ClientResponse]:
        """Open a file that ``getFile`` told the path of. Raises what is `FAILED`."""
        token = self._token.get_secret_value()
        url = URL(f"{self._base}/file/bot{token}/").joinpath(*file_path.split("/"))
        timeout = ClientTimeout(total=None, connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)
        async with self._answer("GET", url, timeout=timeout) as answer:
            if answer.status != 200:
                raise ApiError(answer.status, f"the file server answered {answer.status}", {})
            yield answer

    def _answer(
        self, method: str, url: URL, **options: Any
    ) -> AbstractAsyncContextManager[ClientResponse]:
        return omnigate.answer_to(self._http(), method, url, place=self.host, **options)


def _result(status: int, body: bytes) -> Any:
    try:
        said = omnigate.read_json(body)
    except ValueError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        if status >= 400:  # a proxy before the platform
            raise ApiError(status, f"answered {status}, not in its own words", {})
        raise omnigate.NoAnswer("the answer is not one of the Bot API; is api_url right?")
    if said["ok"]:
        return said.get("result")
    code = said.get("error_code")
    parameters = said.get("parameters")
    raise ApiError(
        code if isinstance(code, int) else status,
        str(said.get("description", "")),
        parameters if isinstance(parameters, dict) else {},
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and value >= 0 else None


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def for_the_channel(error: Failure) -> omnigate.OmnigateError:
    """Return what a failed call means for the bot as a whole: its polling, its check, its setup."""
    if not isinstance(error, ApiError):
        return omnigate.NotReady(str(error))
    if error.code in (401, 404):
        return omnigate.CredentialsRejected(
            f"{error.description or 'unknown token'}; is the token right? Ask @BotFather"
        )
    return omnigate.NotReady(str(error))
