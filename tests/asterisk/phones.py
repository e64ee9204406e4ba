"""Phones on loopback: SIPp, each with a scenario of what becomes of calls to it.

Source: SIPp 3.6 "Reference documentation" (sipp.readthedocs.io, read 2026-11-22).
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

from tests.ports import free_port

SCENARIOS = Path(__file__).with_name("scenarios")
SECONDS = 20.0
SILENCE = b"\xd5" * 8_000
"""A second of it as G.711 A-law has it: a recording grows only by what is sent."""
Does = Literal["answers", "hangs_up", "refuses", "rings"]


class Phone:
    """One phone that is on; leaving `ringable` switches it off."""

    def __init__(self, messages: Path) -> None:
        self._messages = messages

    @property
    def rung(self) -> int:
        """How many calls it was asked to take."""
        return self._text().count("\nINVITE sip:")

    @property
    def heard_bye(self) -> int:
        """How many calls the switch has ended."""
        return self._text().count("\nBYE sip:")

    def _text(self) -> str:
        return self._messages.read_text("utf-8", "replace") if self._messages.exists() else ""


@contextmanager
def ringable(
    folder: Path,
    port: int,
    does: Does,
    *,
    ring_ms: int = 200,
    talk_ms: int = 1_500,
    status: str = "486 Busy Here",
) -> Iterator[Phone]:
    """Switch a phone on.

    ``answers`` after ``ring_ms`` and talks until it is hung up; ``hangs_up`` does so itself after another
    ``talk_ms``; ``refuses`` with a ``status``; ``rings`` until the switch gives up.
    """
    place = folder / f"phone-{port}-{free_port()}"
    place.mkdir()
    (place / "sound.alaw").write_bytes(SILENCE)
    scenario = place / "scenario.xml"
    scenario.write_text((SCENARIOS / f"{does}.xml").read_text().replace("[status]", status))
    command = [
        *("sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port)),
        # Its sound has an address of its own: a phone that finds any of some ports taken gives up.
        *("-mi", str(IPv4Address("127.0.0.0") + random.randrange(2**16, 2**24 - 1))),
        *("-ci", "127.0.0.1", "-cp", str(free_port()), "-nostdin", "-rtp_echo"),
        *("-d", str(talk_ms)),
        *("-trace_msg", "-message_file", str(place / "messages"), "-message_overwrite", "false"),
        *("-trace_err", "-error_file", str(place / "errors")),
    ]
    if does in ("answers", "hangs_up"):
        command += ["-set", "ring", str(ring_ms)]
    with (place / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=place, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait_until_on(port, process, place)
        yield Phone(place / "messages")
    finally:
        process.kill()
        process.wait(10)


def _wait_until_on(port: int, process: subprocess.Popen[bytes], place: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not _receives(process.pid, port):
        told = (place / "output").read_text("utf-8", "replace")[-500:]
        assert process.poll() is None, f"the phone does not work: {told}"
        assert time.monotonic() < deadline, f"the phone is not on: {told}"
        time.sleep(0.02)


def _receives(pid: int, port: int) -> bool:
    """Tell whether a process receives at a port of UDP.

    Looked up and not tried: who tries a port has it for a moment, in which the phone cannot.

    Source: /proc/net/udp and /proc/pid/fd, proc(5) of man-pages 6.03 (read 2026-11-22).
    """
    lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    there = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{port:04X}")}
    try:
        return any(str(each.readlink()) in there for each in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # it has just closed one, or is gone
        return False
