"""The frozen bases of all data, and text that is safe to store and to forward."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import from_json


class Model(BaseModel):
    """Frozen data that Omnigate defines: unknown fields are errors, errors never print the input.

    Validators are built when they are first used, here and in the other bases: a command needs few of them.
    """

    model_config = ConfigDict(
        defer_build=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        # Schemas say what the docstrings say, and that an envelope has all of its fields.
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


class Payload(BaseModel):
    """Frozen data that somebody else defines: unknown fields are ignored, errors never print them.

    The base for what a platform posts: name the fields as the platform names them.
    """

    model_config = ConfigDict(
        defer_build=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
    )


def clean_text(value: Any) -> Any:
    """Return text without NUL and with lone surrogates replaced; anything else as it is."""
    if not isinstance(value, str):
        return value
    if not value.isascii():
        # UTF-16 joins surrogates that stand in pairs and shows the lone ones.
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value.replace("\0", "")


Text = Annotated[str, BeforeValidator(clean_text)]
"""Valid Unicode without NUL: what a plugin hands in is cleaned, never refused."""

ShortText = Annotated[str, BeforeValidator(clean_text), StringConstraints(max_length=1000)]
"""A name, a title, an identifier of a platform: at most 1 000 characters."""

ExternalId = Annotated[
    str, BeforeValidator(clean_text), StringConstraints(min_length=1, max_length=500)
]
"""An identifier made by the platform: opaque, at most 500 characters."""


_DEEPEST: Final = 64


def clean_json(value: Any, _depth: int = 0) -> Any:
    """Return JSON of somebody else's with its text cleaned and NaN and infinities as null.

    Raises ``ValueError`` when it is nested deeper than 64 levels.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, dict | list):
        return value
    if _depth == _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, dict):
        return {clean_text(key): clean_json(inner, _depth + 1) for key, inner in value.items()}
    return [clean_json(inner, _depth + 1) for inner in value]


JsonObject = Annotated[dict[str, Any], AfterValidator(clean_json)]
"""Whatever a platform or a CRM adds of its own: stored and forwarded as it is, but for `clean_json`."""


def _milliseconds(moment: datetime) -> datetime:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        # The first and the last day of the calendar, seen from elsewhere.
        raise ValueError("the time is out of range") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def rfc3339(moment: datetime) -> str:
    """Return an aware time as the envelope writes it: UTC, milliseconds, ``Z``."""
    moment = moment.astimezone(UTC)
    # Not by strftime: it writes early years with fewer than four digits.
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


Timestamp = Annotated[
    AwareDatetime,
    AfterValidator(_milliseconds),
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An aware time, kept in UTC to the millisecond."""


def read_json(body: bytes) -> Any:
    """Return what JSON of somebody else's says, half surrogate pairs in it replaced.

    A text that a platform cut within an emoji must not cost what stands beside it. Raises ``ValueError``
    for what is no JSON, or is nested too deeply.
    """
    try:
        return from_json(body)
    except ValueError:  # it refuses half a pair, and very deep nesting
        pass
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return json.loads(clean_text(text))
