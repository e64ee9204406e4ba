"""What an attempt said over HTTP: noted by those who speak it, collected by who made the attempt.

Secrets never get in: of headers only those known to be harmless keep their values, of an address only
its origin and the plain words of its path, and of a body only the beginning.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_json
from yarl import URL

EXCERPT_BYTES: Final = 2048
REDACTED: Final = "(redacted)"

_PLAIN_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_.-]{0,23}")
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


_current: ContextVar[Transcript | None] = ContextVar("_current", default=None)


@contextmanager
def transcribed(*, keeps_all: bool) -> Iterator[Transcript]:
    """Collect what is said from here on in this task, and in tasks begun by it."""
    transcript = Transcript(keeps_all)
    token = _current.set(transcript)
    try:
        yield transcript
    finally:
        _current.reset(token)


def current() -> Transcript | None:
    """Return the transcript of the attempt that runs in this task; None outside of attempts."""
    return _current.get()


def shown_url(url: URL) -> str:
    """Return an address without what may be secret: no query, no path steps but plain words."""
    steps = [
        step if _PLAIN_WORD.fullmatch(step) else "…" for step in url.raw_path.split("/") if step
    ]
    return f"{url.origin()}/{'/'.join(steps)}"


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with the values of all but harmless ones taken out."""
    return {
        name.lower(): value if name.lower() in _HARMLESS else REDACTED
        for name, value in headers.items()
    }


def excerpt(body: bytes, secrets: Mapping[str, str] | None = None) -> str:
    """Return the beginning of a body as text; values of our own headers that it repeats are taken out."""
    text = body[:EXCERPT_BYTES].decode("utf-8", "replace")
    for name, value in (secrets or {}).items():
        if name.lower() not in _HARMLESS and len(value) >= 4:
            text = text.replace(value, REDACTED)
    return text
