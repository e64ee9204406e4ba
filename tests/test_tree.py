"""What is committed is the same in every clone."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
SYMBOLIC_LINK = "120000"


def test_no_committed_file_leads_out_of_the_tree():
    listed = subprocess.run(
        ["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert listed, "this is no clone"
    links = [line for line in listed.splitlines() if line.startswith(SYMBOLIC_LINK)]
    assert not links
