"""What a page tells of its visitor, and the memory of it until there is a conversation to keep it.

A broken value of a page must not cost the conversation: texts are cut, what does not fit is left
out. What only the server knows (network address, city) cannot be set from a page.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WrapValidator
from pydantic_core import core_schema

import omnigate

_LINK_CHARACTERS: Final = 2000
_TRAIL: Final = 20
_CUSTOM_FIELDS: Final = 50


def web_link(value: Any) -> str | None:
    """Return the value when it is an http or https address of at most 2 000 characters, else None."""
    if not isinstance(value, str) or len(value) > _LINK_CHARACTERS:
        return None
    return value if value.lower().startswith(("https://", "http://")) else None


def _short(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value.strip() else None


def _or_none(value: Any, handler: core_schema.ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValueError:
        return None


def _latest(value: Any) -> Any:
    visits = value[-_TRAIL:] if isinstance(value, list) else []
    return [visit for visit in visits if isinstance(visit, dict) and web_link(visit.get("url"))]


def _scalars(value: Any) -> dict[str, Any]:
    """Return the fields that are plain values, cut, at most fifty."""
    if not isinstance(value, dict):
        return {}
    plain = {
        key[:100]: field[:1000] if isinstance(field, str) else field
        for key, field in value.items()
        if isinstance(key, str) and key and _is_scalar(field)
    }
    return dict(list(plain.items())[:_CUSTOM_FIELDS])


def _is_scalar(value: Any) -> bool:
    if isinstance(value, float):
        return value - value == 0  # neither NaN nor an infinity
    if isinstance(value, int):
        return abs(value) <= 2**53
    return value is None or isinstance(value, str)


PageLink = Annotated[str | None, BeforeValidator(web_link)]
Line = Annotated[str | None, BeforeValidator(_short)]


class _Utm(omnigate.Payload):
    source: Line = None
    medium: Line = None
    campaign: Line = None
    term: Line = None
    content: Line = None


class _Visit(omnigate.Payload):
    url: PageLink = None
    title: Line = None
    at: Annotated[omnigate.Timestamp | None, WrapValidator(_or_none)] = None


class VisitorContext(omnigate.Payload):
    """The part of a conversation's context that a page may tell."""

    page: PageLink = None
    title: Line = None
    referrer: PageLink = None
    landing_page: PageLink = None
    utm_first: Annotated[_Utm | None, WrapValidator(_or_none)] = None
    utm_last: Annotated[_Utm | None, WrapValidator(_or_none)] = None
    trail: Annotated[list[_Visit], BeforeValidator(_latest)] = Field(default=[])
    language: Line = None
    time_zone: Line = None
    viewport: Line = None
    visits: Annotated[int | None, Field(ge=0, le=2**31), WrapValidator(_or_none)] = None
    custom: Annotated[dict[str, Any], BeforeValidator(_scalars)] = Field(default={})

    def facts(self) -> omnigate.Context:
        """Return what was told, in the model's terms; only fields that say something are set."""
        told = self.model_dump(mode="json", exclude_unset=True)
        return omnigate.Context.model_validate(
            {name: value for name, value in told.items() if value not in (None, {}, [])}
        )


def merged(old: omnigate.Context | None, new: omnigate.Context) -> omnigate.Context:
    """Return the old facts with the new ones over them, custom fields key by key."""
    if old is None:
        return new
    told = {
        **old.model_dump(mode="json", exclude_unset=True),
        **new.model_dump(mode="json", exclude_unset=True),
    }
    custom = {**old.custom, **new.custom}
    if custom:
        told["custom"] = dict(list(custom.items())[-_CUSTOM_FIELDS:])
    return omnigate.Context.model_validate(told)


@dataclass(slots=True)
class _Kept:
    body: bytes
    told: bool
    """The host has it already."""


class Visits:
    """The context of each visitor, in memory of a fixed size; the oldest are forgotten first.

    Nothing is stored for people who only look. After a restart their context is asked for again
    (`knows` says no and the widget takes a new session).
    """

    def __init__(self, limit_bytes: int = 16 * 1024 * 1024) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def knows(self, visitor: str) -> bool:
        """Tell whether the visitor's context is here."""
        return visitor in self._kept

    def learn(self, visitor: str, facts: omnigate.Context) -> None:
        """Add facts; they travel with the visitor's next message."""
        before = self._kept.pop(visitor, None)
        old = None if before is None else omnigate.Context.model_validate_json(before.body)
        context = merged(old, facts)
        body = json.dumps(context.model_dump(mode="json", exclude_unset=True)).encode()
        changed = before is None or body != before.body
        self._kept[visitor] = _Kept(body, told=not changed and before is not None and before.told)
        self._size_bytes += len(body) - (0 if before is None else len(before.body))
        while self._size_bytes > self._limit_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._size_bytes -= len(oldest.body)

    def take_news(self, visitor: str) -> omnigate.Context | None:
        """Return the visitor's context if the host has not got it yet, and count it as told."""
        kept = self._kept.get(visitor)
        if kept is None or kept.told:
            return None
        kept.told = True
        return omnigate.Context.model_validate_json(kept.body)

    def give_back(self, visitor: str) -> None:
        """Say that what was taken did not reach the host: it is taken again with the next message."""
        if visitor in self._kept:
            self._kept[visitor].told = False
