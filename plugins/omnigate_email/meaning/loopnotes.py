"""What is kept of correspondence with each peer: notes of a few hundred characters of JSON.

A note that cannot be read counts as none. Times are whole seconds, POSIX.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

PREFIX: Final = "loops/"
"""What the keys of all notes here begin with."""
CHANNEL_KEY: Final = f"{PREFIX}all"
PEER_PREFIX: Final = f"{PREFIX}peer/"
SENT_PREFIX: Final = f"{PREFIX}sent/"
DAY_SECONDS: Final = 24 * 3600
HOUR_SECONDS: Final = 3600
MINUTE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What is kept of a peer."""

    arrived: Sequence[int] = ()
    """When mails in its name came."""
    proven: Sequence[int] = ()
    """When mails came that surely were its."""
    answered: Sequence[int] = ()
    """When it was answered automatically."""
    conversations: Mapping[str, int] = field(default_factory=dict)
    """In which conversations, shortened, it was answered automatically last, and when."""
    loop_until: int = 0
    proven_loop_until: int = 0

    @classmethod
    def of(cls, note: str | None) -> Peer:
        """Return what a note keeps."""
        kept = _read(note)
        if not isinstance(kept, dict):
            return cls()
        said = kept.get("conversations")
        conversations = said.items() if isinstance(said, dict) else ()
        return cls(
            arrived=_numbers(kept.get("arrived")),
            proven=_numbers(kept.get("proven")),
            answered=_numbers(kept.get("answered")),
            conversations={name: at for name, at in conversations if type(at) is int},
            loop_until=_number(kept.get("loop_until")),
            proven_loop_until=_number(kept.get("proven_loop_until")),
        )

    def note(self, moment: int) -> str | None:
        """Return the note that keeps this, or None when there is nothing left that matters."""
        kept: dict[str, Any] = {
            name: since(times, moment - HOUR_SECONDS, moment)
            for name, times in (
                ("arrived", self.arrived),
                ("proven", self.proven),
                ("answered", self.answered),
            )
        }
        kept["conversations"] = recent(self.conversations, moment)
        kept["loop_until"] = _later(self.loop_until, moment)
        kept["proven_loop_until"] = _later(self.proven_loop_until, moment)
        said = {name: value for name, value in kept.items() if value}
        return written(said) if said else None


def peer_key(peer: str) -> str:
    """Return the key of what is kept of a peer."""
    return f"{PEER_PREFIX}{short(_folded(peer))}"


def sent_key(peer: str) -> str:
    """Return the key of the times when mails went to a peer."""
    return f"{SENT_PREFIX}{short(_folded(peer))}"


def sent_times(note: str | None, earliest: int, now: int) -> list[int]:
    """Return those times that a note keeps, as far as they are after the earliest."""
    return since(_numbers(_read(note)), earliest, now)


def _folded(peer: str) -> str:
    """Return an address without case and detail, so that a machine that varies those is one peer."""
    local, _, domain = peer.strip().casefold().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def short(text: str) -> str:
    """Return a text of a known length that stands for one of any."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:10]
    return base64.b32encode(digest).decode().lower()


def seconds(now: datetime) -> int:
    """Return a moment as it is kept."""
    return int(now.timestamp())


def since(times: Iterable[int], earliest: int, now: int) -> list[int]:
    """Return the times between two."""
    # A clock that was set back leaves times in the future: they would count for ever.
    return [one for one in times if earliest < one <= now]


def recent(conversations: Mapping[str, int], now: int) -> dict[str, int]:
    """Return the conversations of the last day."""
    return {name: at for name, at in conversations.items() if now - DAY_SECONDS < at <= now}


def counts(note: str | None, moment: int) -> dict[int, int]:
    """Return how many went out in each minute of the last hour."""
    minute = moment // MINUTE_SECONDS
    pairs = [_numbers(pair) for pair in kept] if isinstance(kept := _read(note), list) else []
    return {
        pair[0]: pair[1] for pair in pairs if len(pair) == 2 and minute - 60 < pair[0] <= minute
    }


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _later(until: int, moment: int) -> int:
    return until if until > moment else 0


def _numbers(value: Any) -> list[int]:
    return [one for one in value if type(one) is int] if isinstance(value, list) else []


def _read(note: str | None) -> Any:
    try:
        return json.loads(note) if note else None
    except ValueError:  # not written here: as good as none
        return None


def written(kept: Any) -> str:
    """Return a note."""
    return json.dumps(kept, separators=(",", ":"))
