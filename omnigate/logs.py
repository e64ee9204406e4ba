"""Logs: one line per event, JSON or for people, without secrets and without tricks.

Control characters are escaped, so that nobody writes lines of their own into the log. Values under
names that promise a secret are masked, and so is what looks like a credential within a value.

The last lines about each channel (those with ``channel=``) are kept in memory as well, as they were
written, for an operator who asks (`RecentLines`).
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections import deque
from collections.abc import MutableMapping
from itertools import count
from typing import Any, Final, Literal, NamedTuple

import structlog
from pydantic_core import to_json

MASK: Final = "[hidden]"

_SECRET_NAMES: Final = re.compile(
    r"secret|passw|token$|^token|authorization|api_?key|cookie|signature", re.IGNORECASE
)
_CREDENTIALS: Final = (
    re.compile(r"\bog_[0-9a-f]{6,}_[A-Za-z0-9_-]{20,}"),
    re.compile(r"\bwhsec_[A-Za-z0-9+/=]{16,}"),
    re.compile(r"\b(?:Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE),
    re.compile(r"/bot\d+:[A-Za-z0-9_-]{20,}"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(
        r"(?<=[?&])[^=&\s]*(?:token|secret|key|sig|password)[^=&\s]*=[^&\s]+", re.IGNORECASE
    ),
)
# Where it happened, never with what: local variables are messages, bodies and keys.
_TRACEBACKS: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_LONGEST_LINE: Final = 4096
_LONGEST_TEXT: Final = 10_000
# Besides what moves the cursor: what hides, turns text round or cannot be written at all.
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)


class Line(NamedTuple):
    """One line of the log."""

    number: int
    """Grows from line to line, over all channels."""
    at: int
    """Milliseconds since 1970."""
    level: str
    event: str
    fields: str
    """Everything else that it says, as JSON."""


class RecentLines:
    """The last lines about each channel; what is older, and who was silent longest, is forgotten."""

    def __init__(self, lines: int = 300, channels: int = 256) -> None:
        self._lines = lines
        self._channels = channels
        self._numbers = count(1)
        self._of: dict[str, deque[Line]] = {}

    def keep(
        self, logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Take a line over if it is about a channel; a processor of structlog, after `redact`."""
        channel = event.get("channel")
        if isinstance(channel, str):
            # Put in again, so that the channel that was silent longest stands first.
            lines = self._of.pop(channel, None) or deque(maxlen=self._lines)
            self._of[channel] = lines
            if len(self._of) > self._channels:
                del self._of[next(iter(self._of))]
            lines.append(self._line(method, event))
        return event

    def of(self, channel: str, after: int = 0) -> list[Line]:
        """Return the lines about a channel with a greater number, in order."""
        return [line for line in tuple(self._of.get(channel, ())) if line.number > after]

    def _line(self, method: str, event: MutableMapping[str, Any]) -> Line:
        rest = {name: event[name] for name in event if name not in _OWN_PLACE}
        fields = to_json(rest, fallback=str).decode()
        if len(fields) > _LONGEST_LINE:
            short = {name: _CUT if name in _LONG else value for name, value in rest.items()}
            fields = to_json(short, fallback=str).decode()
        if len(fields) > _LONGEST_LINE:
            fields = to_json({"cut": _CUT}).decode()
        now = int(time.time() * 1000)
        return Line(
            next(self._numbers),
            now,
            str(event.get("level", method)),
            str(event.get("event", "")),
            fields,
        )


_OWN_PLACE: Final = frozenset({"channel", "level", "event", "timestamp"})
_LONG: Final = frozenset({"exception", "stack"})
_CUT: Final = "(too long to be kept; see the log itself)"

recent: Final = RecentLines()
"""What this process has logged of late. As logging itself it is the process's, not a part's."""


def configure(
    level: Literal["debug", "info", "warning", "error"], form: Literal["auto", "console", "json"]
) -> None:
    """Set up logging for this process, to standard error."""
    terminal = sys.stderr.isatty()
    people = form == "console" or (form == "auto" and terminal)
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if people else "iso", utc=not people),
    ]
    if people:
        processors += [
            structlog.processors.format_exc_info,
            redact,
            recent.keep,
            structlog.dev.ConsoleRenderer(colors=terminal, pad_event_to=32),
        ]
    else:
        processors += [
            # Without the variables of the frames: they hold what customers write, and secrets.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            redact,
            recent.keep,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask secrets and escape control characters in everything that is logged."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name) and value not in (None, "", True, False):
            event[name] = MASK
        else:
            event[name] = _clean(value, lines=name in ("exception", "stack"))
    return event


def cleaned(text: str) -> str:
    """Return a text as the log would show it: credentials masked, control characters escaped."""
    return "\n".join(str(_clean(line, lines=False)) for line in text.split("\n"))


def _clean(value: Any, *, lines: bool) -> Any:
    if isinstance(value, str):
        for pattern in _CREDENTIALS:
            value = pattern.sub(MASK, value)
        value = _CONTROL.sub(_escaped, value)
        if len(value) > _LONGEST_TEXT:
            value = f"{value[:_LONGEST_TEXT]}… ({len(value)} characters)"
        # Set in, so that no line of a traceback can pass for one of the log's own.
        return value.replace("\n", "\n    " if lines else "\\n")
    if isinstance(value, dict):
        return {
            _clean(str(key), lines=False): MASK
            if _SECRET_NAMES.search(str(key))
            else _clean(inner, lines=lines)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_clean(inner, lines=lines) for inner in value]
    return (
        value
        if isinstance(value, (int, float, bool, type(None)))
        else _clean(str(value), lines=lines)
    )


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
