"""Attempts that were begun: noted before the switch is told, remembered until they end.

A call that was claimed and of which there is no such note surely never came to the switch. The note also
says who was to be rung, which the daemon hears only later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, ValidationError

import omnigate
from omnigate_call.agents import Agent
from omnigate_call.config import CallConfig
from omnigate_call.driver import Attempt
from omnigate_call.lasting import longest_seconds

PREFIX: Final = "begun:"
OLD_NOTES_AT_ONCE: Final = 100
FRESH_SECONDS: Final = 60.0
"""What began later than so long ago may not be noted yet."""

_ANSWERED: Final = ("agent_answered", "customer_answered", "bridged")
_NOT_BEGUN: Final = ("requested", "queued")
_GONE: Final = Agent()


class Note(omnigate.Model):
    """What is noted of the latest attempt of a call."""

    attempt: int
    agent: str
    is_chosen: bool
    """The channel chose the agent: the next attempt may have another."""
    is_agent_first: bool
    is_recorded: bool = False
    """Nobody is recorded who was called while that was off: they have not agreed to it."""
    begun_at: AwareDatetime

    @classmethod
    def read(cls, text: str) -> Note | None:
        """Return a note, or None for what another version has written."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None


def note_of(attempt: Attempt, *, is_chosen: bool) -> dict[str, str]:
    """Return what is to be noted of an attempt before it is begun."""
    note = Note(
        attempt=attempt.number,
        agent=attempt.agent_name,
        is_chosen=is_chosen,
        is_agent_first=attempt.is_agent_first,
        is_recorded=attempt.is_recorded,
        begun_at=attempt.begun_at,
    )
    return {f"{PREFIX}{attempt.call_id}": note.model_dump_json()}


def forgotten(call_id: str) -> dict[str, None]:
    """Return how the note of a call is taken away."""
    return {f"{PREFIX}{call_id}": None}


async def note_for(host: omnigate.ChannelHost, call_id: str) -> Note | None:
    """Return what is noted of a call."""
    key = f"{PREFIX}{call_id}"
    text = (await host.notes(key)).get(key)
    return Note.read(text) if text is not None else None


def attempt_of(config: CallConfig, call: omnigate.Call, note: Note) -> Attempt | None:
    """Return an attempt as it was begun; None for a note of another one.

    Of an agent that is no longer configured only the name is left: the call goes on all the same, and has
    to be followed to its end.
    """
    if note.attempt != call.attempt:
        return None
    return Attempt(
        call_id=call.id,
        number=call.attempt,
        customer=call.customer,
        agent_name=note.agent,
        agent=config.agents.get(note.agent, _GONE),
        caller_id=config.caller_id,
        is_agent_first=note.is_agent_first,
        ring_seconds=config.ring_seconds,
        max_seconds=config.max_call_seconds,
        is_recorded=note.is_recorded,
        state=call.state,
        is_bridged=call.bridged_at is not None,
        provider_ids=call.provider_ids,
        begun_at=note.begun_at,
    )


class UnderWay:
    """The attempts that have begun and not ended, as far as the channel was told."""

    def __init__(self, config: CallConfig, host: omnigate.ChannelHost) -> None:
        self._config = config
        self._host = host
        self._attempts: dict[str, Attempt] = {}
        self._answered_at: dict[str, datetime] = {}
        self.bridged: set[str] = set()
        """Calls whose latest attempt brought the two together."""

    def get(self, call_id: str, number: int) -> Attempt | None:
        """Return an attempt, or None."""
        found = self._attempts.get(call_id)
        return found if found is not None and found.number == number else None

    def add(self, attempt: Attempt) -> None:
        """Remember an attempt that is about to begin."""
        self._attempts[attempt.call_id] = attempt
        self._answered_at.pop(attempt.call_id, None)
        self.bridged.discard(attempt.call_id)

    def remove(self, call_id: str) -> None:
        """Forget an attempt that has ended, or never began."""
        self._attempts.pop(call_id, None)
        self._answered_at.pop(call_id, None)
        self.bridged.discard(call_id)

    def on_lines(self) -> Counter[str]:
        """Return how many attempts ring each agent, or are being talked in."""
        return Counter(attempt.agent_name for attempt in self._attempts.values())

    def heard(self, call_id: str, state: omnigate.CallState | None, at: datetime) -> None:
        """Hear of a step."""
        if state in _ANSWERED:
            known = self._answered_at.get(call_id)
            self._answered_at[call_id] = min(at, known) if known is not None else at
        if state == "bridged":
            self.bridged.add(call_id)

    def seconds(self, call_id: str, at: datetime) -> float:
        """Return how long an attempt has lasted since a phone was first answered."""
        answered_at = self._answered_at.get(call_id)
        return max(0.0, (at - answered_at).total_seconds()) if answered_at is not None else 0.0

    async def load(self) -> None:
        """Bring it in line with what the daemon has: after a restart, and for what ended elsewhere."""
        calls = {call.id: call for call in await self._host.calls()}
        notes = await self._host.notes(PREFIX)
        known = {attempt.call_id: attempt for attempt in self._known(list(calls.values()), notes)}
        fresh = datetime.now(UTC) - timedelta(seconds=FRESH_SECONDS)
        for attempt in list(self._attempts.values()):
            if attempt.call_id not in known and attempt.begun_at < fresh:
                self.remove(attempt.call_id)
        for attempt in known.values():
            if attempt.call_id not in self._attempts:
                self.add(attempt)
                self._recall(calls[attempt.call_id])
        old = [key for key in notes if key.removeprefix(PREFIX) not in calls]
        if old:
            await self._host.put(notes=dict.fromkeys(old[:OLD_NOTES_AT_ONCE]))

    async def known(self) -> Sequence[Attempt]:
        """Return the attempts under way as the daemon has them."""
        return self._known(await self._host.calls(), await self._host.notes(PREFIX))

    def _known(self, calls: Sequence[omnigate.Call], notes: Mapping[str, str]) -> Sequence[Attempt]:
        found = []
        for call in calls:
            text = notes.get(f"{PREFIX}{call.id}")
            note = Note.read(text) if text is not None and call.state not in _NOT_BEGUN else None
            attempt = attempt_of(self._config, call, note) if note is not None else None
            if attempt is not None and not _is_held_in_vain(attempt):
                found.append(attempt)
        return found

    def _recall(self, call: omnigate.Call) -> None:
        answered = [leg.answered_at for leg in call.legs if leg.answered_at is not None]
        if answered:
            self._answered_at[call.id] = min(answered)
        if call.bridged_at is not None:
            self.bridged.add(call.id)


def _is_held_in_vain(attempt: Attempt) -> bool:
    """Tell whether nobody knows what became of an attempt, but that it must be over.

    It waits for somebody to say so, which may take days: until then it keeps no line from others.
    """
    lasts = timedelta(seconds=longest_seconds(attempt))
    is_over = datetime.now(UTC) - attempt.begun_at > lasts
    return attempt.state == "unknown" and is_over
