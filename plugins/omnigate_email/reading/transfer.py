"""Content-Transfer-Encoding undone (RFC 2045 section 6), as far as damaged text allows. Never raises."""

from __future__ import annotations

import binascii

ENDINGS = 1000
"""Padding may stand so often inside base64 that was glued together from several."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_FOREIGN = bytes(byte for byte in range(256) if byte not in _ALPHABET)


def from_transfer(data: bytes, encoding: str) -> bytes:
    """Return what ``data`` was before it was sent; an unknown encoding leaves it as it is."""
    match encoding.strip().strip('"').lower():
        case "base64":
            return from_base64(data)
        case "quoted-printable":
            return binascii.a2b_qp(data)
        case "x-uuencode" | "uuencode" | "x-uue":
            return from_uuencode(data)
        case _:
            return data


def from_base64(data: bytes) -> bytes:
    """Decode base64; foreign signs are passed over, padding in the middle begins anew."""
    data = data.translate(None, _FOREIGN).rstrip(b"=")
    if data.count(b"=") > ENDINGS:
        data = data.replace(b"=", b"")
    return b"".join(_padded(piece) for piece in data.split(b"="))


def from_uuencode(data: bytes) -> bytes:
    """Decode the lines between ``begin`` and ``end``; lines that are broken are left out."""
    decoded = []
    for line in data.splitlines():
        if line.startswith(b"begin ") or line in (b"end", b"`", b"") or _is_short(line):
            continue
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(decoded)


def _is_short(line: bytes) -> bool:
    """Say whether signs are missing: the library would fill up with zeros, forty for a line of one."""
    return len(line) - 1 < (line[0] - 32 & 63) * 4 // 3


def _padded(piece: bytes) -> bytes:
    if len(piece) % 4 == 1:
        piece = piece[:-1]  # six bits alone are no byte
    return binascii.a2b_base64(piece + b"=" * (-len(piece) % 4))
