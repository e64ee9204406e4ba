"""Cutting the power at random moments of a recording, and counting what that costs."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofs.power.disk import Disk
from proofs.power.judge import judge
from proofs.power.recording import Recording
from proofs.power.systemcalls import NEVER, Call


@dataclass(slots=True)
class Tally:
    """What many cuts came to."""

    cuts: int = 0
    lost: int = 0
    """Acknowledged items that were not there once, over all cuts."""
    corrupt: int = 0
    """Cuts that left an unsound store, or a file that is not what its row says."""
    cuts_that_lost: int = 0
    examples: list[str] = field(default_factory=list)
    """The first few findings, each with the line of the trace where the power went."""

    def __str__(self) -> str:
        return f"cuts {self.cuts} lost {self.lost} corrupt {self.corrupt}"


def cut_power(recording: Recording, scratch: Path, cuts: int, seed: int) -> Tally:
    """Cut at ``cuts`` random moments, judge each disk; the same seed makes the same cuts."""
    chance = random.Random(seed)
    moments = list(_moments(recording))
    chosen = sorted(chance.sample(range(len(moments)), min(cuts, len(moments))), reverse=True)
    disk = Disk(recording.root)
    tally = Tally()
    for number, (line, begins, call) in enumerate(moments):
        if call is None:
            disk.restart()
        elif begins:
            disk.begin(call)
        else:
            disk.end(call)
        while chosen and chosen[-1] == number:
            chosen.pop()
            _cut(recording, disk, scratch / "image", line, chance, tally)
    return tally


def _moments(recording: Recording) -> Iterator[tuple[int, bool, Call | None]]:
    """Return every beginning and end of a call, in order; a new process comes without a call.

    The power can fail between any two of them. What is neither on the disk nor an answer is left out.
    """
    for calls in recording.lives:
        yield calls[0].begin, True, None
        both = [(call.begin, True, call) for call in calls if _matters(call, recording.root)]
        both += [(call.end, False, call) for _, _, call in both if call.end < NEVER]
        yield from sorted(both, key=lambda moment: (moment[0], not moment[1]))


def _matters(call: Call, root: Path) -> bool:
    below = str(root)
    if call.about.startswith((below, "TCP:")):
        return True
    return any(word[: len(below)] == below.encode() for word in call.words)


def _cut(
    recording: Recording,
    disk: Disk,
    image: Path,
    line: int,
    chance: random.Random,
    tally: Tally,
) -> None:
    image.mkdir(parents=True)
    try:
        disk.cut(image, chance)
        # Of an answer that was handed to the kernel the client may have seen every byte.
        before = [one for one in recording.acknowledged if one.begin <= line]
        verdict = judge(image, before)
    finally:
        shutil.rmtree(image)
    tally.cuts += 1
    tally.lost += len(verdict.lost)
    tally.corrupt += bool(verdict.corrupt)
    tally.cuts_that_lost += bool(verdict.lost)
    # What is unsound comes first: it may be the reason of what is lost.
    found: Sequence[str] = verdict.corrupt + [f"lost {key}" for key in verdict.lost]
    if found and len(tally.examples) < 5:
        tally.examples.append(f"line {line}: {len(found)} findings, first {found[0]}")
