"""Find the configuration, read it with its drop-ins, and remember which file says what.

Tables of several files are merged and routes are appended in the order of the files; a value that
two files set is a mistake, because which one wins would depend on their names.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from omnigate.config.lines import Lines, Place
from omnigate.errors import ConfigError, Problem

ENVIRONMENT: Final = "OMNIGATE_CONFIG"
DEFAULT_PATHS: Final = (Path("omnigate.toml"), Path("/etc/omnigate/omnigate.toml"))

_MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_PATTERN_CHARACTERS: Final = frozenset("*?[")


@dataclass(slots=True)
class Document:
    """The merged tables, as written, and where each value came from."""

    path: Path
    """The main file, absolute."""
    table: dict[str, Any] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    origins: dict[Place, Path] = field(default_factory=dict)
    unresolved: set[Place] = field(default_factory=set)
    """Places whose secret was not found: said once, so not checked further."""
    literal_secrets: set[Path] = field(default_factory=set)
    """Files of the configuration that hold a secret themselves."""
    secret_files: set[Path] = field(default_factory=set)
    """Files that the configuration takes secrets from."""
    texts: dict[Path, str] = field(default_factory=dict)
    """What stands in the files."""
    lines: dict[Path, Lines] = field(default_factory=dict)
    """Of the files that had to be looked into because something is wrong."""

    def origin(self, place: Place) -> Path:
        """Return the file that says this, or the nearest thing around it."""
        while place:
            if place in self.origins:
                return self.origins[place]
            place = place[:-1]
        return self.path

    def problem(self, place: Place, message: str, hint: str = "") -> Problem:
        """Return a mistake at this place."""
        return self.problem_in(self.origin(place), place, message, hint)

    def problem_in(self, path: Path, place: Place, message: str, hint: str = "") -> Problem:
        """Return a mistake at a place of a file."""
        return Problem(str(path), dotted(place), message, hint, self._line(path, place))

    def _line(self, path: Path, place: Place) -> int | None:
        if path not in self.texts:
            return None
        if path not in self.lines:
            self.lines[path] = Lines(self.texts[path])
        match place:
            case ("routes", int(index), *below):
                # Counted over all files: here those of this one.
                others = sum(self.origins.get(("routes", it)) != path for it in range(index))
                place = ("routes", index - others, *below)
        return self.lines[path].of(place)


def dotted(place: Place) -> str:
    """Return a place as people write it: ``channels.site.kind``, ``routes[0].backends``."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def find(path: Path | None = None) -> Path:
    """Return the main file: the one given, $OMNIGATE_CONFIG, or the first of the usual places.

    Raises `ConfigError` when there is none.
    """
    given = os.environ.get(ENVIRONMENT)
    if path is not None:
        source, wanted = "--config", path
    elif given:
        source, wanted = f"${ENVIRONMENT}", Path(given)
    else:
        for usual in DEFAULT_PATHS:
            if _is_file(usual):
                return usual.absolute()
        looked = " nor ".join(str(usual) for usual in DEFAULT_PATHS)
        raise ConfigError(
            [
                Problem(
                    "configuration",
                    "",
                    f"there is neither {looked}",
                    "write one with: omnigate init; or name yours with --config",
                )
            ]
        )
    if not _is_file(wanted):
        what = "is a directory" if wanted.is_dir() else "does not exist"
        raise ConfigError(
            [Problem(str(wanted), "", f"the file named by {source} {what}", "check the path")]
        )
    return wanted.absolute()


def read(path: Path, *, without: Path | None = None) -> Document:
    """Read the main file and what it includes; mistakes are collected in the document.

    The drop-in ``without`` is taken not to be there. Raises `ConfigError` only when the main file
    itself cannot be read.
    """
    document = Document(path)
    _merge(document, _parse(document, path), path, ())
    for drop_in in _included(document, without):
        try:
            table = _parse(document, drop_in)
        except ConfigError as error:
            document.problems.extend(error.problems)
            continue
        if table.pop("include", None) is not None:
            document.problems.append(
                document.problem_in(drop_in, ("include",), "only the main file may include others")
            )
        _merge(document, table, drop_in, ())
    return document


