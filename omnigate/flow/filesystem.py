"""What the doctor finds about files: the configuration as it stands on disk, room, owners, modes."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from omnigate import config as configuration
from omnigate import plugins
from omnigate.config import Config, Settings
from omnigate.errors import ConfigError, Problem
from omnigate.flow.inbox import least_room_bytes
from omnigate.flow.troubles import Finding
from omnigate.owners import owner_of


async def configuration_findings(config: Config) -> list[Finding]:
    """Return what a reload would say of the configuration, which may have changed since the start."""
    try:
        found = await asyncio.to_thread(configuration.load, config.path, plugins.load)
    except ConfigError as error:
        return [
            Finding(
                "configuration",
                "bad",
                f"omnigate reload would be refused: {_said(problem)}",
                problem.hint,
            )
            for problem in error.problems
        ]
    warnings = [
        Finding("configuration", "warning", _said(warning), warning.hint)
        for warning in found.warnings
    ]
    return warnings or [Finding("configuration", "good", str(config.path))]


def store_findings(settings: Settings) -> Iterator[Finding]:
    """Return what is to be said of the files of the store, and of the disk they are on."""
    yield _disk(settings.store.path, settings.store.min_free_bytes)
    store = settings.store.path
    if not store.exists():
        yield Finding("store", "good", f"{store} is not there yet; the first start makes it")
        return
    yield _mode(store)
    yield from _strangers(store, settings.files)


def _said(problem: Problem) -> str:
    place = f"{problem.where}: {problem.key}" if problem.key else problem.where
    return f"{place}: {problem.message}"


def _disk(store: Path, min_free_bytes: int) -> Finding:
    directory = next(known for known in store.parents if known.is_dir())
    usage = shutil.disk_usage(directory)
    free = f"{_room(usage.free)} free in {directory}"
    least = least_room_bytes(usage.total, min_free_bytes)
    if usage.free < least:
        what = f"{free}: nothing is taken in below {_room(least)}"
        return Finding("disk", "bad", what, "make room")
    if usage.free < 4 * min_free_bytes or usage.free < usage.total * 0.05:
        remedy = f"make room before intake stops, at {_room(least)}"
        return Finding("disk", "warning", free, remedy)
    return Finding("disk", "good", free)


def _room(count_bytes: int) -> str:
    if count_bytes < 2**30:
        return f"{count_bytes / 2**20:.0f} MiB"
    return f"{count_bytes / 2**30:.1f} GiB"


def _mode(store: Path) -> Finding:
    found = store.stat()
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        what = f"{store} can be opened by others (mode {mode:o})"
        return Finding("store", "warning", what, f"chmod 600 {store}")
    owner = "" if found.st_uid == os.getuid() else f", of the user {owner_of(store)}"
    return Finding("store", "good", f"{store}{owner}")


def _strangers(store: Path, files: Path) -> Iterator[Finding]:
    """Name what belongs to another user than the store: a copy that root has put back, most often."""
    owner = store.stat().st_uid
    beside = (store.with_name(f"{store.name}{end}") for end in (".lock", "-wal", "-shm"))
    for path in (*beside, files):
        if path.exists() and path.stat().st_uid != owner:
            what = f"{path} belongs to {owner_of(path)}, the store to {owner_of(store)}"
            option = "-R " if path.is_dir() else ""
            yield Finding("store", "bad", what, f"chown {option}{owner_of(store)}: {path}")
