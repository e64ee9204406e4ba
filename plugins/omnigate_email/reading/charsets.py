"""Bytes that somebody once wrote as text: what they say, whatever they claim to be.

A declared charset is tried first, then UTF-8, then the two Russian ones, told apart by the letters
that Russian uses most, and last Latin-1, which reads anything. Mails of the .ru zone are mislabelled
often enough that a label is evidence, not proof.
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata

SAMPLE_BYTES = 64 * 1024
"""As much is weighed to tell charsets apart."""
MOSTLY_WHOLE = 8
"""UTF-8 with at least so many good letters for each damaged one is damaged UTF-8, nothing else."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.:+-]{0,39}")
_ALIASES = {
    "cp-1251": "cp1251",
    "koi8": "koi8-r",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "ks_c_5601-1987": "cp949",  # what Outlook calls it; cp949 holds all of it and more
    "gb2312": "gb18030",  # mails labelled so use the larger set
    "gbk": "gb18030",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "utf": "utf-8",
    "win-1251": "cp1251",
    "win1251": "cp1251",
    "windows1251": "cp1251",
    "x-cp1251": "cp1251",
    "x-gbk": "gb18030",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-sjis": "cp932",
}
_SAY_NOTHING = frozenset(
    {"8bit", "ascii", "unknown-8bit", "us-ascii", "x-unknown", "default", "binary"}
)
_LATIN = frozenset({"iso8859-1", "iso8859-15", "cp1252"})
"""Read anything, and are declared by programs that know no other."""
_NOT_TEXT = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""Python's codecs that no mail means: escapes that warn, and ones whose time is quadratic."""

# Letters of Russian texts per ten thousand, common knowledge of the field, rounded.
_FREQUENT = (1097, 845, 801, 735, 670, 626, 547, 473, 454, 440, 349, 321, 298, 281, 262, 201, 190)
_RARE = (174, 170, 165, 159, 144, 121, 97, 94, 73, 64, 48, 36, 32, 26, 4, 4)
_COUNTS = dict(zip("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", _FREQUENT + _RARE, strict=True))
_WEIGHTS = {
    letter: math.log(count / 100) for letter, count in (_COUNTS | dict.fromkeys("іїєґ", 20)).items()
}
_STRANGE = -6.0
"""For a sign that no letter is, where a letter was to be."""
_CASE_SWAPPED = -4.0
"""For a capital after a small letter: koi8-r read as cp1251 is full of them."""

_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def decode(data: bytes, declared: str | None = None) -> str:
    """Return what ``data`` says; bytes that no charset explains become U+FFFD. Never raises.

    ``declared`` is a name as it came, in any spelling, or ``None`` where nobody said.
    """
    if data.isascii() and not _is_wide(declared):
        return data.decode("ascii")
    codec = _codec(declared)
    if codec in _LATIN:
        return _strictly(data, "utf-8") or _cyrillic(data) or data.decode(codec, "replace")
    if codec is not None and (text := _strictly(data, codec)) is not None:
        return text
    if (text := _almost_utf8(data)) is not None:
        return text
    if codec is not None and codec != "utf-8":
        return data.decode(codec, "replace")
    return _cyrillic(data) or _western(data)


def is_known(declared: str) -> bool:
    """Say whether there is a charset of that name."""
    return declared.strip().lower() in _SAY_NOTHING or _codec(declared) is not None


def storable(text: str) -> str:
    """Return the text with ``\\n`` alone ending lines, and without NUL, control signs, halves of pairs."""
    return _UNSTORABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _codec(declared: str | None) -> str | None:
    name = (declared or "").strip().strip("'\"").lower()
    if name in _SAY_NOTHING or not _NAME.fullmatch(name):
        return None
    try:
        codec = codecs.lookup(_ALIASES.get(name, name)).name
        b"".decode(codec)  # LookupError for codecs that are not of text
    except (LookupError, ValueError):
        return None
    return None if codec in _NOT_TEXT else codec


def _is_wide(declared: str | None) -> bool:
    """Say whether ASCII bytes may be something else: UTF-16, UTF-7, the escapes of ISO-2022."""
    codec = _codec(declared) or ""
    return codec.startswith(("utf-7", "utf-16", "utf-32", "iso2022", "hz"))


def _strictly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except ValueError:
        return None


def _almost_utf8(data: bytes) -> str | None:
    """Return it as UTF-8 if it is, but for a few letters that were cut in the middle."""
    text = data.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    if damaged == 0:
        return text
    foreign = len(text) - len(text.encode("ascii", "ignore")) - damaged
    return text if foreign >= damaged * MOSTLY_WHOLE else None


def _cyrillic(data: bytes) -> str | None:
    """Return it as cp1251 or koi8, whichever reads more like Russian; ``None`` if neither does."""
    sample = data[:SAMPLE_BYTES]
    best = max(("cp1251", "koi8-u"), key=lambda codec: _likeness(sample.decode(codec, "replace")))
    text = sample.decode(best, "replace")
    letters = [sign for sign in text if sign > "\x7f"]
    russian = sum(1 for sign in letters if sign.lower() in _WEIGHTS)
    if russian * 10 < len(letters) * 7 or not _has_words(text):
        return None
    return data.decode(best, "replace")


def _has_words(text: str) -> bool:
    """Say whether Cyrillic stands in words of its own: an é in French is one sign among Latin ones."""
    cyrillic = re.findall(r"[А-яЁёІіЇїЄєҐґ]+", text)
    mixed = re.findall(r"[A-Za-z][А-яЁёІіЇїЄєҐґ]|[А-яЁёІіЇїЄєҐґ][A-Za-z]", text)
    return len(cyrillic) > 2 * len(mixed)


def _likeness(text: str) -> float:
    """Return how much the signs beyond ASCII look like Russian; more is better, never above them all."""
    score, before = 0.0, " "
    for sign in text:
        if sign > "\x7f":
            score += _WEIGHTS.get(sign.lower(), _STRANGE)
            if sign.isupper() and before.islower():
                score += _CASE_SWAPPED
        before = sign
    return score


def _western(data: bytes) -> str:
    text = data.decode("cp1252", "replace")
    controls = any(
        unicodedata.category(sign) == "Cc" and sign not in "\r\n\t" for sign in text[:1000]
    )
    return data.decode("latin-1") if controls or "\ufffd" in text else text
