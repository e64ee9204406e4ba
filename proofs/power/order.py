"""Whether each success was told only after a sync had ended that covers what it acknowledges.

What an acknowledgement stands for is found in the write-ahead log by its id: the first page that bears
it, the frame that commits that page's transaction, the first sync of the log that was asked for after
that frame was written. That sync must have ended before the answer was handed to the kernel.

Source: sqlite.org, "Database File Format", section 4 "The Write-Ahead Log" (read 2026-11-22).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from proofs.power.recording import Acknowledged, Recording
from proofs.power.systemcalls import NEVER, Call

LOG: Final = "-wal"
FRAME_HEADER_BYTES: Final = 24

_IDS: Final = re.compile(rb"x\d{4}n\d{6}|(?:msg|att)_[0-9a-z]{26}")


def told_too_early(recording: Recording) -> list[Acknowledged]:
    """Return the successes that no sync had covered when they were told; empty when all is well."""
    synced = _synced_at([call for calls in recording.lives for call in calls])
    return [one for one in recording.acknowledged if synced.get(one.key, NEVER) >= one.begin]


def _synced_at(calls: Sequence[Call]) -> dict[str, int]:
    """Return for each id in the log the line where the first sync that covers it had ended."""
    written: dict[str, int] = {}
    open_ids: set[str] = set()
    commits = False
    syncs = sorted(
        (call.begin, call.end)
        for call in calls
        if call.name in ("fsync", "fdatasync") and call.about.endswith(LOG)
    )
    for call in calls:
        if call.name != "pwrite64" or not call.about.endswith(LOG):
            continue
        (data,) = call.words
        if len(data) == FRAME_HEADER_BYTES:
            # A frame that ends a transaction says how many pages the database has after it.
            commits = data[4:8] != bytes(4)
            continue
        open_ids.update(found.decode() for found in _IDS.findall(data))
        if commits:
            for key in open_ids:
                written.setdefault(key, call.end)
            open_ids.clear()
    return {key: _first_sync_after(end, syncs) for key, end in written.items()}


def _first_sync_after(line: int, syncs: Sequence[tuple[int, int]]) -> int:
    at = bisect_left(syncs, (line, 0))
    return syncs[at][1] if at < len(syncs) else NEVER
