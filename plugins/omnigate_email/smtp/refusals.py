"""What a mail server's refusals mean: to the mail, to the customer, to the whole account.

A reply code alone does not tell: a 5xx answer to the recipient is about them, the same answer to our own
address is about us and holds for every mail. So each is judged by where in the dialogue it came, then by the
enhanced status code, then by the code.

Source: RFC 5321 section 4.2 and 4.3.2, RFC 3463 and the IANA registry of enhanced status codes, RFC 4954
section 6 (logins), RFC 6647 (greylisting), all read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import omnigate

Stage = Literal["greeting", "login", "sender", "recipient", "content"]
"""Where in the dialogue: on connecting and EHLO, AUTH, MAIL, RCPT, DATA and what follows."""

WAITS_SECONDS: Final = (60.0, 300.0, 900.0, 3600.0)
"""After the first, second … refusal for now of one mail, the last one from then on: greylisting wants some
minutes, a full mailbox hours."""
MOST_ATTEMPTS: Final = 75
"""About three days of them."""
LIMIT_SECONDS: Final = 3600.0
"""The account has sent too much: providers count by the hour or the day."""
SAID_CHARS: Final = 300

_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_RELAYING: Final = re.compile(r"relay", re.IGNORECASE)

_TOO_MUCH: Final = frozenset({(4, 5), (7, 28)})
"""Subject and detail by which providers say that the account has sent too much for now.

Source: Google Workspace help, "Gmail SMTP errors and codes" (from memory, not re-read)."""

_OF_THE_RECIPIENT: Final[Mapping[tuple[int, int], tuple[str, str]]] = {
    (1, 1): ("no_such_recipient", "there is no such mailbox"),
    (1, 2): ("no_such_domain", "there is no such domain"),
    (1, 3): ("bad_address", "the address is not well formed"),
    (1, 6): ("recipient_moved", "the mailbox has moved"),
    (1, 10): ("no_such_domain", "the domain takes no mail"),
    (2, 0): ("mailbox_unavailable", "the mailbox does not take mail"),
    (2, 1): ("mailbox_unavailable", "the mailbox is switched off"),
    (2, 2): ("mailbox_full", "the mailbox is full"),
    (2, 3): ("too_large", "the mail is larger than the recipient takes"),
    (3, 4): ("too_large", "the mail is larger than the server takes"),
    (4, 4): ("no_such_domain", "there is no way to the domain"),
    (6, 7): ("address_not_supported", "the server cannot take an address with such letters"),
}


def meaning(
    stage: Stage, code: int, message: str, *, attempt: int = 1, host: str = "the server"
) -> omnigate.OmnigateError:
    """Return what the host is to do about a reply that is no success.

    ``attempt`` is the number of the attempt that failed, from 1.
    """
    said = words(code, message)
    enhanced = _enhanced(message)
    if code < 400:
        return omnigate.DestinationUnavailable(
            f"{host} answers what was not asked: {said}; is it a mail server?", status=code
        )
    if stage == "login":
        return _of_login(code, said, host)
    if code == 530:
        return omnigate.CredentialsRejected(
            f"{host} wants a login ({said}); give username and password"
        )
    if code == 421 or stage == "greeting":
        return omnigate.DestinationUnavailable(
            f"{host} does not take mail now: {said}", status=code
        )
    if enhanced in _TOO_MUCH:
        return omnigate.DestinationUnavailable(
            f"{host} refuses more mail from this account for now: {said}",
            retry_after_seconds=LIMIT_SECONDS,
            status=code,
        )
    if 400 <= code < 500:
        return _for_now(stage, code, enhanced, said, attempt, host)
    return _for_good(stage, code, enhanced, said, host)


def words(code: int, message: str) -> str:
    """Return a reply as it may be shown: on one line, shortened, nothing unprintable in it."""
    seen = (one if one.isprintable() else " " for one in message[:SAID_CHARS])
    return f"{code} {''.join(seen).strip()}".strip()


def _of_login(code: int, said: str, host: str) -> omnigate.OmnigateError:
    # 454 and other 4xx: the server cannot look it up now (RFC 4954). 432 asks for a new password.
    if code == 432 or code >= 500:
        return omnigate.CredentialsRejected(
            f"{host} refuses the login: {said}; check username and password (often an app password made in "
            "the account's settings)"
        )
    return omnigate.DestinationUnavailable(f"{host} cannot log us in now: {said}", status=code)


def _for_now(
    stage: Stage, code: int, enhanced: tuple[int, int] | None, said: str, attempt: int, host: str
) -> omnigate.OmnigateError:
    # A server that has no room, or does not know us yet, refuses all mails alike.
    if stage == "sender" or (code == 452 and enhanced in (None, (3, 1))):
        return omnigate.DestinationUnavailable(
            f"{host} does not take mail now: {said}", status=code
        )
    if attempt > MOST_ATTEMPTS:
        return omnigate.Refused("gave_up", f"refused for now too often, at last with {said}")
    wait = WAITS_SECONDS[min(max(attempt, 1), len(WAITS_SECONDS)) - 1]
    return omnigate.RetryLater(f"{host} wants it later: {said}", after_seconds=wait, status=code)


def _for_good(
    stage: Stage, code: int, enhanced: tuple[int, int] | None, said: str, host: str
) -> omnigate.OmnigateError:
    if enhanced in ((2, 3), (3, 4)) or (code == 552 and enhanced != (2, 2)):
        return omnigate.Refused("too_large", f"{said}: the mail is larger than {host} takes")
    if stage == "sender":
        return omnigate.DestinationUnavailable(
            f"{host} refuses our own address: {said}; may this account send from it?", status=code
        )
    if stage == "recipient" and _RELAYING.search(said):
        return omnigate.DestinationUnavailable(
            f"{host} delivers for others only after a login, or only for its own domains: {said}",
            status=code,
        )
    if enhanced is not None and enhanced in _OF_THE_RECIPIENT:
        error, told = _OF_THE_RECIPIENT[enhanced]
        return omnigate.Refused(error, f"{said}: {told}")
    if enhanced is not None and enhanced[0] == 7:
        return omnigate.Refused("refused_by_policy", f"{said}: taken for spam, or not allowed")
    if stage == "recipient":
        refused = "no_such_recipient" if code in (550, 551, 553) else "recipient_refused"
        return omnigate.Refused(refused, said)
    return omnigate.Refused("refused_by_server", said)


def _enhanced(message: str) -> tuple[int, int] | None:
    found = _ENHANCED.match(message.lstrip())
    return (int(found[2]), int(found[3])) if found else None
