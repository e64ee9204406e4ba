"""Header fields as they are written on the wire: encoded, folded, and with nothing smuggled in.

Whatever a value says, a reader gets the same back; lines stay within 78 characters where a value can be
folded at all, and within 998 always. Line breaks and NUL are refused, not repaired: whoever sends them means
to write headers of their own.

Source: RFC 5322 (fields, folding), RFC 2047 (encoded words), RFC 2231 (parameters), RFC 6532 (UTF-8 in
fields), RFC 5321 section 4.5.3.1 (sizes of addresses), all read 2026-11-22.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

import idna

import omnigate
from omnigate_email.mail import Mailbox

LINE_CHARS: Final = 76
WORD_BYTES: Final = 45
"""Of text in an encoded word: 60 characters of base64 and the 12 around them, of 75 that are allowed."""
QUOTED_CHARS: Final = 50
"""Longer names and parameters are encoded, since nothing within quotation marks can be folded."""
SEGMENT_CHARS: Final = 54
LOCAL_PART_BYTES: Final = 64
ADDRESS_BYTES: Final = 254
ID_CHARS: Final = 900
"""A line holds 998, and an id cannot be folded."""

_SMUGGLED: Final = re.compile(r"[\r\n\0]")
_PLAIN: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/?^_`{|}~-]+)*")
_ID: Final = re.compile(r"<[!-;=?-~]+>")
_LOCAL_PART: Final = re.compile(
    r"[^\x00-\x20\"(),:;<>@\[\\\]\x7f-\xa0\u2000-\u206f\u3000\ud800-\udfff\ufeff]+"
    r"|\"(?:[^\x00-\x1f\"\\\x7f-\x9f]|\\[ -~])+\""
)
_LITERAL: Final = re.compile(r"\[(?:[0-9.]{7,15}|IPv6:[0-9A-Fa-f:.]{2,45})\]")
_HOST: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_PARAMETER_SAFE: Final = "!#$&+-.^_`{}|~"  # attribute-char of RFC 2231, beside letters and digits


def text(name: str, value: str) -> bytes:
    """Return a field of free text, such as a subject. Raises `Refused` for line breaks."""
    _refuse_smuggling(name, value)
    if value and not _is_plain(value):
        return _folded(name, encoded_words(value, first_chars=LINE_CHARS - len(name) - 2))
    return _folded(name, value.split(" "))


def mailboxes(name: str, listed: Iterable[Mailbox]) -> bytes:
    """Return a field of addresses with their names. Raises `Refused` for what is no address."""
    return name.encode() + b": " + b",\r\n ".join(_mailbox(name, one) for one in listed) + b"\r\n"


def message_ids(name: str, ids: Sequence[str]) -> bytes:
    """Return a field of message ids, one a line; what is none is left out, and no field when none is left.

    Ids come from other people's mails: they cannot be encoded, only left out.
    """
    sound = [one for one in ids if is_message_id(one)]
    return f"{name}: ".encode() + "\r\n ".join(sound).encode() + b"\r\n" if sound else b""


def is_message_id(text: str) -> bool:
    """Tell whether it can stand in a header as the id of a mail."""
    return len(text) <= ID_CHARS and _ID.fullmatch(text) is not None


def parameters(value: str, given: Iterable[tuple[str, str]]) -> str:
    """Return the value of a MIME field with its parameters, each on a line of its own."""
    return ";\r\n ".join([value, *(line for one in given for line in _parameter(*one))])


def wire_address(address: str) -> str:
    """Return an address as servers take it: the domain in punycode, the local part as it is.

    Raises `Refused` for what is no address.
    """
    local, _, domain = address.rpartition("@")
    if not _LOCAL_PART.fullmatch(local) or len(local.encode()) > LOCAL_PART_BYTES:
        raise _bad_address(address)
    if len(domain) > ADDRESS_BYTES or domain.endswith("."):
        raise _bad_address(address)
    try:
        wire = f"{local}@{host(domain)}"
    except ValueError:
        raise _bad_address(address) from None
    if len(wire.encode()) > ADDRESS_BYTES:
        raise _bad_address(address)
    return wire


def host(domain: str) -> str:
    """Return a domain in punycode, an address literal as it is. Raises ``ValueError``."""
    if _LITERAL.fullmatch(domain):
        return domain
    try:
        # Not by the codec of Python: of IDNA 2003, it takes faß.de for fass.de, which is somebody else's.
        return idna.encode(domain, uts46=True, transitional=False).decode("ascii")
    except idna.IDNAError:
        if _HOST.fullmatch(domain):  # underscores do occur
            return domain
        raise


def encoded_words(value: str, first_chars: int = 75) -> list[str]:
    """Return text as words of ASCII, the first one of at most so many characters; no character is cut."""
    words, room = [], max((min(first_chars, 72) - 12) // 4 * 3, 4)
    kept = b""
    for character in value:
        coded = character.encode("utf-8", "replace")
        if len(kept) + len(coded) > room:
            words.append(kept)
            kept, room = b"", WORD_BYTES
        kept += coded
    return [f"=?utf-8?b?{b64encode(word).decode()}?=" for word in [*words, kept]]


def _mailbox(field: str, mailbox: Mailbox) -> bytes:
    address = wire_address(mailbox.address).encode("utf-8", "replace")
    name = (mailbox.name or "").strip(" ")
    _refuse_smuggling(field, name)
    if not name:
        return address
    if _ATOMS.fullmatch(name) and _is_plain(name) and len(name) <= QUOTED_CHARS:
        phrase = name
    elif _is_plain(name) and len(name) <= QUOTED_CHARS:
        phrase = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    else:
        phrase = "\r\n ".join(encoded_words(name, first_chars=LINE_CHARS - len(field) - 2))
    room = LINE_CHARS - len(field) - 2 - len(phrase.rpartition("\r\n")[2])
    glue = b" " if len(address) + 3 <= room else b"\r\n "
    return phrase.encode() + glue + b"<" + address + b">"


def _parameter(name: str, value: str) -> list[str]:
    _refuse_smuggling(name, value)
    if _is_plain(value) and len(value) <= QUOTED_CHARS and not re.search(r'["\\%]', value):
        return [f'{name}="{value}"']
    segments = [""]
    for character in value:
        coded = quote(character, safe=_PARAMETER_SAFE, errors="replace")
        if len(segments[-1]) + len(coded) > SEGMENT_CHARS:
            segments.append("")
        segments[-1] += coded
    segments[0] = "utf-8''" + segments[0]
    if len(segments) == 1:
        return [f"{name}*={segments[0]}"]
    return [f"{name}*{number}*={segment}" for number, segment in enumerate(segments)]


def _is_plain(value: str) -> bool:
    """Tell whether it can stand as it is: printable ASCII, single spaces, nothing that looks encoded."""
    if "=?" in value or not _PLAIN.fullmatch(value):
        return False
    return max(map(len, value.split(" "))) < LINE_CHARS - 20


def _folded(name: str, words: Iterable[str]) -> bytes:
    line, lines = f"{name}:", []
    for word in words:
        if len(line) + 1 + len(word) > LINE_CHARS and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]).encode() + b"\r\n"


def _refuse_smuggling(name: str, value: str) -> None:
    if _SMUGGLED.search(value):
        raise omnigate.Refused(
            "bad_header", f"{name} has a line break or NUL in it; send it as one line of text"
        )


def _bad_address(address: str) -> omnigate.Refused:
    return omnigate.Refused(
        "bad_address", f"{address[:100]!r} is no e-mail address; write name@example.com"
    )
