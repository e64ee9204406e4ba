"""Which attempt a provider's call is about: by our own mark, by the provider's id, or by the numbers.

The provider's ids are noted with their attempts when they are first seen, so that what comes after the
end of a call (its recording) still finds it, also after a restart.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

import omnigate
from omnigate_call.driver import Attempt

KEEP_SECONDS: Final = 3 * 24 * 3600.0
"""How long ids of calls are kept: recordings are ready long before."""
FORGET_AT_ONCE: Final = 200
LONGEST_ID: Final = 120

_MARK: Final = re.compile(r"(cal_[0-9a-v]{26})[.:-]([1-9][0-9]{0,3})[.:-]([ac])")


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt, as far as it has to be known to tell of it."""

    call_id: str
    number: int
    is_agent_first: bool

    @classmethod
    def of(cls, attempt: Attempt) -> Try:
        """Return what is to be kept of an attempt."""
        return cls(attempt.call_id, attempt.number, attempt.is_agent_first)

    @property
    def legs(self) -> tuple[omnigate.Leg, omnigate.Leg]:
        """Return the two phones in the order in which they are rung."""
        return ("agent", "customer") if self.is_agent_first else ("customer", "agent")

    @property
    def mark(self) -> str:
        """Return a name for it that a provider can bring back; see `read_mark`."""
        return f"{self.call_id}.{self.number}.{'a' if self.is_agent_first else 'c'}"


def read_mark(text: str | None) -> Try | None:
    """Return the attempt that a mark names; None for what is no mark of ours."""
    found = _MARK.fullmatch(text or "")
    return Try(found[1], int(found[2]), found[3] == "a") if found else None


class Note(omnigate.Model):
    """What is noted under a provider's id."""

    mark: str
    at: int


class Tries:
    """The provider's ids and the attempts they belong to; durable."""

    def __init__(self, host: omnigate.ChannelHost, kind: str) -> None:
        self._host = host
        self._prefix = f"known:{kind}:"

    async def remember(self, provider_id: str, tried: Try) -> None:
        """Note to which attempt a provider's id belongs; the first note stands."""
        key = self._key(provider_id)
        if key is not None and await self.find(provider_id) is None:
            note = Note(mark=tried.mark, at=int(time.time()))
            await self._host.put(notes={key: note.model_dump_json()})

    async def find(self, provider_id: str | None) -> Try | None:
        """Return the attempt that a provider's id was noted with."""
        key = self._key(provider_id or "")
        note = _read((await self._host.notes(key)).get(key)) if key is not None else None
        return read_mark(note.mark) if note is not None else None

    async def forget_old(self) -> None:
        """Forget the ids of calls that were long ago."""
        before = time.time() - KEEP_SECONDS
        kept: Mapping[str, str] = await self._host.notes(self._prefix)
        old = [
            key for key, text in kept.items() if (note := _read(text)) is None or note.at < before
        ]
        if old:
            await self._host.put(notes=dict.fromkeys(old[:FORGET_AT_ONCE]))

    def _key(self, provider_id: str) -> str | None:
        return f"{self._prefix}{provider_id}" if 0 < len(provider_id) <= LONGEST_ID else None


def _read(text: str | None) -> Note | None:
    try:
        return Note.model_validate_json(text) if text is not None else None
    except ValidationError:  # of another version
        return None
