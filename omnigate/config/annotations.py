"""What a model says about a place: pydantic fields followed key by key, as a file nests them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo


def alternatives(annotation: Any) -> Iterator[Any]:
    """Return the members of a union, each without ``Annotated``; the type itself if it is none."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from alternatives(member)
    else:
        yield annotation


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Return the models among the alternatives."""
    for member in alternatives(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member


def key_of(name: str, field: FieldInfo) -> str:
    """Return how a field is written in the file: its alias, if it has one."""
    return field.alias or name


def fields(annotation: Any) -> dict[str, FieldInfo]:
    """Return the keys that a table of this type may have."""
    return {
        key_of(name, field): field
        for model in models(annotation)
        for name, field in model.model_fields.items()
    }


def below(annotation: Any, step: str | int) -> Any:
    """Return the type of what stands under a key or an index; None when nothing is known of it."""
    if isinstance(step, str) and step in (known := fields(annotation)):
        return known[step].annotation
    for member in alternatives(annotation):
        origin, arguments = get_origin(member), get_args(member)
        if not isinstance(origin, type) or not arguments:
            continue
        if issubclass(origin, Mapping) and isinstance(step, str):
            return arguments[-1]
        if issubclass(origin, Iterable) and isinstance(step, int):
            return arguments[0]
    return None


def is_secret(annotation: Any) -> bool:
    """Tell whether a secret may stand here."""
    return any(member in (SecretStr, SecretBytes) for member in alternatives(annotation))


def choices(annotation: Any) -> list[str]:
    """Return the words that may stand here, when only certain words may."""
    return [
        str(word)
        for member in alternatives(annotation)
        if get_origin(member) is Literal
        for word in get_args(member)
    ]
