"""Sections that commands write: one small file each beside the operator's own, which stays untouched."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import tomli_w

from omnigate.config import loading, reading
from omnigate.config.reading import Document
from omnigate.config.sections import Catalogue, Direction, tables
from omnigate.errors import ConfigError, Problem

DIRECTORY: Final = "omnigate.d"
INCLUDE: Final = f'include = ["{DIRECTORY}/*.toml"]'


def write(
    path: Path | None,
    direction: Direction,
    name: str,
    keys: Mapping[str, Any],
    find_kinds: Callable[[frozenset[str]], Catalogue],
) -> Path:
    """Write ``[channels.<name>]`` or ``[backends.<name>]`` into a file of its own and return its path.

    The whole configuration is checked with it: raises `ConfigError`, and then there is no such file.
    """
    document = reading.read(reading.find(path))
    file = document.path.parent / DIRECTORY / f"{direction}-{name}.toml"
    _require_free(document, direction, name, file)
    _require_included(document, file)
    text = f"# Written by omnigate {direction} add; yours to edit.\n\n"
    text += tomli_w.dumps({f"{direction}s": {name: keys}})
    _create(file, text, document.path)
    try:
        loading.load(document.path, find_kinds)
    except ConfigError:
        file.unlink()
        raise
    return file


def remove(
    path: Path | None,
    direction: Direction,
    name: str,
    find_kinds: Callable[[frozenset[str]], Catalogue],
) -> Path:
    """Delete the file that `write` made for a section and return its path.

    Raises `ConfigError`, and then the file is as it was: when the section stands elsewhere or other
    things stand with it, since an operator's file is never rewritten, and when the configuration
    would be refused without it.
    """
    document = reading.read(reading.find(path))
    place = (f"{direction}s", name)
    if name not in dict(tables(document, direction)):
        raise ConfigError([Problem(str(document.path), reading.dotted(place), "there is none")])
    file = document.origin(place)
    own = document.path.parent / DIRECTORY / f"{direction}-{name}.toml"
    if file != own:
        hint = "take it out there, then: omnigate reload"
        raise ConfigError(
            [Problem(str(file), reading.dotted(place), "was not written by a command", hint)]
        )
    _require_alone(file, place)
    _require_dispensable(document, file, place, find_kinds)
    file.unlink()
    return file


def _require_alone(file: Path, place: tuple[str, str]) -> None:
    """Raise `ConfigError` when a file says more than one section."""
    table, name = place
    said = reading.read(file).table
    others = [reading.dotted((table, each)) for each in said.get(table, ()) if each != name]
    others += [each for each in said if each != table]
    if others:
        message = f"shares its file with {', '.join(others)}"
        hint = "take it out there, then: omnigate reload"
        raise ConfigError([Problem(str(file), reading.dotted(place), message, hint)])


def _require_dispensable(
    document: Document,
    file: Path,
    place: tuple[str, str],
    find_kinds: Callable[[frozenset[str]], Catalogue],
) -> None:
    """Raise `ConfigError`, with what still names a section, when nothing would start without it."""
    try:
        loading.load(document.path, find_kinds, without=file)
    except ConfigError as error:
        message = "is kept: without it the configuration is refused"
        first = Problem(str(file), reading.dotted(place), message, "correct what follows first")
        raise ConfigError([first, *error.problems]) from None


def _require_free(document: Document, direction: Direction, name: str, file: Path) -> None:
    place = (f"{direction}s", name)
    if name in dict(tables(document, direction)):
        problem = document.problem(place, "is there already", "choose another name, or edit it")
        raise ConfigError([problem])
    if file.exists():
        message = f"is there already, and says something other than {reading.dotted(place)}"
        raise ConfigError([Problem(str(file), "", message, "rename it, or choose another name")])


def _require_included(document: Document, file: Path) -> None:
    patterns = document.table.get("include", [])
    relative = str(file.relative_to(document.path.parent))
    if not any(isinstance(each, str) and fnmatchcase(relative, each) for each in patterns):
        hint = f"add this line at its top, before the first table: {INCLUDE}"
        raise ConfigError(
            [Problem(str(document.path), "include", f"does not take in {DIRECTORY}/*.toml", hint)]
        )


def _create(file: Path, text: str, like: Path) -> None:
    """Write a new file that only its owner reads, since it may hold secrets; never half of it."""
    draft = file.with_suffix(".new")
    try:
        file.parent.mkdir(mode=0o750, exist_ok=True)
        draft.touch(mode=0o600)
        with draft.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        _share(draft, like)
        _share(file.parent, like)
        draft.replace(file)
    except OSError as error:
        reason = f"cannot be written: {(error.strerror or str(error)).lower()}"
        raise ConfigError([Problem(str(file), "", reason, "run this as its owner")]) from None


def _share(path: Path, like: Path) -> None:
    """Let the group that may read the operator's own file read this too: the daemon's, most often."""
    model = like.stat()
    if model.st_mode & stat.S_IRGRP:
        with suppress(PermissionError):  # only its owner, in that group, may give it away
            os.chown(path, -1, model.st_gid)
            path.chmod(path.stat().st_mode | (0o050 if path.is_dir() else 0o040))
