"""Who else may read what is secret, or write what the daemon obeys: users that are neither it nor root.

Its group is that of the main file or of the store's directory; both are the operator's own choice.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from omnigate.config.reading import Document
from omnigate.config.settings import Settings
from omnigate.errors import Problem


def too_open(document: Document, settings: Settings) -> Iterator[Problem]:
    """Return the files that others may read or write who should not, each with the command that ends it."""
    directory = document.path.parent
    own = _groups(document.path, directory / settings.store.path.parent)
    key = settings.server.tls_key
    secret = document.literal_secrets | document.secret_files
    if key is not None:
        secret.add(directory / key)
    for path in sorted({*secret, *document.files}):
        if warning := _warning(path, is_secret=path in secret, own=own):
            yield warning


def _warning(path: Path, *, is_secret: bool, own: set[int]) -> Problem | None:
    try:
        found = path.stat()
    except OSError:
        return None  # what cannot be read at all is said elsewhere
    is_own = found.st_gid in own
    for verb, letter, bits, matters in (
        ("changed", "w", (stat.S_IWOTH, stat.S_IWGRP), True),
        ("read", "r", (stat.S_IROTH, stat.S_IRGRP), is_secret),
    ):
        by_others, by_group = (bool(found.st_mode & bit) for bit in bits)
        by_group &= not is_own
        if matters and (by_others or by_group):
            whose = "every user of this machine" if by_others else f"the group {_name(path)}"
            holds = "holds secrets and " if is_secret else ""
            classes = ("g" if by_group else "") + ("o" if by_others else "")
            also = "r" if letter == "w" and is_secret else ""
            change = f"chmod {classes}-{also}{letter} {path}"
            return Problem(str(path), "", f"{holds}can be {verb} by {whose}", change)
    return None


def _groups(*paths: Path) -> set[int]:
    """Return the groups that may read what is secret: those of these files, and this process's."""
    return {os.getegid(), *_existing(paths)}


def _existing(paths: Iterable[Path]) -> Iterator[int]:
    for path in paths:
        if path.exists():
            yield path.stat().st_gid


def _name(path: Path) -> str:
    try:
        return path.group()
    except KeyError:
        return str(path.stat().st_gid)
