"""Secrets: written as themselves, as ``{ env = "NAME" }`` or as ``{ file = "path" }``.

Only where a model asks for a ``SecretStr``. A relative file is taken from the directory of the file
that names it, and its last line break is not part of the secret.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from omnigate.config.annotations import below, is_secret
from omnigate.config.lines import Place
from omnigate.config.reading import Document
from omnigate.errors import Problem

_MAX_SECRET_BYTES: Final = 64 * 1024


def resolve(document: Document, place: Place, value: Any, annotation: Any) -> Any:
    """Return a section with every named secret in its place.

    What cannot be found becomes a problem of the document and an empty text; files that hold secrets
    are noted in the document too.
    """
    if isinstance(value, dict):
        if is_secret(annotation) and value.keys() & {"env", "file"}:
            return _named(document, place, value)
        return {
            key: resolve(document, (*place, key), item, below(annotation, key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            resolve(document, (*place, index), item, below(annotation, index))
            for index, item in enumerate(value)
        ]
    if isinstance(value, str) and value and is_secret(annotation):
        document.literal_secrets.add(document.origin(place))
    return value


def _named(document: Document, place: Place, value: dict[str, Any]) -> str:
    secret: str | Problem
    match value:
        case {"env": str(name), **rest} if not rest:
            secret = os.environ.get(name) or document.problem(
                place, f"the environment variable {name} is not set", _hint(name)
            )
        case {"file": str(name), **rest} if not rest:
            secret = _from_file(document, place, document.origin(place).parent / name)
        case _:
            secret = document.problem(
                place, 'expected { env = "NAME" }, { file = "path" } or the secret itself'
            )
    if isinstance(secret, Problem):
        document.problems.append(secret)
        document.unresolved.add(place)
        return ""
    return secret


def _hint(name: str) -> str:
    return f"export {name} before the start, or set it in the service's environment file"


def _from_file(document: Document, place: Place, path: Path) -> str | Problem:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SECRET_BYTES + 1)
        text = content.decode()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return document.problem(place, f"{path} cannot be read: {reason}", "check path and mode")
    except UnicodeDecodeError:
        return document.problem(place, f"{path} is not UTF-8 text", "secrets are text")
    if len(content) > _MAX_SECRET_BYTES:
        return document.problem(place, f"{path} is too large for a secret", "name another file")
    document.secret_files.add(path)
    secret = text.removesuffix("\n").removesuffix("\r")
    return secret or document.problem(place, f"{path} is empty", "write the secret into it")
