"""The header of a mail or a part: its lines, the words encoded in them, and parameters.

Source: RFC 5322 section 2.2 (fields), RFC 2047 (encoded words), RFC 2231 (parameters), read
2026-11-22. What is broken in the wild is read too: raw 8-bit text, encoded words inside quotes or cut
through a letter, parameters with blanks and no quotes.

Raw values are kept as ``str`` with one sign per byte (Latin-1), so that nothing is lost before
somebody knows what the bytes are.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from omnigate_email.reading.charsets import decode, storable
from omnigate_email.reading.transfer import from_base64

HEADER_BYTES = 100 * 1024
"""Of one header; what is beyond is not read."""
PIECES = 100
"""Of one parameter that RFC 2231 lets be cut in pieces."""

UNENCODED = frozenset({"authentication-results"})
"""Fields in which nothing is encoded (RFC 2047 section 5): a sender's address that looks so is an address,
and must not become something that the server has said."""

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?]*)\?=")
_PARAMETER = re.compile(r";\s*([^\s=;\"]+)\s*=\s*(\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|[^;]*)", re.DOTALL)
_PIECE = re.compile(r"([^*]+)(?:\*([0-9]{1,3}))?(\*)?")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")


class Header:
    """The fields of one header, in order of appearance."""

    def __init__(self, fields: list[tuple[str, str]], *, is_whole: bool = True) -> None:
        self._fields = fields
        self.is_whole = is_whole
        """False if it is longer than ``HEADER_BYTES``: the rest of it was not read."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Iterate over names in lower case and raw values, unfolded."""
        return iter(self._fields)

    def first(self, name: str) -> str | None:
        """Return the raw value of the first field of that name, in lower case."""
        return next((value for key, value in self._fields if key == name), None)

    def all(self, name: str) -> list[str]:
        """Return the raw values of all fields of that name, in lower case."""
        return [value for key, value in self._fields if key == name]

    def decoded(self) -> Mapping[str, list[str]]:
        """Return every field's text by name."""
        fields: dict[str, list[str]] = {}
        for name, value in self._fields:
            text = _tidy(_plain(value)) if name in UNENCODED else words(value)
            fields.setdefault(name, []).append(text)
        return fields


def read_header(raw: bytes, start: int, end: int) -> tuple[Header, int]:
    """Return the header that begins at ``start``, and where the body behind it begins.

    A line that is no field ends the header and belongs to the body; an mbox "From " line is skipped.
    """
    fields: list[tuple[str, list[bytes]]] = []
    position, limit = start, min(end, start + HEADER_BYTES)
    while position < limit:
        stop = raw.find(b"\n", position, limit)
        line_end = limit if stop < 0 else stop
        line = raw[position:line_end].rstrip(b"\r")
        if stop < 0 and limit < end:
            break
        after = min(end, line_end + 1)
        if not line:
            return _header(fields), after
        if line[:1] in b" \t" and fields:
            fields[-1][1].append(line)
        elif (match := _FIELD.match(line)) is not None:
            fields.append((match[1].decode("ascii").lower(), [line[match.end() :]]))
        elif position != start or not line.startswith((b"From ", b">From ")):
            return _header(fields), position
        position = after
    if limit == end:
        return _header(fields), end
    return _header(fields, is_whole=False), _behind_blank_line(raw, position, end)


def words(value: str) -> str:
    """Return the text of a raw value: encoded words and 8-bit signs decoded, blanks around it dropped.

    Bytes of neighbouring words of one charset are joined before they are decoded, for words cut
    through a letter (RFC 2047 section 5 forbids it; it is common).
    """
    if "=?" not in value:
        return _tidy(_plain(value))
    pieces: list[str] = []
    pending: list[tuple[str, str, str]] = []
    position = 0
    for match in _WORD.finditer(value):
        between = value[position : match.start()]
        are_neighbours = (
            bool(pending) and not between.strip()
        )  # blanks between two words are not shown
        if not are_neighbours or pending[-1][0] != match[1].lower():
            pieces.append(_joined(pending))
            pending = []
        if not are_neighbours:
            pieces.append(_plain(between))
        pending.append((match[1].lower(), match[2].lower(), match[3]))
        position = match.end()
    pieces += [_joined(pending), _plain(value[position:])]
    return _tidy("".join(pieces))


