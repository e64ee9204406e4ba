"""JSON of the platform, in which half of an emoji may stand where a text was cut."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json


def read_json(body: bytes) -> Any:
    """Return what JSON says, half surrogate pairs replaced: they must not cost what stands beside them.

    Raises ``ValueError`` for what is no JSON.
    """
    try:
        return from_json(body)
    except ValueError:  # it refuses half a pair, and very deep nesting
        return _leniently(body)


def _leniently(body: bytes) -> Any:
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
        return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
