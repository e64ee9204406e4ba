"""What the platform refuses with: codes, its words, and the envelope around them.

Source: vendor JSON schema 5.199, ``errors.json`` (codes and descriptions, read 2026-11-22). What
follows a colon in some texts is as people report it from the live platform; where nobody does, the
words are this emulator's own and only the code may be relied upon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

WORDS: Final[Mapping[int, str]] = {
    1: "Unknown error occurred",
    3: "Unknown method passed",
    5: "User authorization failed",
    6: "Too many requests per second",
    7: "Permission to perform this action is denied",
    8: "Invalid request",
    9: "Flood control",
    10: "Internal server error",
    14: "Captcha needed",
    15: "Access denied",
    17: "Validation required",
    18: "User was deleted or banned",
    27: "Group authorization failed",
    29: "Rate limit reached",
    37: "User was banned",
    100: "One of the parameters specified was missing or invalid",
    104: "Not found",
    105: "Couldn't save file",
    113: "Invalid user id",
    118: "Invalid server",
    119: "Invalid title",
    121: "Invalid hash",
    125: "Invalid group id",
    129: "Invalid photo",
    203: "Access to group denied",
    900: "Can't send messages for users from blacklist",
    901: "Can't send messages for users without permission",
    902: "Can't send messages to this user due to their privacy settings",
    909: "Can't edit this message, because it's too old",
    910: "Can't sent this message, because it's too big",
    911: "Keyboard format is invalid",
    912: "This is a chat bot feature, change this status in settings",
    913: "Too many forwarded messages",
    914: "Message is too long",
    917: "You don't have access to this chat",
    920: "Can't edit this kind of message",
    921: "Can't forward these messages",
    922: "You left this chat",
    924: "Can't delete this message for everybody",
    925: "You are not admin of this chat",
    927: "Chat does not exist",
    932: "Your community can't interact with this peer",
    935: "User not found in chat",
    936: "Contact not found",
    940: "Too many posts in messages",
    943: "Cannot use this intent",
    944: "Limits overflow for this intent",
    945: "Chat was disabled",
    946: "Chat not supported",
    950: "Can't send message, reply timed out",
    985: "Cannot write to notifications only groups",
    1009: "Unknown reaction passed",
    1150: "Invalid document id",
    1152: "Invalid document title",
    2000: "Servers number limit is reached",
    3300: "Recaptcha needed",
}


class Refused(Exception):
    """The platform refuses a call."""

    def __init__(self, code: int, detail: str = "", **more: Any) -> None:
        self.code = code
        self.words = (
            f"{WORDS.get(code, WORDS[1])}: {detail}" if detail else WORDS.get(code, WORDS[1])
        )
        self.more = more
        """Further members of the error object: ``captcha_sid``, ``redirect_uri``."""
        super().__init__(f"{code} {self.words}")

    def to_json(self, method: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        """Return the body; the arguments are echoed, the token is not."""
        echoed = {**arguments, "method": method, "oauth": "1"}
        echoed.pop("access_token", None)
        return {
            "error": {
                "error_code": self.code,
                "error_msg": self.words,
                **self.more,
                "request_params": [{"key": key, "value": text} for key, text in echoed.items()],
            }
        }


def invalid(detail: str) -> Refused:
    """Return the refusal of one bad argument."""
    return Refused(100, detail)
