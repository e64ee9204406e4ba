"""Tokens of handovers: made so that they survive mail servers, links, texts and people who type them.

Small letters and digits of Crockford's base 32, which has no ``i``, ``l``, ``o`` and ``u``: case does not
matter, and neither do hyphens in between, nor letters that are mistaken for digits. 26 of them are 130
random bits.
Source: D. Crockford, "Base 32", https://www.crockford.com/base32.html (read 2026-11-22).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

LENGTH: Final = 26
LONGEST_SEARCHED: Final = 2000
"""Characters of a text in which a customer may have meant one."""
MOST_FOUND: Final = 100
"""Words of a text that are taken for tokens: whoever writes more hides nothing but their own."""
MASK: Final = "…"
"""Stands where a token stood."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_MISTAKEN: Final = str.maketrans("ilo", "110", "-")
_TOKEN: Final = re.compile(rf"[{_ALPHABET}]{{{LENGTH}}}")
_LONGEST_WRITTEN: Final = 2 * LENGTH
_WRITTEN: Final = {"0": "[0o]", "1": "[1il]"}
"""What may stand for a digit, as in `_MISTAKEN`."""
_LONG_WORD: Final = re.compile(rf"[0-9A-Za-z-]{{{LENGTH},}}")
"""A word that may be a token: shorter ones are passed over at once."""


def new_handover_token() -> str:
    """Return a token that nobody can guess: `LENGTH` characters of ``a-z0-9``, some of each."""
    while True:
        token = "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))
        if not token.isalpha() and not token.isdigit():
            return token


def read_handover_token(written: str) -> str | None:
    """Return the token that somebody means by this; None for what cannot be one."""
    if len(written) > _LONGEST_WRITTEN or not written.isascii():
        return None
    token = written.strip().lower().translate(_MISTAKEN)
    return token if _TOKEN.fullmatch(token) else None


def find_handover_token(text: str | None) -> str | None:
    """Return the first token among the words of a text, for channels that have only words to carry it.

    A word of letters only or of digits only is none: that is a name or a number.
    """
    return next(handover_tokens_in(text and text[:LONGEST_SEARCHED]), None)


def handover_tokens_in(text: str | None) -> Iterator[str]:
    """Return what may be tokens among the words of a whole text, the first `MOST_FOUND`, in their order.

    A quoted mail, say, has its links far behind the answer. Words count as in `find_handover_token`.
    """
    words = (read_handover_token(word[0]) for word in _LONG_WORD.finditer(text or ""))
    tokens = (word for word in words if word and not word.isdigit() and not word.isalpha())
    return islice(tokens, MOST_FOUND)


def without_handover_tokens(text: str, tokens: Iterable[str]) -> str:
    """Return a text in which `MASK` stands for these tokens, however they are written there."""
    known = list(tokens)
    return _LONG_WORD.sub(lambda word: _without(word[0], known), text) if known else text


def digest_of(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _without(word: str, tokens: Iterable[str]) -> str:
    meant = word.lower().translate(_MISTAKEN)
    for token in tokens:
        if token in meant:  # an expression for each token would go through a long text as often
            written = "-*".join(_WRITTEN.get(letter, letter) for letter in token)
            word = re.sub(written, MASK, word, flags=re.IGNORECASE)
    return word
