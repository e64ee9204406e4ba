"""Refusals of the Bot API: a code and the platform's own words.

Source: fact sheet, sections 1 and 7; the words marked there as read in the server's source were
compared with ``fail_query_with_error`` of the published Bot API server. Words that the source does
not hold (they come from behind it) are marked "unverified" where they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PREFIXES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)
STALE_QUERY = "query is too old and response timeout expired or query ID is invalid"
OTHER_POLLER = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_IS_ACTIVE = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook"
    " first"
)


class Refused(Exception):
    """The platform refuses a call; nothing of it took effect."""

    def __init__(
        self,
        code: int,
        words: str = "",
        *,
        parameters: Mapping[str, Any] | None = None,
        exactly: bool = False,
    ) -> None:
        self.code = code
        self.description = words if exactly else describe(code, words)
        self.parameters = dict(parameters or {})
        super().__init__(f"{code} {self.description}")

    def envelope(self) -> dict[str, Any]:
        """Return the body of the answer."""
        body: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            body["parameters"] = self.parameters
        return body


def describe(code: int, words: str) -> str:
    """Put the code's name before the words, and make their first letter small, as the server does.

    Words in capitals (``BUTTON_DATA_INVALID``) stay as they are.
    """
    prefix = _PREFIXES.get(code, "Bad Request")
    if not words or words.startswith(prefix):
        return words or prefix
    shouted = len(words) >= 2 and (words[1] == "_" or words[1].isupper())
    return f"{prefix}: {words if shouted else words[0].lower() + words[1:]}"


def bad_request(words: str) -> Refused:
    """Return a refusal with 400."""
    return Refused(400, words)


def flood(retry_after: int) -> Refused:
    """Return a refusal with 429 that names the seconds to wait."""
    return Refused(429, f"retry after {retry_after}", parameters={"retry_after": retry_after})


def migrated(chat_id: int) -> Refused:
    """Return the refusal of a group that has become the supergroup with this id."""
    return Refused(
        400,
        "group chat was upgraded to a supergroup chat",
        parameters={"migrate_to_chat_id": chat_id},
    )
