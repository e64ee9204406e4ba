"""``omnigate status`` as an operator sees it: on paper, in a pipe, and on a screen over a restart."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from itertools import count
from typing import Any

import pytest

from tests.descriptors import is_readable

SECONDS = 30.0
SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
HOME = b"\x1b[H"
TO_THE_OTHER_PAGE, BACK = b"\x1b[?1049h", b"\x1b[?1049l"


def omnigate(daemon: Any, *arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "omnigate",
        *arguments,
        "--config",
        str(daemon.folder / "omnigate.toml"),
    ]


def run(daemon: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        omnigate(daemon, *arguments), capture_output=True, text=True, timeout=SECONDS, check=False
    )


class Watching:
    """``status --watch`` under way, on a terminal of a given width or in a pipe."""

    def __init__(self, process: subprocess.Popen[bytes], handle: int) -> None:
        self.process = process
        self.seen = b""
        self._handle = handle

    def until(self, text: str, what: str = "") -> str:
        """Wait until a text came after everything waited for before; returns what came."""
        before, deadline = b"", time.monotonic() + SECONDS
        wanted = text.encode()
        while wanted not in (plain := SEQUENCE.sub(b"", before)):
            left = deadline - time.monotonic()
            assert left > 0, f"waited too long for {what or text!r}, saw {plain.decode()}"
            if is_readable(self._handle, left):
                piece = os.read(self._handle, 65536)
                assert piece, f"it ended: {plain.decode()}"
                before += piece
                self.seen += piece
        return plain.decode()

    def interrupt(self) -> int:
        """Press Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if is_readable(self._handle, 0.05):
                try:
                    self.seen += os.read(self._handle, 65536)
                except OSError:  # the other side of the terminal is closed
                    break
        return self.process.wait(SECONDS)


