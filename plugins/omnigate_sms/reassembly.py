"""Long texts made whole again: pieces wait for each other, over restarts, out of order, and not for ever.

A text is open from its first piece until the last one is there, or until its time is up; then what there
is goes out, marked as truncated. Of what went out the fingerprints of its pieces are remembered for a day,
so that a provider that repeats a piece begins no new text with it.

::

    (nothing) --piece--> open --last piece--> done          what it says goes out
                         open --time is up--> done          … truncated
                         open --too many open--> done       … truncated, the oldest first
                         open --other piece of the same number--> done, open again with that piece
    done --a piece known--> done                            dropped
    done --a piece not known--> open                        the reference serves again

Each step says which notes change. They have to be committed together with what went out; when that fails,
`Reassembly.restore` what is on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from omnigate_sms.link import Incoming
from omnigate_sms.pieces import Piece, Whole, as_note, joined, read_note

OPEN: Final = "piece:"
DONE: Final = "whole:"
"""Beginnings of the notes' names."""

MOST_OPEN: Final = 1000
"""Texts that wait at a time."""
MOST_OPEN_OF_ONE: Final = 32
"""Texts that wait of one sender: the real ones come one after the other."""
MOST_PIECES: Final = 5000
"""Pieces that wait at a time, of about a kilobyte each."""
MOST_DONE: Final = 2000
DONE_FOR: Final = timedelta(hours=25)
"""Providers repeat what they got no answer for over a day."""
REPEATED_WITHIN: Final = timedelta(hours=1)
"""What has no id of the provider's and says the same is the same for so long: afterwards a customer may
well have said it again."""


@dataclass(frozen=True, slots=True)
class LongText:
    """A text of several pieces, whole or as far as it came."""

    whole: Whole
    began_at: datetime
    pieces: tuple[Piece, ...]

    @property
    def numbers(self) -> list[int]:
        """Return which pieces there are."""
        return sorted(piece.number for piece in self.pieces)

    @property
    def is_truncated(self) -> bool:
        """Whether pieces are missing."""
        return len(self.pieces) < self.whole.total

    @property
    def text(self) -> str | None:
        """Return what it says."""
        return joined(self.pieces)

    @property
    def external_id(self) -> str:
        """Return what tells it from every other text."""
        return f"long:{self.whole.key}:{round(self.began_at.timestamp() * 1000):x}"


@dataclass(slots=True)
class Step:
    """What a piece, or time, has brought about."""

    out: list[LongText] = field(default_factory=list)
    """What is to be handed on."""
    notes: dict[str, str | None] = field(default_factory=dict)
    """What has to be committed with it."""
    came: set[tuple[str, Piece]] = field(default_factory=set)
    """The piece that it brought, with the key of its text."""


@dataclass(slots=True)
class _Open:
    whole: Whole
    began_at: datetime
    pieces: dict[int, Piece] = field(default_factory=dict)


@dataclass(slots=True)
class _Done:
    at: datetime
    prints: dict[int, str]


