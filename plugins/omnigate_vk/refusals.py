"""What the platform's refusals of a message mean: to the message, to the customer, to the community.

Source: vendor schema 5.199, ``errors.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import omnigate
from omnigate_vk.api import MISSING_RIGHT, ApiError, for_the_channel

FLOOD_SECONDS: Final = 60.0
LIMIT_SECONDS: Final = 3600.0
CAPTCHA_SECONDS: Final = 600.0
_SECOND: Final = 1.0

GONE: Final[Mapping[int, str]] = {
    18: "the account is deleted or banned",
    37: "the account is banned",
    900: "the customer is on the community's blacklist",
    901: "the customer has not allowed messages: they may write first, or allow them",
    902: "the customer's privacy settings let no community write",
}
"""The customer cannot be written to at all."""

TROUBLE: Final[Mapping[int, str]] = {
    14: "VK wants a captcha solved, which only a person can: log in to the community",
    17: "VK wants the account validated: log in to the community",
    29: "the limit of calls of this method is used up",
    3300: "VK wants a captcha solved, which only a person can: log in to the community",
}
"""The whole community has to wait."""

_ADVICE: Final[Mapping[int, tuple[str, str]]] = {
    7: ("no_permission", MISSING_RIGHT),
    15: ("no_permission", MISSING_RIGHT),
    203: ("no_permission", "is group_id the community of the token?"),
    912: ("bots_switched_off", "switch bot capabilities on: Manage, Messages, Bot settings"),
    943: ("no_such_intent", "the community was not granted this intent"),
    944: ("intent_used_up", "the limit of this intent is used up"),
    950: ("window_closed", "the customer has to write first"),
}


def is_gone(error: ApiError) -> bool:
    """Tell whether the customer cannot be written to at all."""
    return error.code in GONE


def meaning(error: ApiError) -> omnigate.OmnigateError:
    """Return what the host is to do about a refused message or change."""
    if error.code < 0:
        return _of_http(error)
    if error.code in (5, 27):
        return for_the_channel(error)
    if error.code == 6:
        return omnigate.RetryLater(str(error), after_seconds=_SECOND, status=6)
    if error.code == 9:
        return omnigate.RetryLater(str(error), after_seconds=FLOOD_SECONDS, status=9)
    if error.code in (1, 10):
        return omnigate.DestinationUnavailable(str(error), status=error.code)
    if error.code in TROUBLE:
        seconds = LIMIT_SECONDS if error.code == 29 else CAPTCHA_SECONDS
        return omnigate.DestinationUnavailable(
            f"{error}; {TROUBLE[error.code]}", retry_after_seconds=seconds, status=error.code
        )
    if error.code in GONE:
        return omnigate.Refused("recipient_blocked", f"{error}: {GONE[error.code]}")
    if error.code in _ADVICE:
        code, advice = _ADVICE[error.code]
        return omnigate.Refused(code, f"{error}; {advice}")
    return omnigate.Refused("refused_by_platform", str(error))


def _of_http(error: ApiError) -> omnigate.OmnigateError:
    if error.code <= -500 or error.code in (-408, -425, -429):
        return omnigate.DestinationUnavailable(str(error), status=-error.code)
    return omnigate.Refused("refused_by_platform", str(error))
