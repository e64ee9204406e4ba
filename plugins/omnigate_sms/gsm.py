"""The default alphabet of GSM and its extension table, a septet per octet as SMPP carries it.

Source: 3GPP TS 23.038 version 17, sections 6.2.1 and 6.2.1.1 (as told in GSM 03.38; read 2026-11-22).
"""

from __future__ import annotations

from typing import Final

ESCAPE: Final = 0x1B

_ROWS: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ",
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmno",
    "pqrstuvwxyzäöñüà",
)
_EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_BASIC: Final = "".join(_ROWS)
_OCTETS: Final[dict[str, bytes]] = {
    character: bytes([septet])
    for septet, character in enumerate(_BASIC)
    if septet != ESCAPE  # stands for no character of its own
} | {character: bytes([ESCAPE, septet]) for septet, character in _EXTENSION.items()}

_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"


def is_gsm(text: str) -> bool:
    """Tell whether the alphabet has every character of a text."""
    return all(character in _OCTETS for character in text)


def encode(text: str) -> bytes:
    """Return a text a septet per octet; characters of the extension table are two.

    Raises:
        UnicodeEncodeError: the alphabet lacks a character; see `is_gsm`.
    """
    try:
        return b"".join([_OCTETS[character] for character in text])
    except KeyError as missing:
        at = text.index(missing.args[0])
        raise UnicodeEncodeError(
            "gsm-03.38", text, at, at + 1, "not in the default alphabet"
        ) from None


def decode(septets: bytes) -> str:
    """Return the text of septets, one in each octet; never raises.

    As the standard has it for phones: an unknown extension is read as the character of the basic
    table, and an escape that nothing or another escape follows is a space. An octet over 0x7F is no
    septet and becomes U+FFFD.
    """
    text: list[str] = []
    escaped = False
    for octet in septets:
        if octet == ESCAPE:
            if escaped:
                text.append(" ")
            escaped = not escaped
            continue
        if octet > 0x7F:
            character = _UNREADABLE
        else:
            character = (_EXTENSION.get(octet) if escaped else None) or _BASIC[octet]
        text.append(character)
        escaped = False
    if escaped:
        text.append(" ")
    return "".join(text)
