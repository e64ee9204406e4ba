"""The answer of ``/admin/status`` as rows and lines of text, the same on paper and on a live screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from omnigate.cli import terminal

Answer = dict[str, Any]
Row = dict[str, str]

CHANNELS: Final = {
    "NAME": "name",
    "KIND": "kind",
    "STATE": "state",
    "IN": "stored",
    "DUPLICATE": "duplicates",
    "REFUSED": "refused",
    "UNAUTHORIZED": "unauthorized",
    "QUARANTINED": "quarantined",
    "WAITING": "waiting",
    "OVERDUE": "overdue",
    "LONGEST": "longest",
    "SAYS": "message",
}
"""Heading → key of a row; the counts are since the daemon started.

WAITING are customers who wait for an answer now, OVERDUE those who wait too long, LONGEST for how long.
"""
DESTINATIONS: Final = {
    "NAME": "name",
    "GETS": "gets",
    "STATE": "state",
    "PENDING": "pending",
    "DUE": "due",
    "RETRYING": "retrying",
    "DEAD": "dead",
    "OLDEST": "oldest",
    "DONE/S": "delivered",
    "FAILED/S": "failed",
    "FAILING": "failing",
    "NEXT": "next",
    "LAST OK": "success",
}
"""Heading → key of a row. DUE and RETRYING are conversations, PENDING and DEAD items."""

_TOTALS: Final = {
    "pending": "pending",
    "dead": "dead",
    "quarantined": "in quarantine",
}
_LONGEST_ERROR: Final = 300
_NAMES: Final = {
    "failing_since": "failing since",
    "oldest_pending_at": "oldest pending",
    "last_success_at": "last success",
    "waiting_since": "waiting since",
    "next_attempt_at": "next attempt",
    "delivered_per_second": "delivers",
    "failures_per_second": "fails",
}


def head(answer: Answer) -> Iterator[tuple[str, str]]:
    """Return what is said of the daemon as a whole."""
    ready = "ready" if answer["ready"] else "NOT READY: nothing is taken in (see omnigate doctor)"
    uptime, store = terminal.duration(answer["uptime_seconds"]), answer["store"]
    yield "omnigate", f"{answer['version']}, {ready}, up {uptime}, pid {answer['pid']}"
    yield "store", f"{store['path']}, {terminal.size(store['size_bytes'])}"
    yield "rates", rates(answer["rates"])
    totals = answer["totals"]
    counted = (f"{totals[name]} {what}" for name, what in _TOTALS.items())
    yield "totals", ", ".join([f"{terminal.amount(totals['events'], 'event')} recorded", *counted])
    # A daemon of an older version, which may run until the restart after an upgrade, says nothing of them.
    for known in answer.get("calls", ()):
        yield f"calls on {known['channel']}", calls(known)


def calls(known: Answer) -> str:
    """Return how the calls of a channel stand that have not ended."""
    said = f"{known['in_progress']} in progress, {known['waiting']} waiting"
    if known["unknown"]:
        said += f", {known['unknown']} UNKNOWN (see: omnigate call list --state unknown)"
    return said


def rates(known: Answer) -> str:
    """Return how fast things go, in one line."""
    if not known["over_seconds"]:
        return "not known yet"
    return (
        f"in {speed(known['received_per_second'])}, out {speed(known['sent_per_second'])},"
        f" delivered {speed(known['delivered_per_second'])},"
        f" failed {speed(known['failures_per_second'])}"
        f" (over {known['over_seconds']:.0f} s)"
    )


def speed(per_second: float) -> str:
    """Return a rate as people read it: ``0/s``, ``2.4/s``, ``310/s``."""
    return f"{number(per_second)}/s"


def number(value: float) -> str:
    """Return a number with as many digits as say something."""
    return f"{value:.0f}" if value == 0 or value >= 10 else f"{value:.1f}"


def channel_rows(answer: Answer) -> list[Row]:
    """Return the channels."""
    return [_channel(known) for known in answer["channels"]]


def destination_rows(answer: Answer) -> list[Row]:
    """Return the destinations; what does not apply is empty."""
    return [_destination(known) for known in answer["destinations"]]


def _channel(known: Answer) -> Row:
    # A daemon of an older version, which may run until the restart after an upgrade, knows of no waits.
    waits = {
        "waiting": known.get("waiting", ""),
        "overdue": known.get("overdue", ""),
        "longest": _passed(known.get("waiting_since")),
    }
    return {key: terminal.clean({**known, **waits}[key]) for key in CHANNELS.values()}


def _destination(known: Answer) -> Row:
    counts = ("pending", "due", "retrying", "dead")
    return {
        "name": terminal.clean(known["name"]),
        "gets": "events" if known["direction"] == "backend" else "messages",
        "state": known["state"],
        **{key: str(known[key]) for key in counts},
        "oldest": _passed(known["oldest_pending_at"]),
        "delivered": number(known["delivered_per_second"]),
        "failed": number(known["failures_per_second"]),
        "failing": _passed(known["failing_since"]),
        "next": terminal.until(known["next_attempt_at"]),
        "success": terminal.age(known["last_success_at"]),
    }


def troubles(answer: Answer) -> list[Row]:
    """Return what is wrong and what to do about it: subject, state, message and remedy, fit to print.

    Nothing of a daemon of an older version, which may run until the restart after an upgrade.
    """
    return [
        {key: _shortened(known[key]) for key in ("subject", "state", "message", "remedy")}
        for known in answer.get("troubles", [])
    ]


def last_error(known: Answer) -> str:
    """Return what a destination said last, with its age; empty once something was delivered since."""
    text = _shortened(known.get("last_error"))
    since = terminal.age(known.get("last_error_at"))
    return f"{since}: {text}" if text and since else text


def fields(known: Answer) -> Iterator[tuple[str, object]]:
    """Return everything about a channel or a destination, times as people read them."""
    for key, value in known.items():
        if key == "last_error":
            yield "last error", last_error(known)
        elif key.endswith("_per_second"):
            yield _NAMES[key], speed(value)
        elif key in _NAMES:
            yield _NAMES[key], terminal.until(value) or terminal.age(value)
        elif key != "last_error_at":
            yield key.replace("_", " "), value


def _shortened(value: object) -> str:
    text = terminal.clean(value)
    return text if len(text) <= _LONGEST_ERROR else text[: _LONGEST_ERROR - 1] + "…"


def _passed(moment: object) -> str:
    return terminal.age(moment).removesuffix(" ago")
