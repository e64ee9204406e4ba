"""What is wrong with the channels and backends, in an operator's words, each with what to do about it.

Nothing is asked here: it is all known. ``status`` shows these, ``doctor`` beside what it asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from omnigate.flow.member import BY_OPERATOR, DRAINED, Absentee, Member
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.backlog import Backlog, Owed
from omnigate.store.destinations import Direction

Severity = Literal["good", "warning", "bad"]

_THINGS: Final[dict[Direction, str]] = {"backend": "event", "channel": "message"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    """``channel site``, ``disk`` …"""
    state: Severity
    message: str
    remedy: str = ""
    """What to do; empty when there is nothing to do."""


def troubles(everybody: Iterable[Member | Absentee], backlog: Backlog) -> list[Finding]:
    """Return what is wrong, member by member, and then what was set aside."""
    known = list(everybody)
    return [
        *(found for one in known for found in _of_one(one, backlog.of(one.health.destination_id))),
        *(found for one in known for found in _dead(one, backlog.of(one.health.destination_id))),
        *_quarantined(backlog),
    ]


def owed_in_vain(absent: Iterable[Absentee], backlog: Backlog) -> list[Finding]:
    """Return what is owed to those whom the configuration does not name, or does not want to work."""
    return [
        _in_vain(one, owed.pending)
        for one in absent
        if (owed := backlog.of(one.health.destination_id)).pending
    ]


def counted(count: int, noun: str) -> str:
    """Return a number of things: ``1 event``, ``2 events``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _of_one(one: Member | Absentee, owed: Owed) -> Iterator[Finding]:
    if isinstance(one, Absentee):
        if owed.pending:
            yield _in_vain(one, owed.pending)
        return
    if one.state == "disabled":
        if owed.pending:
            yield _in_vain(one, owed.pending)
    elif one.failure is not None:
        what = f"{one.failure}{_waiting(one.direction, owed)}"
        yield Finding(_called(one), "bad", what, "see the log; once mended: omnigate reload")
    elif one.health.paused is not None:
        yield _paused(one, one.health.paused, owed)
    elif one.state in ("open", "failing"):
        yield _failing(one, owed)
    if one.runner is not None and one.failure is None:
        yield from _of_channel(one.runner, owed)


def _in_vain(one: Member | Absentee, pending: int) -> Finding:
    are = "is" if pending == 1 else "are"
    absent = one.state == "absent"
    why, mend = (
        ("is not in the configuration", "put it back")
        if absent
        else ("is not enabled", "set enabled = true")
    )
    return Finding(
        _called(one),
        "warning",
        f"{counted(pending, _THINGS[one.direction])} {are} still owed to {one.name}, which {why}",
        f"{mend}, or omnigate queue drop --to {one.name}",
    )


def _paused(one: Member, reason: str, owed: Owed) -> Finding:
    resume = f"omnigate {one.direction} resume {one.name}"
    waiting = _waiting(one.direction, owed)
    if reason == DRAINED:
        return Finding(_called(one), "warning", reason, f"{resume}, or take it out")
    if reason == BY_OPERATOR:
        return Finding(_called(one), "warning", f"{reason}{waiting}", resume)
    test = f", or omnigate backend test {one.name}" if one.direction == "backend" else ""
    remedy = f"once it is back: {resume}{test}"
    return Finding(_called(one), "bad", f"paused: {reason}{waiting}", remedy)


def _failing(one: Member, owed: Owed) -> Finding:
    health = one.health
    often = "" if health.failures < 2 else f" {health.failures} times in a row"
    said = f": {health.last_error}" if health.last_error else ""
    more = (
        f"to try now: omnigate backend test {one.name}"
        if one.direction == "backend"
        else f"see omnigate channel log {one.name}"
    )
    return Finding(
        _called(one),
        "bad" if one.state == "open" else "warning",
        f"failed{often}{said}{_waiting(one.direction, owed)}",
        f"it is tried again by itself; {more}",
    )


def _of_channel(runner: ChannelRunner, owed: Owed) -> Iterator[Finding]:
    subject, look = f"channel {runner.name}", f"omnigate channel log {runner.name}"
    resume = f"omnigate channel resume {runner.name}"
    said = f": {runner.message}" if runner.message else ""
    if runner.is_paused:
        return
    if runner.state == "draining":
        left = counted(owed.pending, "message")
        yield Finding(
            subject, "warning", f"draining, lets nothing in; {left} to send", f"to undo: {resume}"
        )
    if runner.reported == "stopped":
        yield Finding(subject, "bad", f"stopped{said}", f"mend that, then: {resume}")
    elif runner.reported == "down":
        yield Finding(subject, "bad", f"down{said}", f"it is tried again by itself; see {look}")
    elif runner.reported == "degraded":
        yield Finding(subject, "warning", f"degraded{said}", f"see {look}")


def _dead(one: Member | Absentee, owed: Owed) -> Iterator[Finding]:
    if owed.dead:
        what = f"{counted(owed.dead, 'dead letter')}: given up, kept for a while"
        yield Finding(_called(one), "warning", what, f"omnigate dead list --to {one.name}")


def _quarantined(backlog: Backlog) -> Iterator[Finding]:
    for channel, count in sorted(backlog.quarantined.items()):
        what = f"{counted(count, 'request')} in quarantine: authentic, but not understood"
        yield Finding(
            f"channel {channel}", "warning", what, f"omnigate quarantine list --channel {channel}"
        )


def _waiting(direction: Direction, owed: Owed) -> str:
    if not owed.pending:
        return ""
    wait = "waits" if owed.pending == 1 else "wait"
    return f"; {counted(owed.pending, _THINGS[direction])} {wait}"


def _called(one: Member | Absentee) -> str:
    return f"{one.direction} {one.name}"
