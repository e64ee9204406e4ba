"""What a server means when it refuses something: by its response code, or by its words where it gives none.

Source: RFC 5530 (response codes), RFC 9051 section 7.1; words of Gmail, Outlook, Yandex and Mail.ru as their
help pages quote them (unverified), read 2026-11-22.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

LONGEST: Final = 200

_CODE: Final = re.compile(r"\[([A-Z0-9-]+)[^\]]*\]", re.IGNORECASE)
_REJECTED: Final = frozenset(
    {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN"}
)
_FOR_NOW: Final = frozenset(
    {"UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG", "OVERQUOTA", "THROTTLED"}
)
_FOR_NOW_WORDS: Final = re.compile(
    r"too many|try (?:again|later)|temporar|unavailable|throttl|rate limit|internal (?:server )?error"
    r"|maximum number of|exceeded .*(?:limit|connections|bandwidth)|not available",
    re.IGNORECASE,
)


class Meaning(Enum):
    """What to do about a refusal."""

    REJECTED = "our name or password is wrong, or we are not let in: do not try again"
    FOR_NOW = "the server cannot do it now: try again, ever more slowly"


def code_of(told: str) -> str:
    """Return the response code in upper case, or nothing."""
    match = _CODE.search(told)
    return match[1].upper() if match else ""


def of_login(told: str) -> Meaning:
    """Say what a refused login means.

    What is not known to pass is taken for good: repeated logins lock accounts.
    """
    code = code_of(told)
    if code in _REJECTED:
        return Meaning.REJECTED
    if code in _FOR_NOW or _FOR_NOW_WORDS.search(told):
        return Meaning.FOR_NOW
    return Meaning.REJECTED


def passes(told: str) -> bool:
    """Tell whether the refusal of a folder or a mail is the server's trouble rather than ours."""
    return code_of(told) in _FOR_NOW or (not code_of(told) and bool(_FOR_NOW_WORDS.search(told)))


def quoted(told: object) -> str:
    """Return the server's own words on one line, for the operator."""
    if isinstance(told, (list, tuple)):
        told = told[-1] if told else ""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:LONGEST]
