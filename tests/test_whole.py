"""What of the suite runs twice, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import whole

CRAMPED = """
from pathlib import Path
def test_fails_beside_others():
    here = Path(__file__).with_suffix(".tried")
    tried, _ = here.exists(), here.touch()
    assert tried
"""
BROKEN = "def test_is_broken():\n    assert False\n"
SOUND = """
def test_is_sound():
    with open("ran", "a") as ran:
        ran.write("x")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite with one sound file."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_sound.py").write_text(SOUND)
    return tmp_path


def outcome(suite: Path, capfd: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    code = whole.run(options, suite)
    return code, capfd.readouterr().out


def test_a_sound_suite_runs_once(suite: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, said = outcome(suite, capfd)
    assert code == 0
    assert "1 passed" in said
    assert "Once more" not in said
    assert (suite / "ran").read_text() == "x"


def test_what_passes_alone_fails_nothing_and_is_named(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (suite / "test_cramped.py").write_text(CRAMPED + "\ndef test_beside_it():\n    pass\n")
    code, said = outcome(suite, capfd, "--numprocesses", "2", "--dist", "loadfile")
    assert code == 0
    assert "Once more, by itself: test_cramped.py\n" in said
    assert "2 passed" in said, "the whole file runs again: what is shared in it counts as well"
    assert said.endswith("  test_cramped.py::test_fails_beside_others\n")
    assert (suite / "ran").read_text() == "x"


def test_what_is_broken_fails(suite: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (suite / "test_broken.py").write_text(BROKEN)
    (suite / "test_cramped.py").write_text(CRAMPED)
    code, said = outcome(suite, capfd)
    assert code == 1
    assert "Once more, by itself: test_broken.py, test_cramped.py\n" in said
    assert "passed alone" not in said


def test_more_than_a_few_files_are_no_accident(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(whole.MOST_FILES + 1):
        (suite / f"test_{number}.py").write_text(CRAMPED)
    code, said = outcome(suite, capfd)
    assert code == 1
    assert "Once more" not in said


def test_what_cannot_be_collected_fails_at_once(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (suite / "test_broken.py").write_text("import nothing_of_this_name\n")
    code, said = outcome(suite, capfd)
    assert code not in (0, whole.FAILED)
    assert "Once more" not in said


def test_what_an_earlier_run_left_is_not_run_again(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (suite / "test_broken.py").write_text(BROKEN)
    assert outcome(suite, capfd)[0] == 1
    (suite / "test_cramped.py").write_text(CRAMPED)
    code, said = outcome(suite, capfd, "test_cramped.py")
    assert code == 0
    assert "Once more, by itself: test_cramped.py\n" in said


def test_a_crashed_worker_counts_as_a_failure(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (suite / "test_crashes.py").write_text("import os\ndef test_it():\n    os._exit(3)\n")
    code, _ = outcome(suite, capfd, "--numprocesses", "2", "--dist", "loadfile")
    assert code != 0