def _is_file(path: Path) -> bool:
    """Tell whether a file is there; True also for one in a closed directory: reading it tells."""
    try:
        return path.is_file()
    except PermissionError:
        return True


def _parse(document: Document, path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigError([Problem(str(path), "", "is too large for a configuration")])
        document.texts[path] = text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        is_closed = isinstance(error, PermissionError)
        hint = "run this as root or as the daemon's user, or check its owner and mode"
        message = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise ConfigError([Problem(str(path), "", message, hint if is_closed else "")]) from None
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text: byte {error.start} does not fit"
        raise ConfigError([Problem(str(path), "", message, "save it as UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        hint = "texts stand in quotes, a table begins with [name]; see https://toml.io"
        raise ConfigError([Problem(str(path), "", f"is not TOML: {error}", hint)]) from None


def _included(document: Document, without: Path | None) -> list[Path]:
    """Return the drop-ins in the order of the patterns, each pattern's files by name."""
    patterns = document.table.get("include", [])
    if not isinstance(patterns, list):
        return []  # the check of types says so
    directory = document.path.parent
    found: list[Path] = []
    for index, pattern in enumerate(patterns):
        if not isinstance(pattern, str):
            continue
        if _PATTERN_CHARACTERS.isdisjoint(pattern):
            files = [directory / pattern]
            if not _is_file(files[0]) or files[0] == without:
                place = ("include", index)
                document.problems.append(document.problem(place, f"{files[0]} is not a file"))
                continue
        else:
            if (closed := _closed(directory / pattern)) is not None:
                message = f"{closed} cannot be listed"
                hint = "let the user that the daemon runs as read it"
                document.problems.append(document.problem(("include", index), message, hint))
            files = _glob(directory, pattern)
        found += [file for file in files if file not in (*found, document.path, without)]
    return found


def _closed(pattern: Path) -> Path | None:
    """Return the directory that a pattern looks into if it is there and this user may not."""
    steps = [step for step in pattern.parents if _PATTERN_CHARACTERS.isdisjoint(str(step))]
    nearest = next(step for step in steps if not _is_missing(step))
    return None if os.access(nearest, os.R_OK | os.X_OK) else nearest


def _is_missing(directory: Path) -> bool:
    try:
        return not directory.is_dir()
    except PermissionError:
        return False


def _glob(directory: Path, pattern: str) -> list[Path]:
    below = Path(pattern)
    if below.is_absolute():
        directory, below = Path(below.anchor), below.relative_to(below.anchor)
    return sorted(file for file in directory.glob(str(below)) if _is_file(file))


def _merge(document: Document, table: dict[str, Any], path: Path, place: Place) -> None:
    if not place:
        document.files.append(path)
    target = document.table
    for step in place:
        target = target[str(step)]
    for key, value in table.items():
        here = (*place, key)
        known = target.get(key)
        if key not in target:
            target[key] = {} if isinstance(value, dict) else value
            document.origins[here] = path
            if isinstance(value, dict):
                _merge(document, value, path, here)
            elif isinstance(value, list):
                _remember(document, here, value, path, 0)
        elif isinstance(known, dict) and isinstance(value, dict) and _mergeable(here):
            _merge(document, value, path, here)
        elif here == ("routes",) and isinstance(known, list) and isinstance(value, list):
            _remember(document, here, value, path, len(known))
            target[key] = [*known, *value]
        else:
            first = document.origin(here)
            document.problems.append(
                document.problem_in(path, here, f"is set already in {first}", "keep one of them")
            )


def _mergeable(place: Place) -> bool:
    """Tell whether several files may add to a table: one channel or backend stands in one file."""
    return len(place) == 1


def _remember(document: Document, place: Place, items: list[Any], path: Path, start: int) -> None:
    for index in range(start, start + len(items)):
        document.origins[(*place, index)] = path
