"""The parts of a mail, found within limits before anything is decoded.

One search for each multipart's own delimiter, over its own stretch of bytes: at most ``NESTING``
passes over the mail, whatever stands in it, and never more than ``PARTS`` parts. An attached mail
(``message/rfc822``) stays closed. What the limits leave out is told by a remark, never by an error.

Source: RFC 2046 section 5.1 (multipart), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from omnigate_email.reading.headerlines import (
    HEADER_BYTES,
    Header,
    main_value,
    parameters,
    read_header,
)
from omnigate_email.reading.transfer import from_transfer

MAIL_BYTES = 32 * 1024 * 1024
"""What is beyond is left out. The intake takes 25 MiB; this bounds memory whoever calls."""
NESTING = 20
"""A multipart deeper than that is not opened."""
PARTS = 200
"""What follows the last of them is left out."""
DELIMITERS = 1000
"""Lines of one multipart that part it from nothing but another such line are passed over, up to so many."""
BOUNDARY_SIGNS = 200
"""A boundary has at most 70 (RFC 2046 section 5.1.1); some programs exceed it."""


@dataclass(slots=True)
class Part:
    """One part: its header, its bytes within the mail, and the parts in it."""

    raw: bytes = field(repr=False)
    header: Header
    mime: str
    """In lower case; ``text/plain`` where nothing sensible is said."""
    begin: int
    end: int
    parts: list[Part] = field(default_factory=list)

    @property
    def parameters(self) -> dict[str, str]:
        """What ``Content-Type`` adds."""
        return parameters(self.header.first("content-type"))

    def content(self) -> bytes:
        """Return the body, its transfer encoding undone."""
        return from_transfer(
            self.raw[self.begin : self.end], self.header.first("content-transfer-encoding") or ""
        )

    def walk(self) -> Iterator[Part]:
        """Iterate over the part and all parts in it, in order."""
        yield self
        for part in self.parts:
            yield from part.walk()


class Scan:
    """Takes one mail apart; ``remarks`` say what was left out."""

    def __init__(self, raw: bytes) -> None:
        self.remarks: list[str] = []
        self._left = PARTS
        if len(raw) > MAIL_BYTES:
            self._remark(f"longer than {MAIL_BYTES} bytes: the rest was left out")
        self._raw = raw[:MAIL_BYTES]
        self.root = self._part(0, len(self._raw), depth=0, default="text/plain")

    def _part(self, begin: int, end: int, *, depth: int, default: str) -> Part:
        self._left -= 1
        header, body = read_header(self._raw, begin, end)
        if not header.is_whole:
            self._remark(
                f"a header is longer than {HEADER_BYTES} bytes: the rest of it was left out"
            )
        mime = main_value(header.first("content-type"))
        if mime.count("/") != 1 or not mime.isascii() or len(mime) > 100 or " " in mime:
            mime = default if not mime or mime.startswith("text") else "application/octet-stream"
        part = Part(self._raw, header, mime, body, end)
        if mime.startswith("multipart/"):
            self._open(part, depth)
        return part

    def _open(self, part: Part, depth: int) -> None:
        boundary = part.parameters.get("boundary", "").rstrip()[:BOUNDARY_SIGNS]
        if depth >= NESTING:
            self._remark(f"parts nested deeper than {NESTING}: the deeper ones stay closed")
            return
        if not boundary:
            return
        default = "message/rfc822" if part.mime == "multipart/digest" else "text/plain"
        delimiter = b"--" + boundary.encode("latin-1", "replace")
        for begin, end in self._stretches(delimiter, part.begin, part.end):
            if self._left <= 0:
                self._remark(f"more than {PARTS} parts: the rest was left out")
                return
            part.parts.append(self._part(begin, end, depth=depth + 1, default=default))

    def _stretches(self, delimiter: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Iterate over the stretches between delimiter lines, up to the closing one or the end."""
        opened = None
        found = self._delimiters(delimiter, begin, end)
        for number, (line, after, closes) in enumerate(found):
            if number == DELIMITERS:
                self._remark(f"more than {DELIMITERS} delimiters in a row: the rest was left out")
                return
            if opened is not None and opened < line:
                yield opened, max(opened, self._before_line_end(line))
            opened = None if closes else after
            if closes:
                return
        if opened is not None and opened < end:
            yield opened, end

    def _delimiters(
        self, delimiter: bytes, begin: int, end: int
    ) -> Iterator[tuple[int, int, bool]]:
        """Iterate over lines that are the delimiter: where they begin, what follows, whether they close."""
        raw, position = self._raw, begin
        while (line := raw.find(delimiter, position, end)) >= 0:
            position = line + len(delimiter)
            if line != begin and raw[line - 1 : line] != b"\n":
                continue
            closes = raw.startswith(b"--", position, end)
            stop = raw.find(b"\n", position, end)
            after = end if stop < 0 else stop + 1
            # Never beyond the end: what comes there is the line of an outer delimiter.
            rest = raw[position + 2 * closes : min(after, position + 100)]
            if not rest.strip():
                yield line, after, closes

    def _before_line_end(self, line: int) -> int:
        """Return where the text before a delimiter line ends: its line end belongs to the delimiter."""
        line -= self._raw[line - 1 : line] == b"\n"
        return line - (self._raw[line - 1 : line] == b"\r")

    def _remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)
