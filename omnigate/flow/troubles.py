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

LONGEST_LABEL: Final = 20
"""Characters: the name of a folder or a session, or what failed."""

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
    cause: str | None = None
    """Why somebody does not work, in the words of the platform or receiver, as it stands in the message;
    None for what has nothing to do with that."""
    is_reported: bool = False
    """Whether it is a channel that says so of itself; when it is asked it says it anew."""


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


def merged(asked: Iterable[Finding], known: Iterable[Finding]) -> list[Finding]:
    """Return what was found by asking, and what was known before, each trouble once.

    That somebody works badly, and that it does not work when it is asked, is one trouble.
    """
    rest = list(known)
    found: list[Finding] = []
    for one in asked:
        whole = one
        for other in [it for it in rest if _is_one_trouble(one, it)]:
            rest.remove(other)
            whole = _as_one(whole, other)
        found.append(whole)
    return [*found, *rest]


def _is_one_trouble(asked: Finding, known: Finding) -> bool:
    if asked.subject != known.subject or asked.state == "good" or known.cause is None:
        return False
    return asked.state == "bad" or _says_the_same(asked.message, known.cause)


def _as_one(asked: Finding, known: Finding) -> Finding:
    """Return a trouble as it is now, with what else is known of it."""
    cause = known.cause or ""
    if cause and (known.is_reported or _says_the_same(asked.message, cause)):
        before, _, after = known.message.partition(cause)
        message = f"{before}{asked.message}{after}"
    else:
        message = f"{asked.message}; {known.message}"
    is_bad = "bad" in (asked.state, known.state)
    return Finding(
        asked.subject, "bad" if is_bad else "warning", message, known.remedy or asked.remedy
    )


def _says_the_same(one: str, other: str) -> bool:
    """Tell whether one repeats the other: what a channel says of itself is often why a send failed.

    ``not bound: smsc.example:2775 refuses connections`` is what ``transceiver: smsc.example:2775 refuses
    connections`` says.
    """
    return bool(one and other) and (_gist(one) in other or _gist(other) in one)


def _gist(words: str) -> str:
    """Return words without the label before them."""
    label, _, gist = words.partition(": ")
    return gist if gist and len(label) <= LONGEST_LABEL else words


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
    else:
        yield from _at_work(one, owed)


def _at_work(one: Member, owed: Owed) -> Iterator[Finding]:
    """Return what is wrong with deliveries, and with the channel itself; once where that is the same."""
    delivering, reported = _delivering(one, owed), None
    if one.runner is not None and not one.runner.is_paused:
        reported = _reported(one.runner, "" if delivering else _waiting("channel", owed))
        if delivering and reported and _says_the_same(reported.cause or "", delivering.cause or ""):
            delivering, reported = None, _reported(one.runner, _waiting("channel", owed))
    if delivering is not None:
        yield delivering
    if one.runner is not None and one.runner.state == "draining":
        what = f"draining, lets nothing in; {counted(owed.pending, 'message')} to send"
        undo = f"to undo: omnigate channel resume {one.name}"
        yield Finding(_called(one), "warning", what, undo)
    if reported is not None:
        yield reported


def _delivering(one: Member, owed: Owed) -> Finding | None:
    if one.health.paused is not None:
        return _paused(one, one.health.paused, owed)
    return _failing(one, owed) if one.state in ("open", "failing") else None


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
    return Finding(_called(one), "bad", f"paused: {reason}{waiting}", remedy, reason)


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
        health.last_error or "",
    )


def _reported(runner: ChannelRunner, waiting: str) -> Finding | None:
    """Return what a channel says of itself, and what waits for one that does not work."""
    look = f"see omnigate channel log {runner.name}"
    match runner.reported:
        case "stopped":
            # Starting it again reads nothing anew: what was mended in the configuration needs a reload.
            remedy = (
                "mend that in the configuration and run omnigate reload, or at the platform and run "
                f"omnigate channel resume {runner.name}"
            )
        case "down":
            remedy = f"it is tried again by itself; {look}"
        case "degraded":
            remedy, waiting = look, ""
        case _:
            return None
    said = f": {runner.message}" if runner.message else ""
    return Finding(
        f"channel {runner.name}",
        "warning" if runner.reported == "degraded" else "bad",
        f"{runner.reported}{said}{waiting}",
        remedy,
        runner.message,
        is_reported=True,
    )


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
