"""JSON from outside: what the parser lets through and we do not."""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json

from omnigate.server.problems import Denied

MAX_DEPTH: Final = 64


def check(content: bytes) -> None:
    """Raise 400 unless the content is JSON of bounded depth, without NaN, Infinity and NUL.

    Numbers of any size stay exact; lone surrogates are refused by the parser.
    """
    try:
        value = from_json(content, allow_inf_nan=False, cache_strings=False)
    except ValueError as error:
        raise Denied(400, f"The body is not JSON: {_said(error)}.") from None
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise Denied(400, f"The body is nested deeper than {MAX_DEPTH} levels.")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, str):
        if "\0" in value:
            raise Denied(400, "The body has NUL characters in its text; leave them out.")
        return []
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _said(error: ValueError) -> str:
    # The parser quotes nothing of the body, only what it expected and where.
    return str(error).rstrip(".")[:200]
