"""Failpoints: named places in the code where a test lets the process die, freeze or fail.

``OMNIGATE_FAILPOINT="commit:3=kill"`` makes the third arrival at the place ``commit`` kill the process,
with no chance to tidy up; several are separated by commas, and without a number the first arrival is
meant. Nothing but the environment arms one, so no configuration and no caller can. Unarmed, a place
costs one look at a constant.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

VARIABLE: Final = "OMNIGATE_FAILPOINT"

Place = Literal[
    "verify",
    "fsync",
    "shelved",
    "insert",
    "commit",
    "committed",
    "answer",
    "claim",
    "send",
    "sent",
    "finish",
]
Fault = Literal["kill", "freeze", "error"]

PLACES: Final[Mapping[Place, str]] = MappingProxyType(
    {
        "verify": "a request has come; nobody has looked at it, or at who sent it",
        "fsync": "a file's bytes are written; none of them need be on disk",
        "shelved": "a file is on disk; no row names it",
        "insert": "what a channel handed over is in the transaction; its COMMIT is to come",
        "commit": "a turn is complete; its COMMIT is about to begin",
        "committed": "the COMMIT is done; nobody has been told",
        "answer": "a handler is done; its answer is about to go out",
        "claim": "lanes are leased, committed; no attempt has begun",
        "send": "an attempt is about to call the plugin",
        "sent": "the plugin has returned; nothing of the outcome is written",
        "finish": "an outcome is in the transaction; its COMMIT is to come",
    }
)
"""Every place, and what holds when it is reached."""

FAULTS: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        "kill": "SIGKILL to itself",
        "freeze": "SIGSTOP to itself: all threads stand still until SIGCONT",
        "error": "`InjectedFault` is raised there",
    }
)

_TRAP: Final = re.compile(r"(?P<place>[a-z]+)(?::(?P<arrival>[1-9][0-9]{0,8}))?=(?P<fault>[a-z]+)")


class InjectedFault(Exception):
    """What the fault ``error`` raises: no error that anybody expects."""


@dataclass(slots=True)
class Trap:
    """What happens at one arrival at a place."""

    place: str
    arrival: int
    """Which arrival is meant, counted from 1."""
    fault: str
    seen: int = 0


def traps(text: str) -> tuple[Trap, ...]:
    """Return what a value of the variable asks for; raises ``ValueError`` for one that says nothing."""
    return tuple(_trap(word.strip()) for word in text.split(",") if word.strip())


def reached(place: Place) -> None:
    """Mark a place in the code; does nothing unless the environment has set a trap there."""
    if _ARMED:
        _spring(place)


def _trap(word: str) -> Trap:
    found = _TRAP.fullmatch(word)
    if not found or found["place"] not in get_args(Place) or found["fault"] not in FAULTS:
        raise ValueError(
            f"{VARIABLE}: {word!r} is no failpoint; write place:number=fault, a place of"
            f" {', '.join(PLACES)}, a fault of {', '.join(FAULTS)}"
        )
    return Trap(found["place"], int(found["arrival"] or 1), found["fault"])


def _spring(place: Place) -> None:
    for trap in _ARMED:
        if trap.place != place:
            continue
        trap.seen += 1
        if trap.seen != trap.arrival:
            continue
        if trap.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif trap.fault == "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            raise InjectedFault(f"failpoint {place}:{trap.arrival}")


_ARMED: Final = traps(os.environ.get(VARIABLE, ""))
