"""``--set key=value``: texts of a command line become the keys of a section."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, get_origin

from omnigate.cli.failure import WrongUsage
from omnigate.config import annotations as keys_of
from omnigate.config.checking import did_you_mean

_WORDS: Final = {"true": True, "yes": True, "false": False, "no": False}
_LISTS: Final = (list, set, frozenset, tuple)


def keys_given(texts: Iterable[str], model: Any) -> dict[str, Any]:
    """Return the keys of ``key=value`` texts; raises `WrongUsage` naming the text that is none."""
    keys: dict[str, Any] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise WrongUsage(f"--set {text} has no value.", "Write it as --set key=value.")
        put(keys, key, value, model)
    return keys


def put(keys: dict[str, Any], key: str, text: str, model: Any) -> None:
    """Put a value under a key that may lead into tables: ``imap.host``.

    A list that is given again grows. Raises `WrongUsage` for a key that is not there, or given twice.
    """
    *tables, last = key.split(".")
    annotation: Any = model
    for step in tables:
        _require_known(key, step, annotation)
        annotation = keys_of.below(annotation, step)
        keys = keys.setdefault(step, {})
        if not isinstance(keys, dict):
            raise WrongUsage(f"{key} is given twice.", "Give it once.")
    _require_known(key, last, annotation)
    value = value_of(key, text, keys_of.below(annotation, last))
    known = keys.get(last)
    if isinstance(known, list) and isinstance(value, list):
        known += value
    elif last in keys:
        raise WrongUsage(f"{key} is given twice.", "Give it once.")
    else:
        keys[last] = value


def take_out(keys: dict[str, Any], key: str) -> None:
    """Take away what stands under a key that may lead into tables; nothing may stand there."""
    *tables, last = key.split(".")
    for step in tables:
        keys = keys.get(step, {})
        if not isinstance(keys, dict):
            return
    keys.pop(last, None)


def value_of(key: str, text: str, annotation: Any) -> Any:
    """Return what a text means as a value of this type; what cannot be told is checked later.

    A relative path of ``file:`` is taken from where the command was started. Raises `WrongUsage`.
    """
    members = list(keys_of.alternatives(annotation))
    if keys_of.is_secret(annotation):
        return _secret(key, text)
    kinds = [get_origin(member) or member for member in members]
    if text[:1] in ("[", "{") and any(kind is dict or kind in _LISTS for kind in kinds):
        return _toml(key, text)
    if text[:1] == "{" and next(keys_of.models(annotation), None) is not None:
        return _toml(key, text)
    if any(kind in _LISTS for kind in kinds):
        inner = keys_of.below(annotation, 0)
        return [value_of(key, part.strip(), inner) for part in text.split(",") if part.strip()]
    if bool in members and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for number in (int, float):
        if number in members:
            try:
                return number(text)
            except ValueError:
                continue
    return text


def _require_known(key: str, step: str, annotation: Any) -> None:
    if keys_of.below(annotation, step) is None:
        known = keys_of.fields(annotation)
        table = f"{key.rpartition('.')[0]}." if "." in key and key.endswith(f".{step}") else ""
        near = did_you_mean(step, known).replace("did you mean ", f"Did you mean {table}")
        hint = near or f"Known: {', '.join(table + name for name in known)}."
        raise WrongUsage(f"There is no key {key!r}.", hint if known else "")


def _secret(key: str, text: str) -> Any:
    source, separator, rest = text.partition(":")
    if not separator or source not in ("env", "file"):
        return text
    if not rest:
        what = "a variable" if source == "env" else "a file"
        raise WrongUsage(f"{key} names no {what.split()[1]}.", f"Name {what}: {key}={source}:…")
    if source == "env":
        return {"env": rest}
    file = Path(rest).expanduser().absolute()
    if not file.is_file():
        raise WrongUsage(f"{key}: there is no file {file}.", "A path is taken from where you are.")
    return {"file": str(file)}


def _toml(key: str, text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError as error:
        raise WrongUsage(
            f"{key} is no TOML: {error}.", 'Write lists as one,two or as \'["one", "two"]\'.'
        ) from None
