"""Directories whose names survive the loss of power.

A name is safe once the directory that it stands in was synced; to sync what it names is not enough.
Source: fsync(2) (read 2026-11-22).
"""

from __future__ import annotations

import os
from pathlib import Path

from omnigate.owners import hand_over


def make_directory(directory: Path) -> None:
    """Make a directory with its parents, for one user alone, if it is not there; safe on return.

    Made by root in the directory of somebody else, it is theirs. Blocks. Raises ``OSError``.
    """
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for made in reversed(missing):
        made.mkdir(exist_ok=True, mode=0o700)
        hand_over(made)
    for made in (directory, *missing):
        sync_directory(made.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory safe; blocks. Raises ``OSError``."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
