"""Whose a file is: what root makes in another user's directory belongs to that user.

A command that root runs beside a daemon with a user of its own must not leave files there that are closed
to the daemon. For every other user nothing is done: what it makes is its own.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Final

_READ_BY_GROUP: Final = 0o040
_ENTER_BY_GROUP: Final = 0o010


def hand_over(path: Path, like: Path | None = None) -> None:
    """Give what root has just made to the owner of its directory, or of ``like``; blocks.

    Raises ``OSError``.
    """
    if os.geteuid() == 0:
        wanted = (like or path.parent).stat()
        made = path.stat()
        if (made.st_uid, made.st_gid) != (wanted.st_uid, wanted.st_gid):
            os.chown(path, wanted.st_uid, wanted.st_gid)


def share(path: Path, like: Path) -> None:
    """Let whoever may read ``like`` read this too, by its owner and its group; never everybody; blocks.

    Others than root can give a file only to a group that they are in: elsewhere it stays theirs alone.
    """
    hand_over(path, like)
    wanted, made = like.stat(), path.stat()
    if not wanted.st_mode & stat.S_IRGRP or not _in_group(path, made.st_gid, wanted.st_gid):
        return
    more = _READ_BY_GROUP | (_ENTER_BY_GROUP if path.is_dir() else 0)
    path.chmod(stat.S_IMODE(made.st_mode) | more)


def owner_of(path: Path) -> str:
    """Return the name of the user that a file belongs to, or its number where it has no name."""
    number = path.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _in_group(path: Path, group: int, wanted: int) -> bool:
    """Put a file into a group; False if this user may not."""
    if group == wanted:
        return True
    try:
        os.chown(path, -1, wanted)
    except PermissionError:
        return False
    return True