@contextmanager
def watching(
    daemon: Any,
    *arguments: str,
    columns: int | None,
    command: tuple[str, ...] = ("status", "--watch", "--interval", "0.2"),
) -> Iterator[Watching]:
    """Run it on a terminal, or in a pipe when there are no ``columns``."""
    ours, theirs = pty.openpty() if columns is not None else os.pipe()
    if columns is not None:
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""}
    process = subprocess.Popen(
        omnigate(daemon, *command, *arguments),
        stdin=theirs if columns is not None else subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={name: value for name, value in environment.items() if value},
    )
    os.close(theirs)
    try:
        yield Watching(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_says_in_plain_words_how_everything_is(daemon: Any, receiver: Any, until: Any) -> None:
    daemon.say("hello")
    until(lambda: receiver.crm.texts() and daemon.status("crm")["pending"] == 0, "it is delivered")
    shown = run(daemon, "status")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\x1b" not in shown.stdout
    lines = shown.stdout.splitlines()
    assert re.match(r"omnigate  \S+, ready, up .*, pid \d+$", lines[0])
    assert "totals    2 events recorded, 0 pending, 0 dead, 0 in quarantine" in lines
    (crm,) = (line.split() for line in lines if line.startswith("crm"))
    assert crm[:7] == ["crm", "events", "ok", "0", "0", "0", "0"]
    (app,) = (line.split() for line in lines if re.match(r"app +http", line))
    assert app[:-2] == ["app", "http", "up", "1", "0", "0", "0", "0", "1", "0"]
    assert app[-1] == "s", "so long has the customer been waiting"


def test_says_what_is_wrong_since_when_and_when_it_is_tried_again(
    daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda one: answer(500, body=b"x" * 5000)
    for number in range(8):
        daemon.say(f"m-{number}", f"c-{number}")
    until(lambda: daemon.status("crm")["state"] == "open", "the breaker is open")
    shown = run(daemon, "status").stdout
    (crm,) = (line for line in shown.splitlines() if re.match(r"crm +events", line))
    assert re.search(r"crm +events +open +16 .* in \d+ s", crm), shown
    _, _, troubled = shown.partition("In trouble\n")
    trouble, remedy = troubled.splitlines()
    assert re.match(r"backend crm: failed \d+ times in a row: .*500.*; 16 events wait$", trouble)
    assert len(trouble) < 400
    assert remedy.endswith("to try now: omnigate backend test crm")
    known = json.loads(run(daemon, "status", "--json").stdout)
    (crm_known,) = (one for one in known["destinations"] if one["name"] == "crm")
    assert crm_known["pending"] == 16
    assert crm_known["failures"] >= 5
    assert crm_known["retrying"] >= 1
    assert crm_known["due"] + crm_known["retrying"] + crm_known["leased"] == 8
    assert crm_known["failing_since"] <= crm_known["last_error_at"] < crm_known["next_attempt_at"]
    assert known["totals"]["pending"] == 16


def test_the_last_error_of_a_backend_has_an_age_and_goes_away_once_it_works(
    daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda one: answer(503)
    for number in range(5):
        daemon.say(f"m-{number}", f"c-{number}")
    until(lambda: daemon.status("crm")["state"] == "open", "the breaker is open")
    listed = run(daemon, "backend", "list").stdout
    assert re.search(r"crm +webhook +open +10 +\d+ s ago: .*503", listed), listed
    shown = run(daemon, "backend", "show", "crm").stdout
    assert re.search(r"^failing since +\d+ s ago$", shown, re.MULTILINE), shown
    assert re.search(r"^next attempt +in \d+ s$", shown, re.MULTILINE), shown
    assert re.search(r"^last error +\d+ s ago: .*503", shown, re.MULTILINE), shown
    assert not re.search(r"\dT\d", shown), "no time as machines write it"

    receiver.crm.behave = lambda one: answer()
    took = run(daemon, "backend", "test", "crm").stdout
    assert took.endswith("ms: what waits for it goes out now\n")
    until(lambda: daemon.status("crm")["pending"] == 0, "all has come")
    assert "503" not in run(daemon, "backend", "list").stdout
    shown = run(daemon, "backend", "show", "crm").stdout
    assert "503" not in shown
    assert re.search(r"^last success +\d+ s ago$", shown, re.MULTILINE), shown
    assert "In trouble" not in run(daemon, "status").stdout
    known = json.loads(run(daemon, "backend", "show", "crm", "--json").stdout)
    assert known["last_error"] is None
    assert re.fullmatch(r"20\S+T\S+Z", known["last_success_at"])


def test_a_backend_that_says_that_it_is_gone_comes_with_what_to_do(
    daemon: Any, receiver: Any, answer: Any, until: Any
) -> None:
    receiver.crm.behave = lambda one: answer(410)
    daemon.say("hello")
    until(lambda: daemon.status("crm")["state"] == "paused", "it is paused")
    what = "paused: answered 410: the receiver is gone for good; 2 events wait"
    remedy = "once it is back: omnigate backend resume crm, or omnigate backend test crm"
    assert f"backend crm: {what}\n    {remedy}\n" in run(daemon, "status").stdout
    examined = run(daemon, "doctor")
    assert examined.returncode == 1
    assert re.search(rf"^failed +backend crm +{what}$", examined.stdout, re.MULTILINE)
    assert f"backend crm: {remedy}\n" in examined.stderr


@pytest.mark.parametrize("columns", [80, 50])
def test_on_a_terminal_it_fits(
    daemon: Any, receiver: Any, answer: Any, until: Any, columns: int
) -> None:
    receiver.crm.behave = lambda one: answer(500, body=b"x" * 5000)
    for number in range(8):
        daemon.say(f"m-{number}", f"c-{number}")
    until(lambda: daemon.status("crm")["failures"], "it fails")
    with watching(daemon, command=("status",), columns=columns) as screen:
        shown = screen.until("it is tried again by itself").replace("\r", "")
    lines = shown.splitlines()
    # The path of the store is copied: it stays whole, however long it is here.
    assert all(len(line) <= columns or "store.db" in line for line in lines), shown
    assert [line.split()[0] for line in lines if line.startswith(("NAME", "crm"))][-2:] == [
        "NAME",
        "crm",
    ]


def test_knows_how_fast_things_go(daemon: Any, receiver: Any, until: Any) -> None:
    """Rates are of the last moments: it goes on while somebody looks, however slow the look is."""

    def rates() -> Any:
        return json.loads(run(daemon, "status", "--json").stdout)["rates"]

    def are_known() -> bool:
        for _ in range(5):
            daemon.say(f"m-{next(numbers)}")
        known: dict[str, float] = rates()
        return min(known["received_per_second"], known["delivered_per_second"]) > 0

    numbers = count()
    until(are_known, "what comes in and what is delivered have a rate")
    assert 0 < rates()["over_seconds"] <= 20
    assert rates()["failures_per_second"] == 0


def test_without_a_daemon_it_says_so_and_what_to_do(new_daemon: Any) -> None:
    daemon = new_daemon()
    for arguments in (("status",), ("status", "--json"), ("status", "--watch")):
        shown = run(daemon, *arguments)
        assert shown.returncode == 1
        if "--json" in arguments:
            assert json.loads(shown.stdout)["code"] == "not_running"
        else:
            assert shown.stdout == ""
        assert "The daemon is not running" in shown.stderr
        assert "omnigate run" in shown.stderr
    assert run(daemon, "status", "--interval", "0").returncode == 2


@pytest.mark.parametrize("columns", [140, 60])
def test_the_screen_stays_up_to_date_fits_and_is_gone_after_ctrl_c(
    daemon: Any, receiver: Any, columns: int
) -> None:
    with watching(daemon, columns=columns) as screen:
        screen.until("0 events recorded")
        daemon.say("hello")
        screen.until("2 events recorded")
        screen.until("crm")
        assert screen.interrupt() == 0
    assert screen.seen.count(TO_THE_OTHER_PAGE) == screen.seen.count(BACK) == 1
    assert b"Traceback" not in screen.seen
    frames = screen.seen.replace(HOME, b"\n")
    lines = SEQUENCE.sub(b"", frames).decode().replace("\r", "").splitlines()
    assert max(map(len, lines)) <= columns


def test_the_screen_says_when_the_daemon_is_gone_and_goes_on_when_it_is_back(daemon: Any) -> None:
    with watching(daemon, columns=100) as screen:
        screen.until("ready")
        daemon.stop()
        screen.until("below is the last that was known")
        daemon.start()
        screen.until(f"pid {daemon.process.pid}")
        assert screen.interrupt() == 0


def test_in_a_pipe_every_look_is_a_block_and_an_outage_is_told_once(daemon: Any) -> None:
    with watching(daemon, columns=None) as pipe:
        first = pipe.until("Destinations") + pipe.until("Destinations")
        assert first.count("omnigate  ") >= 1
        daemon.stop()
        pipe.until("Waiting for the daemon.")
        daemon.start()
        between = pipe.until("The daemon answers again.")
        assert "Waiting" not in between
        pipe.until("Destinations")
        assert pipe.interrupt() == 0
    assert b"\x1b" not in pipe.seen
    assert b"Traceback" not in pipe.seen


def test_as_json_every_look_is_one_line(daemon: Any) -> None:
    with watching(daemon, "--json", columns=None) as pipe:
        pipe.until("\n")
        pipe.until("\n")
        assert pipe.interrupt() == 0
    looks = [json.loads(line) for line in pipe.seen.decode().splitlines()]
    assert len(looks) >= 2
    assert all(look["ready"] for look in looks)


def test_a_reader_that_has_seen_enough_ends_it(daemon: Any, until: Callable[..., Any]) -> None:
    with watching(daemon, columns=None) as pipe:
        pipe.until("Destinations")
        os.close(pipe._handle)
        until(lambda: pipe.process.poll() is not None, "it ended")
        pipe._handle = os.open(os.devnull, os.O_RDONLY)
    assert pipe.process.returncode in (0, 1, -signal.SIGPIPE)
