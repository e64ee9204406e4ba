"""Run the suite; the files that something failed in run once more, one test at a time.

Tests wait for real processes, and beside each other they keep two cores busy: one can fail by what the
machine did to it. What then passes is named at the end, so that somebody looks into it, and fails nothing.
What fails again, what stops the suite and what is more than `MOST_FILES` fails the run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FAILED = 1
"""What pytest exits with when tests failed and nothing else did. Source: pytest.ExitCode."""
MOST_FILES = 3


def run(options: Sequence[str], folder: Path | None = None) -> int:
    """Run the tests of a folder (this one) with options of pytest; return what to exit with."""
    folder = folder or Path.cwd()
    code = _pytest(folder, ["--cache-clear", *options])
    if code != FAILED:
        return code
    failed = _failed(folder)
    files = sorted({name.partition("::")[0] for name in failed})
    if not 0 < len(files) <= MOST_FILES:
        return code
    print(f"\nOnce more, by itself: {', '.join(files)}", flush=True)
    code = _pytest(folder, files)
    if code == 0:
        print("Failed beside other tests and passed alone, which wants looking into:")
        print("\n".join(f"  {name}" for name in failed), flush=True)
    return code


def _pytest(folder: Path, arguments: Sequence[str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments], cwd=folder, check=False
    ).returncode


def _failed(folder: Path) -> list[str]:
    noted = folder / ".pytest_cache/v/cache/lastfailed"
    return sorted(json.loads(noted.read_text())) if noted.exists() else []


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
