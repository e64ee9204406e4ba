"""The real daemon under load, with every call recorded that it makes on its disk and its sockets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proofs.power.daemon import Daemon, wait_until
from proofs.power.load import Answer, Crm, Kind, Load
from proofs.power.systemcalls import STRACE, Call, read_trace

WEAKENED: Final = """
import omnigate.store.engine as engine
pragmas = engine._WRITER_PRAGMAS
weaker = tuple(it.replace("synchronous=FULL", "synchronous=NORMAL") for it in pragmas)
assert weaker != pragmas
engine._WRITER_PRAGMAS = weaker
"""
"""Sabotage: the log is synced at checkpoints only."""
UNSYNCED_FILES: Final = """
import os, types
import omnigate.flow.shelf as shelf
assert "os.fsync(" in open(shelf.__file__).read()
shelf.os = types.SimpleNamespace(**{**vars(os), "fsync": lambda descriptor: None})
"""
"""Sabotage: the bytes of files are not synced; their names and the database are."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One success that a client was told."""

    begin: int
    """The line of the trace where the answer was handed to the kernel."""
    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What happened, in the order in which it happened."""

    root: Path
    """The directory that is the disk."""
    lives: Sequence[Sequence[Call]]
    """The calls of each process that ran, by their beginnings."""
    acknowledged: Sequence[Acknowledged]
    delivered: int


def record(
    folder: Path, *, answers: int, seed: int, lives: int = 2, sabotage: str = ""
) -> Recording:
    """Run the daemon under load ``lives`` times over one store, the last one killed.

    ``answers`` is how many successes are waited for over all lives; ``sabotage`` is Python that breaks
    the daemon. Raises ``RuntimeError`` when the daemon does not do what it should.
    """
    disk = folder / "disk"
    disk.mkdir(parents=True)
    crm = Crm()
    try:
        daemon = Daemon(folder, disk, crm.address, sabotage)
        recorded: list[list[Call]] = []
        acknowledged: list[Acknowledged] = []
        line = 0
        for life in range(lives):
            trace = folder / f"trace-{life}"
            daemon.start([*STRACE, "-o", str(trace)])
            load = Load(daemon.port, crm, daemon.api_token(), seed, connections=8, life=life)
            wait_until(
                lambda: load.acknowledged >= answers // lives or not daemon.runs(),  # noqa: B023  # used at once
                "enough is acknowledged",
            )
            if life < lives - 1:
                load.stop()
                daemon.stop()
            else:
                daemon.kill()
                load.stop()
            _wait_for_end(trace)
            calls, line = read_trace(trace, line)
            recorded.append(calls)
            acknowledged += _match(_answers_in(calls, daemon.port), load.answers)
            trace.unlink()
    finally:
        crm.close()
    return Recording(disk, recorded, acknowledged, crm.delivered)


def _wait_for_end(trace: Path) -> None:
    """Wait until strace, which outlives the process, has written its last line."""

    def is_written() -> bool:
        with trace.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 200))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        return b"+++ exited with" in last or b"+++ killed by" in last

    wait_until(is_written, "the trace is written")


def _answers_in(calls: Sequence[Call], port: int) -> dict[int, list[tuple[int, int]]]:
    """Return the line and the status of each answer, per port of the connection's far end."""
    near = f"TCP:[127.0.0.1:{port}->127.0.0.1:"
    found: dict[int, list[tuple[int, int]]] = {}
    for call in calls:
        if not call.about.startswith(near):
            continue
        data = b"".join(call.words)
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            far = int(call.about.removeprefix(near).removesuffix("]"))
            found.setdefault(far, []).append((call.begin, int(data[9:12])))
    return found


def _match(
    traced: dict[int, list[tuple[int, int]]], noted: dict[int, list[Answer]]
) -> list[Acknowledged]:
    """Return the successes with their lines; raises ``RuntimeError`` if the two do not agree."""
    acknowledged = []
    for port, answers in noted.items():
        statuses = [status for _, status in traced.get(port, [])]
        if statuses[: len(answers)] != [answer.status for answer in answers]:
            raise RuntimeError(f"the trace and the client of port {port} do not agree on answers")
        for answer, (line, status) in zip(answers, traced.get(port, []), strict=False):
            if status < 300:
                acknowledged.append(Acknowledged(line, answer.kind, answer.key))
    return acknowledged
