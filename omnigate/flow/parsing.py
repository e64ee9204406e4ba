"""Having a channel's plugin parse what its platform said: whatever it raises, input never loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import structlog
from pydantic_core import to_json

from omnigate.errors import BadPayload, Unauthorized
from omnigate.flow.contained import contained
from omnigate.model.inbound import Inbound
from omnigate.request import Request

Parse = Callable[[Request], Sequence[Inbound]]

log = structlog.get_logger("channels")


def parsed(channel: str, parse: Parse, given: Request) -> tuple[Sequence[Inbound], str | None]:
    """Return what the request says, or why it cannot be told; raises `Unauthorized` as ``parse`` does."""
    try:
        with contained:
            items = parse(given)
        if not all(isinstance(item, Inbound) for item in items):
            raise TypeError("a channel parses a request into items of the model")
        return items, None
    except BadPayload as error:
        return (), str(error)
    except Unauthorized:
        raise
    except Exception as error:
        log.error("parse failed", channel=channel, exc_info=error)
        return (), f"parse raised {type(error).__name__}"


HOOK: Final = "/hook"
REDACTED: Final = "(redacted)"
_KEPT_HEADERS: Final = frozenset(
    {"content-type", "content-length", "content-encoding", "user-agent", "date"}
)
"""Headers whose values quarantine keeps; any other may be a secret."""


def kept_of(given: Request) -> str:
    """Return what quarantine keeps of a request beside its body, as JSON: no secret is in it."""
    headers = {
        name.lower(): value if name.lower() in _KEPT_HEADERS else REDACTED
        for name, value in given.headers.items()
    }
    described = {
        "method": given.method,
        "path": given.path,
        "query": dict.fromkeys(given.query, REDACTED),
        "headers": headers,
        "remote": given.remote,
    }
    return to_json(described).decode()
