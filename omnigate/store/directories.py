"""Directories whose names survive the loss of power.

A name is safe once the directory that it stands in was synced; to sync what it names is not enough.
Source: fsync(2) (read 2026-11-22).
"""

from __future__ import annotations

import os
from pathlib import Path


def make_directory(directory: Path) -> None:
    """Make a directory with its parents, for this user alone, if it is not there; safe on return.

    Blocks. Raises ``OSError``.
    """
    missing = [path for path in directory.parents if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for made in (directory, *missing):
        sync_directory(made.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory safe; blocks. Raises ``OSError``."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
