"""The manager interface on the wire: blocks of ``Key: Value`` lines, each ended by an empty line.

A value that comes from outside may hold anything but the end of a line: with one it would be an action of
its own. `encode` therefore refuses it, whoever made it.

Source: Asterisk 22 "AMI" (docs.asterisk.org, read 2026-11-22); compared with what Asterisk 16.28 sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

LINE_BYTES: Final = 16 * 1024
"""The longest line that is read; the switch sends far shorter ones."""
BLOCK_LINES: Final = 500
BANNER: Final = "Asterisk Call Manager"

Block = Mapping[str, str]
"""Keys in small letters: the switch is not consistent in them. Of a key that is repeated the last counts."""


class NotManager(Exception):
    """What speaks there is no manager interface, or it has gone mad."""


def encode(fields: Sequence[tuple[str, str]]) -> bytes:
    """Return an action as bytes; raises ``ValueError`` for what would be more than one."""
    lines = []
    for key, value in fields:
        if not key.isascii() or not key.isalnum() or not _is_one_line(value):
            raise ValueError(f"{key} cannot be sent: a value is one line")
        lines.append(f"{key}: {value}\r\n")
    return "".join([*lines, "\r\n"]).encode()


async def read_banner(reader: asyncio.StreamReader) -> str:
    """Return the first line; raises `NotManager` or ``OSError``."""
    line = await _line(reader)
    if not line.startswith(BANNER):
        raise NotManager(f"what answers is no Asterisk manager: {line[:40]!r}")
    return line


async def read_block(reader: asyncio.StreamReader) -> Block:
    """Return the next block; raises `NotManager`, or ``EOFError`` when there is none."""
    block: dict[str, str] = {}
    for _ in range(BLOCK_LINES):
        line = await _line(reader)
        if not line:
            if block:
                return block
            continue
        key, colon, value = line.partition(":")
        if colon:
            block[key.strip().lower()] = value.strip()
    raise NotManager("a block has no end")


async def _line(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        raise EOFError("the switch closed the connection") from error
    except asyncio.LimitOverrunError as error:
        raise NotManager("a line has no end") from error
    return line.decode("utf-8", "replace").rstrip("\r\n")


def _is_one_line(value: str) -> bool:
    return not any(sign in value for sign in "\r\n\0")
