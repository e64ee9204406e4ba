"""Addresses, ids of mails and dates, out of raw header values.

Source: RFC 5322 sections 3.3 (date), 3.4 (addresses), 3.6.4 (ids), read 2026-11-22. Written for what
arrives: nothing recurses, every sign is looked at once, and what is no address is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from omnigate_email.mail import Mailbox
from omnigate_email.reading.headerlines import words
from omnigate_email.reading.names import printable

MAILBOXES = 500
"""Of one header."""
IDS = 500
"""Of one header: the first one and the last ones are kept."""
ADDRESS_SIGNS = 320
NAME_SIGNS = 200
ID_SIGNS = 998
DATE_SIGNS = 100

_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_PIECE = re.compile(
    r"=\?[^?\s]{1,120}\?[bBqQ]\?[^?]*\?=|\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|<[^<>]*>?|[(),:;]|[^\"<>(),:;=]+|.",
    re.DOTALL,
)
_ID = re.compile(r"<([^<>]+)>")


def mailboxes(values: Sequence[str]) -> list[Mailbox]:
    """Return the mailboxes in raw values of one kind of header; groups are opened, doubles kept."""
    found: list[Mailbox] = []
    for value in values:
        for phrase, comment, address in _split(value):
            mailbox = _mailbox(phrase, comment, address)
            if mailbox is not None and len(found) < MAILBOXES:
                found.append(mailbox)
    return found


def mail_ids(values: Sequence[str]) -> list[str]:
    """Return the ids in raw values, each in angle brackets, once, in order of appearance.

    Brackets may be encoded too: Python's library does so with what is longer than a line.
    """
    found: dict[str, None] = {}
    for value in map(words, values):
        given = _ID.findall(value)
        if not given and "@" in value and len(value.split()) == 1:
            given = [value.strip("<> \t")]
        for one in given:
            text = "".join(printable(one).split())
            if text and len(text) <= ID_SIGNS:
                found.setdefault(f"<{text}>")
    ids = list(found)
    return ids if len(ids) <= IDS else ids[:1] + ids[1 - IDS :]


def moment(value: str | None) -> datetime | None:
    """Return the date as UTC; ``None`` where it cannot be read or cannot be true."""
    if not value:
        return None
    try:
        read = parsedate_to_datetime(value[:DATE_SIGNS])
        read = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # the library raises all of these for dates that are none
    return read if _EARLIEST <= read < _LATEST else None


def _split(value: str) -> list[tuple[str, str, str | None]]:
    """Cut a list of addresses in (words, comment, what stands in angle brackets)."""
    found: list[tuple[str, str, str | None]] = []
    phrase, comment, address, depth = "", "", None, 0
    for match in _PIECE.finditer(value):
        piece = match[0]
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
        elif depth:
            comment += piece
        elif piece in ",;":
            found.append((phrase, comment, address))
            phrase, comment, address = "", "", None
        elif piece == ":" and address is None:
            phrase, comment = "", ""  # what stood before is a group's name
        elif piece.startswith("<") and address is None:
            address = piece[1:].removesuffix(">")
        else:
            phrase += piece
    found.append((phrase, comment, address))
    return found


def _mailbox(phrase: str, comment: str, address: str | None) -> Mailbox | None:
    if address is None:
        if phrase.strip().startswith("=?") and phrase.strip().endswith("?="):
            return _inside_a_word(phrase)
        given, name = phrase, words(comment)
        if given.count("@") == 1 and len(given.split()) > 1:  # Name name@example.com
            given = next(piece for piece in given.split() if "@" in piece)
            name = name or phrase.replace(given, "").strip()
    else:
        given, name = address, _name(phrase) or words(comment)
    cleaned = _address(given)
    if cleaned is None:
        return None
    name = printable(name).strip(" '\"")[:NAME_SIGNS].strip()
    return Mailbox(cleaned, name if name and name.lower() != cleaned else None)


def _inside_a_word(phrase: str) -> Mailbox | None:
    """Read ``Name <address>`` that was encoded as a whole, as some programs do."""
    text = words(phrase)
    if "@" not in text or "=?" in text:
        return None
    name, bracket, rest = text.rpartition("<")
    cleaned = _address(rest if bracket else text)
    return Mailbox(cleaned, printable(name).strip(" '\"")[:NAME_SIGNS] or None) if cleaned else None


def _name(phrase: str) -> str:
    text = phrase.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1 and text.count('"') == 2:
        text = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return words(text)


def _address(given: str) -> str | None:
    text = printable(words(given)).strip(" '<>").removeprefix("mailto:")
    if text.startswith("@"):
        text = text.rpartition(":")[2]  # a route of old (RFC 5322 section 4.4)
    local, at, domain = text.rpartition("@")
    local, domain = local.strip(), domain.strip().rstrip(".").lower()
    if not at or not local or not domain or len(text) > ADDRESS_SIGNS or domain.split() != [domain]:
        return None
    if any(sign.isspace() for sign in local) and not local.startswith('"'):
        return None
    return f"{local}@{'.'.join(_label(label) for label in domain.split('.'))}"


def _label(label: str) -> str:
    """Decode one label of punycode; a label that is none stays (RFC 5890 section 2.3.2.1)."""
    if not label.startswith("xn--") or not label.isascii():
        return label
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
    except ValueError:
        return label
    return decoded if decoded.isprintable() and not set(decoded) & set("@. <>\"',;:") else label
