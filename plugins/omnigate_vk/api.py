"""Calls of the API: one POST each, the token in its body, errors as what they mean.

The platform echoes arguments in ``request_params`` of every error: they are never read here.
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

VERSION: Final = "5.199"
CALL_SECONDS: Final = 20.0
UPLOAD_SECONDS: Final = 55.0
CALLS_PER_SECOND: Final = 19
"""The platform counts twenty within any second; clocks are not that exact."""
_CONNECT_SECONDS: Final = 5.0
_LONGEST_ANSWER_BYTES: Final = 16 * 1024 * 1024
_MOST_REDIRECTS: Final = 5


class ApiError(Exception):
    """The platform answered, and said no. Codes above 0 are its own, below are HTTP's."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"VK error {code}: {words}" if code > 0 else words)
        self.code = code
        self.words = words


UNANSWERED: Final = (omnigate.DestinationUnavailable, omnigate.NoAnswer)
"""There is no answer to go by: the platform surely did not get the call, or may have."""
FAILED: Final = (ApiError, *UNANSWERED)
"""What a call raises."""
Failure = ApiError | omnigate.DestinationUnavailable | omnigate.NoAnswer


class Api:
    """One community's way to the platform."""

    def __init__(
        self,
        http: Callable[[], ClientSession],
        api_url: str,
        token: SecretStr,
        limiter: omnigate.Limiter,
    ) -> None:
        self._http = http
        self._base = api_url.rstrip("/")
        self._token = token
        self._limiter = limiter

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call a method and return its response. Raises what is `FAILED`.

        Arguments that are None are left out; lists and objects go as JSON.
        """
        await self._limiter.acquire()
        form = {name: _written(value) for name, value in arguments.items() if value is not None}
        form |= {"access_token": self._token.get_secret_value(), "v": VERSION}
        timeout = ClientTimeout(total=CALL_SECONDS, connect=_CONNECT_SECONDS)
        url = URL(f"{self._base}/method/{method}")
        async with self._answer("POST", url, data=form, timeout=timeout) as answer:
            return _response(answer.status, await omnigate.read_body(answer, _LONGEST_ANSWER_BYTES))

    async def poll(self, url: str, query: Mapping[str, str], seconds: float) -> Any:
        """Ask the long poll and return its answer as JSON. Raises what is `FAILED`."""
        timeout = ClientTimeout(total=seconds, connect=_CONNECT_SECONDS)
        where = URL(url if "://" in url else f"https://{url}").update_query(query)
        async with self._answer("GET", where, timeout=timeout) as answer:
            body = await omnigate.read_body(answer, _LONGEST_ANSWER_BYTES)
            if answer.status != 200:
                raise ApiError(-answer.status, f"the long poll answered {answer.status}")
        try:
            return omnigate.read_json(body)
        except ValueError:
            raise omnigate.NoAnswer("the long poll did not answer with JSON") from None

    async def upload(self, url: str, form: FormData) -> Any:
        """Bring a file to an upload server and return its answer. Raises what is `FAILED`."""
        timeout = ClientTimeout(total=UPLOAD_SECONDS, connect=_CONNECT_SECONDS)
        async with self._answer("POST", URL(url), data=form, timeout=timeout) as answer:
            body = await omnigate.read_body(answer, _LONGEST_ANSWER_BYTES)
            if answer.status >= 500:
                raise ApiError(-answer.status, f"the upload server answered {answer.status}")
        return _json(body)

    @asynccontextmanager
    async def file(self, url: str) -> AsyncIterator[ClientResponse]:
        """Open a file; documents are redirected to where they are. Raises what is `FAILED`."""
        where = URL(url)
        for _ in range(_MOST_REDIRECTS):
            async with self._answer("GET", where, allow_redirects=False) as answer:
                if answer.status in (301, 302, 303, 307, 308) and "location" in answer.headers:
                    where = where.join(URL(answer.headers["location"]))
                    continue
                if answer.status != 200:
                    raise ApiError(-answer.status, f"the file server answered {answer.status}")
                yield answer
                return
        raise ApiError(-310, "the file server redirects in circles")

    def _answer(
        self, method: str, url: URL, **options: Any
    ) -> AbstractAsyncContextManager[ClientResponse]:
        return omnigate.answer_to(self._http(), method, url, place=str(url.host), **options)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return to_json(value).decode() if isinstance(value, (dict, list)) else str(value)


def _json(body: bytes) -> Any:
    try:
        return omnigate.read_json(body)
    except ValueError:
        raise omnigate.NoAnswer("the answer is not JSON; is api_url right?") from None


def _response(status: int, body: bytes) -> Any:
    if status >= 400:  # a proxy before the platform: it says all of its own with 200
        raise ApiError(-status, f"answered {status}, not in VK's own words")
    said = _json(body)
    if not isinstance(said, dict) or not ("response" in said or "error" in said):
        raise omnigate.NoAnswer("the answer is not one of VK; is api_url right?")
    if "error" not in said:
        return said["response"]
    error = said["error"] if isinstance(said["error"], dict) else {}
    code = error.get("error_code")
    words = error.get("error_text") or error.get("error_msg") or "no reason given"
    raise ApiError(code if isinstance(code, int) and code > 0 else 1, str(words)[:500])


def for_the_channel(error: Failure) -> omnigate.OmnigateError:
    """Return what a failed call means for the community as a whole: its receiving, its check, its setup."""
    if isinstance(error, ApiError) and error.code in (5, 27):
        return omnigate.CredentialsRejected(
            f"{error}; make a new access token in the community's settings, section API usage"
        )
    if isinstance(error, ApiError) and error.code in (125, 203):
        return omnigate.CredentialsRejected(f"{error}; is group_id the community of the token?")
    if isinstance(error, ApiError) and error.code in (7, 15):
        return omnigate.NotReady(f"{error}; {MISSING_RIGHT}")
    return omnigate.NotReady(str(error))


MISSING_RIGHT: Final = (
    "give the token the rights to manage the community, its messages, photos and documents"
)
