"""What an attempt said over HTTP: noted by those who speak it, collected by who made the attempt.

Secrets never get in. Of headers only those known to be harmless keep their values, of an address only
its origin and the plain words of its path, and of a body only the beginning. What was kept back on the
way out (values of headers, steps of the path, the query) is taken out of whatever comes back as well:
receivers like to repeat what they were sent.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from pydantic_core import to_json
from yarl import URL

EXCERPT_BYTES: Final = 2048
REDACTED: Final = "(redacted)"
MOST_EXCHANGES: Final = 20
"""Of one attempt: a channel that asks over and over must not fill the memory."""
NOTED_BY_CALLER: Final = "noted by caller"
"""As ``trace_request_ctx`` of a request: whoever makes it notes it, a watched session need not."""

_READ_BYTES: Final = 64 * 1024
_MOST_HEADERS: Final = 40
_LONGEST_VALUE: Final = 200
_SHORTEST_SECRET: Final = 4
_SHORTEST_WORD: Final = 6
"""Of a header's value in several words, such as ``Bearer …``: what is shorter is no secret."""
_BETWEEN_WORDS: Final = re.compile(r"[\s,;]+|(?<=\w)=(?=[^=\s])")
# Words as paths have them, also in camelCase, and versions; a token has digits or no such shape.
_PLAIN_WORD: Final = re.compile(
    r"(?=.{1,32}$)(?:v\d{1,2}|[A-Za-z][a-z]{0,15}(?:(?:[A-Z]|[_.-][A-Za-z]?)[a-z]{1,15}){0,4})"
)
_HARMLESS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "omnigate-attempt",
        "omnigate-replay",
        "retry-after",
        "server",
        "transfer-encoding",
        "user-agent",
        "vary",
        "webhook-id",
        "webhook-timestamp",
        "x-request-id",
    }
)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and what came back, fit to be kept."""

    method: str
    url: str
    request_headers: Mapping[str, str]
    duration_ms: int
    status: int | None = None
    """None: there was no answer, see ``error``."""
    response_headers: Mapping[str, str] | None = None
    response_body: str | None = None
    """Its beginning, at most 2 KiB."""
    error: str | None = None
    at: int = field(default_factory=lambda: int(time.time() * 1000))
    """When it ended, in milliseconds since 1970."""

    def as_row(self) -> dict[str, Any]:
        """Return the columns of the table ``exchange`` that an exchange knows itself."""
        answered = self.response_headers
        return {
            "at": self.at,
            "method": self.method,
            "url": self.url,
            "request_headers": to_json(dict(self.request_headers)).decode(),
            "status": self.status,
            "response_headers": None if answered is None else to_json(dict(answered)).decode(),
            "response_body": self.response_body,
            "error": self.error,
            "duration_ms": self.duration_ms,
        }


@dataclass(slots=True)
class Transcript:
    """The exchanges of one attempt, in order."""

    keeps_all: bool = False
    """Also exchanges that succeeded are wanted."""
    status: int | None = None
    """The status of the last answer."""
    exchanges: list[Exchange] = field(default_factory=list)
    is_over: bool = False
    """The attempt has ended; what a task that it left behind says is no part of it."""

    def wants(self, status: int | None) -> bool:
        """Note the status of an answer (None: there was none); tell whether to note all of it."""
        if self.is_over:
            return False
        if status is not None:
            self.status = status
        return self.keeps_all or status is None or status >= 300

    def note(self, exchange: Exchange) -> None:
        """Keep an exchange, unless there are very many already."""
        if not self.is_over and len(self.exchanges) < MOST_EXCHANGES:
            self.exchanges.append(exchange)


_current: ContextVar[Transcript | None] = ContextVar("_current", default=None)


class transcribed:  # noqa: N801  # reads as what it does
    """``with transcribed(…) as transcript:`` collects what this task says, and tasks begun by it."""

    __slots__ = ("_token", "_transcript")

    _token: Token[Transcript | None]

    def __init__(self, *, keeps_all: bool) -> None:
        self._transcript = Transcript(keeps_all)

    def __enter__(self) -> Transcript:
        self._token = _current.set(self._transcript)
        return self._transcript

    def __exit__(self, *failure: object) -> None:
        self._transcript.is_over = True
        _current.reset(self._token)


def current() -> Transcript | None:
    """Return the transcript of the attempt that runs in this task; None outside of attempts."""
    return _current.get()


def exchange_of(
    method: str,
    url: URL,
    headers: Mapping[str, str],
    *,
    seconds: float,
    status: int | None = None,
    answer_headers: Mapping[str, str] | None = None,
    answer_body: bytes | None = None,
    error: str | None = None,
) -> Exchange:
    """Return an exchange fit to be kept: secrets taken out of it, and cut."""
    secrets = secrets_of(url, headers)
    return Exchange(
        method=method,
        url=shown_url(url),
        request_headers=shown_headers(headers),
        duration_ms=round(seconds * 1000),
        status=status,
        response_headers=(
            None if answer_headers is None else shown_headers(answer_headers, secrets)
        ),
        response_body=excerpt(answer_body, secrets) if answer_body else None,
        error=without(error.replace(str(url), shown_url(url)), secrets)[:1000] if error else None,
    )


def shown_url(url: URL) -> str:
    """Return an address without what may be secret: no query, no path steps but plain words."""
    steps = [step if _is_plain(step) else "…" for step in url.raw_path.split("/") if step]
    return f"{url.origin()}/{'/'.join(steps)}"


def shown_headers(headers: Mapping[str, str], secrets: Sequence[str] = ()) -> dict[str, str]:
    """Return headers with the values of all but harmless ones taken out, secrets out of those too."""
    shown: dict[str, str] = {}
    for name, value in headers.items():
        if len(shown) >= _MOST_HEADERS:
            break
        known = name.lower()
        harmless = known in _HARMLESS
        shown[without(known, secrets)[:_LONGEST_VALUE]] = (
            without(value, secrets)[:_LONGEST_VALUE] if harmless else REDACTED
        )
    return shown


def secrets_of(url: URL, headers: Mapping[str, str]) -> list[str]:
    """Return what of a request is not to be kept, the longest first, also as others may spell it."""
    found = {
        value
        for name, value in headers.items()
        if name.lower() not in _HARMLESS and len(value) >= _SHORTEST_SECRET
    }
    found |= {
        word
        for value in found
        for word in _BETWEEN_WORDS.split(value)
        if len(word) >= _SHORTEST_WORD
    }
    hidden = [step for step in url.raw_path.split("/") if not _is_plain(step)]
    hidden += [step for step in url.path.split("/") if not _is_plain(step)]
    hidden += [url.raw_query_string, url.query_string, *url.query.values()]
    hidden += [url.user or "", url.password or ""]
    found |= {text for text in hidden if len(text) >= _SHORTEST_SECRET}
    spelt = {
        spelling
        for secret in found
        for spelling in (secret, quote(secret, safe=""), secret.replace("/", "\\/"))
    }
    return sorted(spelt, key=len, reverse=True)


def without(text: str, secrets: Sequence[str]) -> str:
    """Return the text with every secret taken out, however its letters are cased."""
    if not secrets:
        return text
    return re.sub("|".join(map(re.escape, secrets)), REDACTED, text, flags=re.IGNORECASE)


def excerpt(body: bytes, secrets: Sequence[str] = ()) -> str:
    """Return the beginning of a body as text, at most 2 KiB, with every secret taken out.

    They are taken out before it is cut, or half a secret could stand at the end.
    """
    text = without(body[:_READ_BYTES].decode("utf-8", "replace"), secrets)
    return text[:EXCERPT_BYTES].encode()[:EXCERPT_BYTES].decode("utf-8", "ignore")


def _is_plain(step: str) -> bool:
    return not step or _PLAIN_WORD.fullmatch(step) is not None
