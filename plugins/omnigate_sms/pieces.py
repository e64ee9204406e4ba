"""Pieces of a long text: how they are kept, told apart and read together."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from omnigate_sms import gsm
from omnigate_sms.link import Incoming
from omnigate_sms.segments import MOST_SEGMENTS

GAP: Final = " … "
"""Stands where pieces are missing."""

LONGEST_PIECE: Final = 1024
"""Octets or characters of what can be a piece, and of its id: a real one has 160, and what is kept has
bounds."""

Encoding = Literal["gsm7", "ucs2", "latin1", "ascii", "binary"]

_CODECS: Final[Mapping[str, str]] = {"ucs2": "utf-16-be", "latin1": "latin-1", "ascii": "ascii"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece, as it is kept until the others are there."""

    number: int
    external_id: str | None
    text: str | None
    data: bytes | None
    encoding: Encoding
    occurred_at: datetime

    @classmethod
    def of(cls, said: Incoming) -> Piece:
        """Return the piece that came in; it has a segment."""
        return cls(
            number=said.segment.number if said.segment else 1,
            external_id=said.external_id,
            text=said.text,
            data=said.data,
            encoding=said.encoding,
            occurred_at=said.occurred_at,
        )

    def fingerprint(self) -> str:
        """Return what tells it from another piece of the same number: the provider's id, or what it says."""
        if self.external_id is not None:
            return f"id:{_digest(self.external_id.encode('utf-8', 'replace'))}"
        said = self.data if self.data is not None else (self.text or "").encode("utf-8", "replace")
        return _digest(said)

    def note(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "number": self.number,
            "external_id": self.external_id,
            "text": self.text,
            "data": base64.b64encode(self.data).decode() if self.data is not None else None,
            "encoding": self.encoding,
            "occurred_at": self.occurred_at.isoformat(),
        }

    @classmethod
    def noted(cls, note: Mapping[str, Any]) -> Piece:
        """Return what `note` made."""
        return cls(
            number=note["number"],
            external_id=note["external_id"],
            text=note["text"],
            data=base64.b64decode(note["data"]) if note["data"] is not None else None,
            encoding=note["encoding"],
            occurred_at=datetime.fromisoformat(note["occurred_at"]),
        )


@dataclass(frozen=True, slots=True)
class Whole:
    """Where a piece belongs: texts differ when any of this does."""

    link: str
    source: str
    destination: str
    reference: int
    total: int
    width_bits: int

    @property
    def key(self) -> str:
        """Return it as the name of a note."""
        return _digest(as_note(self.note()).encode())

    def note(self) -> list[Any]:
        """Return it as JSON can hold it."""
        return list(astuple(self))


def joined(pieces: Iterable[Piece]) -> str | None:
    """Return what pieces say together; a gap is marked. None when what they say is no text.

    Octets are joined before they are read: careless senders cut characters apart.
    """
    runs = [_run(list(run)) for run in _runs(sorted(pieces, key=lambda piece: piece.number))]
    said = [text for text in runs if text is not None]
    return GAP.join(said) if said else None


def decoded(data: bytes, encoding: Encoding) -> str | None:
    """Return the text of octets; what cannot be read is replaced. None for what is no text."""
    if encoding == "binary":
        return None
    if encoding == "gsm7":
        return gsm.decode(data)
    return data.decode(_CODECS[encoding], "replace")


def _runs(pieces: list[Piece]) -> Iterable[Iterable[Piece]]:
    """Return pieces that follow each other, together."""
    counted = enumerate(pieces)
    groups = itertools.groupby(counted, key=lambda pair: pair[1].number - pair[0])
    return [[piece for _, piece in group] for _, group in groups]


def _run(pieces: list[Piece]) -> str | None:
    encodings = {piece.encoding for piece in pieces if piece.data is not None}
    if len(encodings) == 1 and all(piece.data is not None for piece in pieces):
        return decoded(b"".join(piece.data or b"" for piece in pieces), encodings.pop())
    texts = [alone(piece) for piece in pieces]
    said = [text for text in texts if text is not None]
    return "".join(said) if said else None


def alone(piece: Piece | Incoming) -> str | None:
    """Return what a piece says by itself."""
    if piece.text is not None:
        return piece.text
    return decoded(piece.data, piece.encoding) if piece.data is not None else None


def fits(said: Incoming) -> bool:
    """Tell whether what came in can be a piece: of a text of several, and with nothing too long."""
    segment = said.segment
    return (
        segment is not None
        and 1 <= segment.number <= segment.total <= MOST_SEGMENTS
        and segment.total > 1
        and max(map(len, (said.data or b"", said.text or "", said.external_id or "")))
        <= LONGEST_PIECE
    )


def as_note(said: Any) -> str:
    """Return JSON in ASCII, which holds whatever a provider calls a text."""
    return json.dumps(said, separators=(",", ":"))


def read_note(value: str) -> Any:
    """Return what `as_note` was given."""
    return json.loads(value)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
