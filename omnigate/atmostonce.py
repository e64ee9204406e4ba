"""One request to a provider that must not reach it twice: a text that costs, a call that rings.

The HTTP client repeats a GET or a PUT by itself when a kept connection turns out to be closed, and such a
connection leaves open whether the provider read the request. So each request has a connection of its own
and is made once; where it fails, the error says whether anything of it can have arrived:

* nothing was sent: `DestinationUnavailable`, it may be sent again;
* it was sent, and no answer came to go by: `NoAnswer`, which is `Uncertain`;
* there is an `Answer`, whatever its status: `Answer.judge` says what it means where the provider's own
  words do not.

The provider is hostile all the same: it gets a deadline to the last byte, a limited piece of our memory, no
redirect and no compression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import (
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
)
from yarl import URL

from omnigate.channel import Health
from omnigate.errors import DestinationUnavailable, OmnigateError, Refused, Uncertain
from omnigate.exchange import CONNECT_SECONDS, judge
from omnigate.meaning import Meaning
from omnigate.model.text import read_json
from omnigate.unanswered import failure, read_body

ANSWER_LIMIT_BYTES: Final = 256 * 1024
"""Real ones have a few hundred bytes."""
LONGEST_WORDS: Final = 300
"""Characters of a provider's words that are repeated to the operator."""

_NOT_TAKEN: Final = frozenset({429, 503})
"""The provider says itself that it did not take the request: it may be sent again."""
_WRONG_PLACE: Final = frozenset({404, 405, 410, 421})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered, whole."""

    host: str
    status: int
    body: bytes
    retry_after: str | None = None
    location: str | None = None
    """Where it sends us on; nobody is followed without a look."""

    def json(self) -> Any:
        """Return the body as JSON; None for what is none."""
        try:
            return read_json(self.body)
        except ValueError:
            return None

    def object(self) -> Mapping[str, Any]:
        """Return the body as a JSON object; an empty one for anything else."""
        said = self.json()
        return said if isinstance(said, dict) else {}

    def words(self) -> str:
        """Return the beginning of the body on one line, for the operator."""
        return one_line(self.body.decode("utf-8", "replace")) or "no reason given"

    def judge(self, doubt: str) -> OmnigateError:
        """Return what it means as the error to raise, where it says nothing in the provider's own words.

        ``doubt`` is what a status may leave open: ``the text was taken``.
        """
        words = f"{self.host} answered {self.status}"
        if self.status < 200 or 300 <= self.status < 400 or self.status in _NOT_TAKEN:
            return judge(self.status, self.retry_after)
        if self.status == 401:
            return Meaning.NO_RIGHT.error(f"{words}: {self.words()}")
        if self.status == 403:  # of a guard before the provider as often as of itself
            return DestinationUnavailable(
                f"{words}; are the credentials right, and may this address call?", status=403
            )
        if self.status in _WRONG_PLACE:
            return DestinationUnavailable(
                f"{words}; is the address of the provider right?", status=self.status
            )
        if self.status >= 500 or self.status < 300 or self.status == 408:
            return Uncertain(f"{words}, which does not tell whether {doubt}")
        return Refused(Meaning.REFUSED.code, f"{words}: {self.words()}")

    def unexpected(self) -> Health:
        """Return what it means for a check, where it is not one of the provider."""
        return Health(
            "degraded",
            f"{self.host} answered {self.status}, not as the provider does; is url right?",
        )


def one_line(words: object) -> str:
    """Return a provider's words, cut and without what would break a line of a log."""
    return " ".join(str(words).split())[:LONGEST_WORDS]


class _Failed(Exception):
    """A request failed; the HTTP client would make one by GET or PUT again for what it means."""

    def __init__(self, error: ClientError) -> None:
        super().__init__(str(error))
        self.error = error


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Make a request, and never again: some providers take texts and calls by GET."""
    try:
        return await handler(request)
    except (ClientOSError, ServerDisconnectedError) as error:
        raise _Failed(error) from error


async def ask_once(
    session: ClientSession,
    method: str,
    url: URL | str,
    *,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    data: bytes | Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    json: Any = None,
    answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
) -> Answer:
    """Make one request and return its answer, whatever its status. Nothing is repeated or followed.

    ``seconds`` are the deadline for all of it; ``data`` is a body as it is, or a form.

    Raises:
        DestinationUnavailable: nothing was sent: no connection, not allowed, a header that cannot be.
        NoAnswer: the provider may have it; no answer came in time, or one over the limit.
    """
    where = URL(url)
    is_connected = False
    try:
        async with session.request(
            method,
            where,
            headers={**(headers or {}), "connection": "close", "accept-encoding": "identity"},
            params=params,
            data=data,
            json=json,
            timeout=ClientTimeout(total=seconds, connect=CONNECT_SECONDS),
            allow_redirects=False,
            middlewares=(_once,),
        ) as answer:
            is_connected = True
            return await _whole(answer, where.host or "", answer_limit_bytes)
    except (_Failed, ClientError, OSError) as caught:  # TimeoutError is one
        cause = caught.error if isinstance(caught, _Failed) else caught
        raise failure(cause, where.host or "", is_connected=is_connected) from None
    except ValueError:  # the client refuses to write it; its words may hold the value
        raise DestinationUnavailable(
            f"{where.host}: a header would end its line; look for line breaks in user names, keys and "
            "secrets"
        ) from None


async def _whole(answer: ClientResponse, host: str, limit_bytes: int) -> Answer:
    """Return an answer with its body; raises `NoAnswer` for one that is too long."""
    said = answer.headers
    return Answer(
        host,
        answer.status,
        await read_body(answer, limit_bytes),
        retry_after=said.get("retry-after"),
        location=said.get("location"),
    )