class Reassembly:
    """All texts of a channel of which pieces have come."""

    def __init__(self, link: str, wait: timedelta) -> None:
        self._link = link
        self._wait = wait
        self._open: dict[str, _Open] = {}
        self._done: dict[str, _Done] = {}

    @property
    def open_texts(self) -> int:
        """Return how many texts wait."""
        return len(self._open)

    def restore(self, notes: Mapping[str, str]) -> None:
        """Take up what was committed; ``notes`` may hold others too."""
        self._open.clear()
        self._done.clear()
        for key, value in notes.items():
            if key.startswith(DONE):
                at, prints = read_note(value)
                numbered = {int(number): known for number, known in prints.items()}
                self._done[key.removeprefix(DONE)] = _Done(datetime.fromisoformat(at), numbered)
            elif key.startswith(OPEN):
                noted = read_note(value)
                whole, piece = Whole(*noted["whole"]), Piece.noted(noted["piece"])
                began_at = datetime.fromisoformat(noted["began_at"])
                waiting = self._open.setdefault(whole.key, _Open(whole, began_at))
                waiting.pieces[piece.number] = piece
        self._open = dict(sorted(self._open.items(), key=lambda item: item[1].began_at))
        self._done = dict(sorted(self._done.items(), key=lambda item: item[1].at))

    def take(self, said: Incoming, now: datetime) -> Step:
        """Take in one piece; ``said`` has a segment within its total."""
        if said.segment is None:
            raise ValueError("only pieces of long texts are joined")
        whole = Whole(
            self._link,
            said.source,
            said.destination,
            said.segment.reference,
            said.segment.total,
            said.segment.width_bits,
        )
        key, piece, step = whole.key, Piece.of(said), Step()
        step.came.add((key, piece))
        waiting = self._open.get(key)
        known = waiting.pieces.get(piece.number) if waiting else None
        if known is not None:
            if known.fingerprint() == piece.fingerprint():
                return step
            self._finish(key, now, step)
        elif self._is_repeated(key, piece, now):
            return step
        waiting = self._open.setdefault(key, _Open(whole, now))
        waiting.pieces[piece.number] = piece
        if len(waiting.pieces) == whole.total:
            self._finish(key, now, step)
        else:
            step.notes[open_note(key, piece.number)] = as_note(
                {
                    "whole": whole.note(),
                    "began_at": waiting.began_at.isoformat(),
                    "piece": piece.note(),
                }
            )
            self._make_room(key, now, step)
        return step

    def expire(self, now: datetime) -> Step:
        """Let go of what has waited long enough."""
        step = Step()
        due = [key for key, each in self._open.items() if now - each.began_at >= self._wait]
        for key in due:
            self._finish(key, now, step)
        for key in [key for key, each in self._done.items() if now - each.at >= DONE_FOR]:
            del self._done[key]
            step.notes[DONE + key] = None
        return step

    def _is_repeated(self, key: str, piece: Piece, now: datetime) -> bool:
        done = self._done.get(key)
        if done is None or done.prints.get(piece.number) != piece.fingerprint():
            return False
        return piece.external_id is not None or now - done.at < REPEATED_WITHIN

    def _finish(self, key: str, now: datetime, step: Step) -> None:
        """Hand on what there is of a text, and remember that it was."""
        waiting = self._open.pop(key)
        step.out.append(LongText(waiting.whole, waiting.began_at, tuple(waiting.pieces.values())))
        step.notes |= {open_note(key, number): None for number in waiting.pieces}
        prints = {number: piece.fingerprint() for number, piece in waiting.pieces.items()}
        self._done.pop(key, None)  # the latest is the last in the order
        self._done[key] = _Done(now, prints)
        step.notes[DONE + key] = as_note([now.isoformat(), prints])
        while len(self._done) > MOST_DONE:
            oldest = next(iter(self._done))
            del self._done[oldest]
            step.notes[DONE + oldest] = None

    def _make_room(self, key: str, now: datetime, step: Step) -> None:
        """Let go of the oldest texts while there are too many: of the same sender, then of all."""
        source = self._open[key].whole.source
        of_one = [other for other, each in self._open.items() if each.whole.source == source]
        for other in of_one[: max(0, len(of_one) - MOST_OPEN_OF_ONE)]:
            self._finish(other, now, step)
        for other in list(self._surplus()):
            self._finish(other, now, step)

    def _surplus(self) -> Iterator[str]:
        texts = len(self._open)
        pieces = sum(len(each.pieces) for each in self._open.values())
        for key, each in self._open.items():
            if texts <= MOST_OPEN and pieces <= MOST_PIECES:
                return
            yield key
            texts, pieces = texts - 1, pieces - len(each.pieces)


def open_note(key: str, number: int) -> str:
    """Return the name of the note that keeps a piece of an open text."""
    return f"{OPEN}{key}:{number:03}"
