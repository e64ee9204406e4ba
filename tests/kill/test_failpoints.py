"""What the environment can arm, and that nothing else does anything."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from omnigate import failpoints
from omnigate.failpoints import FAULTS, PLACES, VARIABLE, traps

ROOT = Path(failpoints.__file__).parent
PASSES = "from omnigate.failpoints import reached\nfor n in range(5): reached('claim'); print(n)"


def passing(trap: str) -> subprocess.Popen[str]:
    """Run a process that comes by the place ``claim`` five times."""
    return subprocess.Popen(
        [sys.executable, "-uc", PASSES],
        env={**os.environ, VARIABLE: trap},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("commit=kill", [("commit", 1, "kill")]),
        ("commit:3=kill", [("commit", 3, "kill")]),
        (" send:2=freeze, sent=error ", [("send", 2, "freeze"), ("sent", 1, "error")]),
    ],
)
def test_a_value_names_places_arrivals_and_faults(text: str, expected: list[object]) -> None:
    assert [(trap.place, trap.arrival, trap.fault) for trap in traps(text)] == expected


@pytest.mark.parametrize(
    "text", ["commit", "nowhere=kill", "commit=explode", "commit:0=kill", "commit:x=kill", "=kill"]
)
def test_a_value_that_names_nothing_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no failpoint") as refused:
        traps(text)
    assert all(name in str(refused.value) for name in (*PLACES, *FAULTS))


def test_every_place_in_the_table_is_somewhere_in_the_code_and_no_other() -> None:
    code = "".join(path.read_text() for path in ROOT.rglob("*.py"))
    assert set(re.findall(r'failpoints\.reached\("(\w+)"\)', code)) == set(PLACES)


@pytest.mark.parametrize("trap", ["", "commit=kill", "claim:6=kill"])
def test_without_a_trap_for_an_arrival_nothing_happens(trap: str) -> None:
    process = passing(trap)
    assert process.communicate(timeout=30) == ("0\n1\n2\n3\n4\n", "")
    assert process.returncode == 0


def test_kill_ends_the_process_at_that_arrival() -> None:
    process = passing("claim:3=kill")
    assert process.communicate(timeout=30) == ("0\n1\n", "")
    assert process.returncode == -signal.SIGKILL


def test_error_raises_what_nobody_expects() -> None:
    process = passing("claim:2=error")
    said, complained = process.communicate(timeout=30)
    assert said == "0\n"
    assert "InjectedFault: failpoint claim:2" in complained


def test_freeze_stands_still_until_it_may_go_on() -> None:
    process = passing("claim:2=freeze")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=30) == ("0\n1\n2\n3\n4\n", "")
