"""Bodies that no platform sends and every stranger may."""

from __future__ import annotations

from typing import Final

JUNK: Final[tuple[bytes, ...]] = (
    b"",
    b"nonsense",
    b"\x00",
    b"\xff\xfe\xfd",
    b"null",
    b"true",
    b"17",
    b'""',
    b"[]",
    b"{}",
    b"[null]",
    b'{"a":',
    b"[" * 100_000,
    b'{"a":' * 10_000,
    b"9" * 10_000,
    b"NaN",
    b'{"__proto__":{"a":1}}',
    b'{"a":"\\ud800"}',
    b"a=1&a=2&%",
    b"<?xml version='1.0'?><a/>",
)
