"""Installs the channel of paper telephones, and reads what it wrote down."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

SECTION = """
[channels.phone]
kind = "phones"
folder = "{folder}"
"""


def install(folder: Path) -> str:
    """Install the plugin as pip would; return the ``PYTHONPATH`` that finds it."""
    shutil.copy(Path(__file__).parent / "omnigate_phones.py", folder)
    info = folder / "omnigate_phones-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: omnigate-phones\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[omnigate]\nphones = omnigate_phones\n")
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


def add_section(config: Path, paper: Path) -> None:
    """Have a configuration name the channel, as ``phone``."""
    paper.mkdir(exist_ok=True)
    config.write_text(config.read_text() + SECTION.format(folder=paper))


def dialled(paper: Path) -> Counter[tuple[str, int]]:
    """Return how often each attempt of each call was dialled."""
    path = paper / "dialled"
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter((line.split()[0], int(line.split()[1])) for line in lines)