def main_value(value: str | None) -> str:
    """Return what stands before the parameters, in lower case: ``text/plain``, ``attachment``."""
    return (value or "").partition(";")[0].strip().strip('"').lower()


def parameters(value: str | None) -> dict[str, str]:
    """Return the parameters of a raw value by name in lower case; the better of two forms wins."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for match in _PARAMETER.finditer(value or ""):
        name, given = match[1].lower(), _unquoted(match[2].strip())
        if "*" not in name:
            plain.setdefault(name, given)
        elif (piece := _PIECE.fullmatch(name)) is not None and len(
            pieces.get(piece[1], ())
        ) < PIECES:
            pieces.setdefault(piece[1], {})[int(piece[2] or 0)] = (piece[3] is not None, given)
    found = {name: _decoded(given) for name, given in plain.items()}
    return found | {name: _reassembled(of) for name, of in pieces.items()}


def _header(fields: list[tuple[str, list[bytes]]], *, is_whole: bool = True) -> Header:
    return Header(
        [(name, b"".join(lines).strip().decode("latin-1")) for name, lines in fields],
        is_whole=is_whole,
    )


def _behind_blank_line(raw: bytes, start: int, end: int) -> int:
    found = [
        place + len(gap)
        for gap in (b"\n\r\n", b"\n\n")
        if (place := raw.find(gap, start, end)) >= 0
    ]
    return min(found, default=end)


def _plain(value: str) -> str:
    return value if value.isascii() else decode(value.encode("latin-1"))


def _joined(pending: list[tuple[str, str, str]]) -> str:
    """Return the text of neighbouring encoded words of one charset."""
    if not pending:
        return ""
    data = b""
    carried = ""
    for number, (_, encoding, text) in enumerate(pending):
        if encoding == "q":
            data += binascii.a2b_qp(text.replace("_", " ").encode("latin-1"), header=True)
            continue
        carried += text
        follows = pending[number + 1][1] if number + 1 < len(pending) else "q"
        if follows == "b" and len(carried) % 4 and not carried.endswith("="):
            continue  # cut in the middle of four signs: the rest stands in the next word
        data += from_base64(carried.encode("latin-1"))
        carried = ""
    return decode(data, pending[0][0])


def _tidy(text: str) -> str:
    return " ".join(storable(text).split("\n")).strip()


def _unquoted(given: str) -> str:
    if not given.startswith('"'):
        return given
    return re.sub(r"\\(.)", r"\1", given[1:].removesuffix('"'), flags=re.DOTALL)


def _decoded(given: str) -> str:
    """Decode what should have been in RFC 2231's form: encoded words in quotes, 8 bit, percent signs."""
    if given.isascii() and "=?" not in given and _PERCENT.search(given):
        data = unquote_to_bytes(given)
        if not data.isascii():
            return _tidy(decode(data, "utf-8"))
    return words(given)


def _reassembled(pieces: Mapping[int, tuple[bool, str]]) -> str:
    data, charset = b"", ""
    for number, (number_in_order, (is_encoded, given)) in enumerate(sorted(pieces.items())):
        if number != number_in_order:
            break  # a piece is missing: what follows it cannot be placed
        if is_encoded and number == 0 and given.count("'") >= 2:
            charset, _, given = given.split("'", 2)
        data += unquote_to_bytes(given.encode("latin-1")) if is_encoded else given.encode("latin-1")
    if not charset and b"=?" in data:
        return words(data.decode("latin-1"))
    return _tidy(decode(data, charset or None))
