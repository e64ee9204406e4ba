"""JSON from outside: what the parser lets through and we do not."""

from __future__ import annotations

import math
from typing import Any, Final

from pydantic_core import from_json

from omnigate.server.problems import Denied, not_json

MAX_DEPTH: Final = 64


def check(content: bytes) -> Any:
    """Return what the content holds; 400 unless it is JSON of bounded depth without NaN, Infinity, NUL.

    Numbers of any size stay exact; lone surrogates are refused by the parser.
    """
    try:
        value = from_json(content, allow_inf_nan=False, cache_strings=False)
    except ValueError as error:
        raise not_json(_said(error)) from None
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level if _is_container(outer) for inner in _inside(outer)]
        if not level:
            return value
    raise Denied(400, f"The body is nested deeper than {MAX_DEPTH} levels.")


def _is_container(value: Any) -> bool:
    """Tell whether there is something inside; raises 400 for a scalar that no JSON should hold."""
    if isinstance(value, str) and "\0" in value:
        raise Denied(400, "The body has NUL characters in its text; leave them out.")
    if isinstance(value, float) and not math.isfinite(value):
        raise Denied(400, "The body has a number that is too large to be kept.")
    return isinstance(value, dict | list)


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return [*value.keys(), *value.values()] if isinstance(value, dict) else value


def _said(error: ValueError) -> str:
    # The parser quotes nothing of the body, only what it expected and where.
    return str(error).rstrip(".")[:200]
