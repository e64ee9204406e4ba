"""What happened in a community, on its way to whoever receives it.

Every event goes to each callback server and to the long poll, as far as their settings name its
type. A journal can be made to misbehave as the platform does: repeat, hold back, reorder, and give
out what nobody can read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

POISON: Final = ("type", "object", "missing", "null", "deep", "huge", "nested", "text", "list")
"""Kinds of events that nobody can read."""

Order = Literal["as_sent", "reversed", "shuffled"]


@dataclass(frozen=True, slots=True)
class Event:
    """One event; the same one when it is repeated."""

    type: str
    event_id: str
    group_id: int
    object: Any
    raw: Any = None
    """Goes out instead of the envelope, whatever it is."""

    def envelope(self, version: str, secret: str = "") -> Any:
        """Return what is sent."""
        if self.raw is not None:
            return self.raw
        body = {"type": self.type, "event_id": self.event_id, "v": version, "object": self.object}
        body["group_id"] = self.group_id
        return body | {"secret": secret} if secret else body


class Journal:
    """Everything that happened, and the door it goes out by."""

    def __init__(self, group_id: int, random: Random) -> None:
        self._group_id = group_id
        self._random = random
        self._receivers: list[Callable[[Event], None]] = []
        self._held: list[Event] | None = None
        self._repeats: list[int] = []
        self.events: list[Event] = []

    def to(self, receiver: Callable[[Event], None]) -> None:
        """Give every event to a receiver from now on."""
        self._receivers.append(receiver)

    def publish(self, kind: str, body: Any, *, raw: Any = None) -> Event:
        """Let something have happened."""
        event_id = f"{self._random.getrandbits(160):040x}"
        # through JSON, so that what is sent stays as it is now
        event = Event(kind, event_id, self._group_id, json.loads(json.dumps(body)), raw)
        self.events.append(event)
        for _ in range(self._repeats.pop(0) if self._repeats else 1):
            self._give(event)
        return event

    def again(self, event: Event) -> None:
        """Send an event that was sent before."""
        self._give(event)

    def repeat(self, times: int = 2, count: int = 1) -> None:
        """Send each of the next events so many times."""
        self._repeats += [times] * count

    def hold(self) -> None:
        """Send nothing until `release`."""
        if self._held is None:
            self._held = []

    def release(self, order: Order = "as_sent") -> None:
        """Send what was held back, in any order."""
        held, self._held = self._held or [], None
        if order == "reversed":
            held.reverse()
        elif order == "shuffled":
            self._random.shuffle(held)
        for event in held:
            self._give(event)

    def poison(self, kind: str) -> Event:
        """Send an event that nobody can read.

        Raises:
            ValueError: there is no such kind of poison
        """
        if kind not in POISON:
            raise ValueError(f"no poison is of kind {kind!r}: the kinds are {', '.join(POISON)}")
        event_id = f"{self._random.getrandbits(160):040x}"
        sound = {
            "type": "message_new",
            "event_id": event_id,
            "v": "5.199",
            "group_id": self._group_id,
        }
        deep: Any = "deep"
        for _ in range(200):
            deep = [deep]
        raw: Any = {
            "type": sound | {"type": "quantum_entangled", "object": {"user_id": 1}},
            "object": sound | {"object": "not an object"},
            "missing": sound | {"object": {"client_info": {}}},
            "null": sound | {"object": None},
            "deep": sound | {"object": {"message": deep}},
            "huge": sound | {"object": {"message": {"id": 10**400, "text": "\ud83d" * 3}}},
            "nested": sound | {"object": {"message": {"peer_id": [1], "from_id": {}, "text": 7}}},
            "text": "an event is not a text",
            "list": [sound],
        }[kind]
        event = Event(kind, event_id, self._group_id, None, raw)
        self.events.append(event)
        self._give(event)
        return event

    def _give(self, event: Event) -> None:
        if self._held is not None:
            self._held.append(event)
            return
        for receive in self._receivers:
            receive(event)
