"""Logs: one line per event, JSON or for people, without secrets and without tricks.

Control characters are escaped, so that nobody writes lines of their own into the log. Values under
names that promise a secret are masked, and so is what looks like a credential within a value.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal

import structlog

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
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


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
            structlog.dev.ConsoleRenderer(colors=terminal, pad_event_to=32),
        ]
    else:
        processors += [
            # Without the variables of the frames: they hold what customers write, and secrets.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            redact,
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


def _clean(value: Any, *, lines: bool) -> Any:
    if isinstance(value, str):
        for pattern in _CREDENTIALS:
            value = pattern.sub(MASK, value)
        value = _CONTROL.sub(_escaped, value)
        return value if lines else value.replace("\n", "\\n")
    if isinstance(value, dict):
        return {
            key: MASK if _SECRET_NAMES.search(str(key)) else _clean(inner, lines=lines)
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
    return f"\\x{ord(match[0]):02x}"
