"""Sections that commands write: one small file each beside the operator's own, which stays untouched.

Secrets get a file each beside it, ``channel-shop.token``, which the section names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import tomli_w

from omnigate.config import annotations as keys_of
from omnigate.config import loading, reading
from omnigate.config.reading import Document
from omnigate.config.sections import NAME_RULE, Catalogue, Direction, tables
from omnigate.config.settings import NAME_PATTERN
from omnigate.errors import ConfigError, Problem
from omnigate.owners import share

DIRECTORY: Final = "omnigate.d"
INCLUDE: Final = f'include = ["{DIRECTORY}/*.toml"]'

_MENDED: Final = ("routes", "include")
"""Where the configuration may name a section that is not there yet."""

FindKinds = Callable[[frozenset[str]], Catalogue]


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` has made."""

    file: Path
    secrets: Mapping[str, Path]
    """Key → the file that holds its secret."""

    def discard(self) -> None:
        """Take all of it away again, and the directory if nothing else is in it."""
        for path in (self.file, *self.secrets.values()):
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):  # others are in it, or it was never made
            self.file.parent.rmdir()


def require_place(
    path: Path | None, direction: Direction, name: str, find_kinds: FindKinds
) -> Document:
    """Return the configuration if a section of this name can be added to it; raises `ConfigError`.

    Nothing is added to one that has mistakes already, but for those that the section may mend: a route
    may name it before it is there.
    """
    document = reading.read(reading.find(path))
    _require_name(document, direction, name)
    _require_free(document, direction, name)
    _require_included(document, _file(document, direction, name))
    try:
        loading.load(document.path, find_kinds)
    except ConfigError as error:
        if mistakes := [each for each in error.problems if not each.key.startswith(_MENDED)]:
            raise ConfigError(mistakes) from None
    return document


def write(
    path: Path | None,
    direction: Direction,
    name: str,
    keys: Mapping[str, Any],
    find_kinds: FindKinds,
) -> Written:
    """Write ``[channels.<name>]`` or ``[backends.<name>]`` into a file of its own, its secrets beside it.

    The whole configuration is checked with it: raises `ConfigError`, and then nothing was written.
    """
    document = require_place(path, direction, name, find_kinds)
    file = _file(document, direction, name)
    catalogue = find_kinds(frozenset([str(keys["kind"])]))
    known = catalogue.channels if direction == "channel" else catalogue.backends
    kind = known.get(str(keys["kind"]))
    shown, secrets = _set_apart(keys, kind.Config if kind else None, file.stem)
    written = Written(file, {key: file.parent / beside for key, (beside, _) in secrets.items()})
    for beside in written.secrets.values():
        if beside.exists():
            hint = "remove it, or choose another name"
            raise ConfigError([Problem(str(beside), "", "is there already", hint)])
    text = f"# Written by omnigate {direction} add; yours to edit.\n\n"
    text += tomli_w.dumps({f"{direction}s": {name: shown}})
    try:
        for key, (_, secret) in secrets.items():
            _create(written.secrets[key], f"{secret}\n", document.path)
        _create(file, text, document.path)
        loading.load(document.path, find_kinds)
    except BaseException:
        written.discard()
        raise
    return written


def remove(
    path: Path | None,
    direction: Direction,
    name: str,
    find_kinds: FindKinds,
) -> Path:
    """Delete the files that `write` made for a section and return the path of the section's own.

    Raises `ConfigError`, and then the file is as it was: when the section stands elsewhere or other
    things stand with it, since an operator's file is never rewritten, and when the configuration
    would be refused without it.
    """
    document = reading.read(reading.find(path))
    place = (f"{direction}s", name)
    if name not in dict(tables(document, direction)):
        raise ConfigError([Problem(str(document.path), reading.dotted(place), "there is none")])
    file = document.origin(place)
    if file != _file(document, direction, name):
        hint = "take it out there, then: omnigate reload"
        raise ConfigError(
            [Problem(str(file), reading.dotted(place), "was not written by a command", hint)]
        )
    _require_alone(file, place)
    _require_dispensable(document, file, place, find_kinds)
    beside = _named_beside(document.table[place[0]][name], file)
    file.unlink()
    for secret in beside:
        secret.unlink(missing_ok=True)
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
    find_kinds: FindKinds,
) -> None:
    """Raise `ConfigError`, with what still names a section, when nothing would start without it."""
    try:
        loading.load(document.path, find_kinds, without=file)
    except ConfigError as error:
        message = "is kept: without it the configuration is refused"
        first = Problem(str(file), reading.dotted(place), message, "correct what follows first")
        raise ConfigError([first, *error.problems]) from None


def _require_name(document: Document, direction: Direction, name: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name):
        place = reading.dotted((f"{direction}s", name))
        problem = Problem(str(document.path), place, "is not a usable name", NAME_RULE)
        raise ConfigError([problem])


def _require_free(document: Document, direction: Direction, name: str) -> None:
    place = (f"{direction}s", name)
    if name in dict(tables(document, direction)):
        problem = document.problem(place, "is there already", "choose another name, or edit it")
        raise ConfigError([problem])
    if (file := _file(document, direction, name)).exists():
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


def _file(document: Document, direction: Direction, name: str) -> Path:
    return document.path.parent / DIRECTORY / f"{direction}-{name}.toml"


def _set_apart(
    keys: Mapping[str, Any], annotation: Any, stem: str
) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """Return the keys with every secret named, and the secrets: key → name of its file, and its text.

    Secrets in lists and in tables without fixed keys stay where they are.
    """
    shown: dict[str, Any] = {}
    apart: dict[str, tuple[str, str]] = {}
    for key, value in keys.items():
        here = keys_of.below(annotation, key) if annotation is not None else None
        if isinstance(value, str) and key in keys_of.fields(annotation):
            if keys_of.is_secret(here):
                apart[key] = (f"{stem}.{key}", value)
                value = {"file": f"{stem}.{key}"}
        elif isinstance(value, dict) and not keys_of.is_secret(here):
            value, inner = _set_apart(value, here, f"{stem}.{key}")
            apart |= {f"{key}.{each}": found for each, found in inner.items()}
        shown[key] = value
    return shown, apart


def _named_beside(value: Any, file: Path) -> list[Path]:
    """Return the secret files that `write` made for a section: nobody else's have such names."""
    if not isinstance(value, dict):
        return []
    name = value.get("file")
    if isinstance(name, str) and "/" not in name and name.startswith(f"{file.stem}."):
        return [file.parent / name]
    return [found for each in value.values() for found in _named_beside(each, file)]


def _create(file: Path, text: str, like: Path) -> None:
    """Write a new file for those who read the operator's own file, since it is secret; never half of it."""
    draft = file.with_name(f"{file.name}.new")
    try:
        if not file.parent.is_dir():
            file.parent.mkdir(mode=0o700)
            share(file.parent, like)
        draft.touch(mode=0o600)
        with draft.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        share(draft, like)
        draft.replace(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        reason = f"cannot be written: {(error.strerror or str(error)).lower()}"
        raise ConfigError([Problem(str(file), "", reason, "run this as its owner")]) from None
