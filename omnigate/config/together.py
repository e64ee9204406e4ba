"""What keys must not say together, found although other keys are wrong: one look shows all mistakes.

A model checks itself as a whole only where each key is good, and ends with the first rule that is broken.
Here what is good is put into an instance by itself, tables in tables and in lists too, and all rules of the
model are asked about that: one that reads a key which is wrong or missing finds nothing there and says
nothing. A plugin needs nothing for it but a rule a validator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from omnigate.config.annotations import below, key_of, models
from omnigate.config.checking import plain
from omnigate.config.lines import Place
from omnigate.config.reading import Document, dotted


class _Unusable(Exception):
    """Nothing of a value can be looked at."""


def as_far_as_good(
    document: Document, place: Place, model: type[BaseModel], value: dict[str, Any]
) -> BaseModel:
    """Return what is good of a table that has mistakes, and note what its keys must not say together.

    The mistakes of single keys stand in the document already. Keys that are wrong or missing are not set:
    reading them raises ``AttributeError``.
    """
    good = _instance(document, place, model, value)
    for where, part in _tables(good, place):
        for text in _contradictions(part):
            problem = document.problem(where, plain(text))
            known = {(each.key, each.message) for each in document.problems}
            if (dotted(where), problem.message) not in known:
                document.problems.append(problem)
    return good


def _instance(
    document: Document, place: Place, model: type[BaseModel], value: dict[str, Any]
) -> BaseModel:
    made = model.model_construct()
    for name, field in model.model_fields.items():
        key = key_of(name, field)
        if key not in value:
            continue  # the default stands; without one nothing does
        made.__dict__.pop(name, None)
        try:
            whole = field.rebuild_annotation()
            made.__dict__[name] = _good(document, (*place, key), whole, value[key])
        except _Unusable:
            continue
    return made


def _good(document: Document, place: Place, annotation: Any, value: Any) -> Any:
    """Return a value as its type understands it, or what is good of its tables; raises `_Unusable`."""
    if place in document.unresolved:
        raise _Unusable
    try:
        understood = TypeAdapter[Any](annotation).validate_python(value)
    except ValidationError:
        return _in_part(document, place, annotation, value)
    if _is_refused(document, place):  # by a validator of the model that it is a field of
        raise _Unusable
    return understood


def _in_part(document: Document, place: Place, annotation: Any, value: Any) -> Any:
    match list(models(annotation)):
        case [model]:
            return _instance(document, place, model, _as_table(model, value))
        case [_, *_]:
            raise _Unusable  # nobody knows which of them is meant
    if _is_refused(document, place):
        raise _Unusable
    if isinstance(value, list):
        inside = below(annotation, 0)
        return [_good(document, (*place, at), inside, each) for at, each in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            key: _good(document, (*place, key), below(annotation, key), each)
            for key, each in value.items()
        }
    raise _Unusable


def _as_table(model: type[BaseModel], value: Any) -> dict[str, Any]:
    """Return what stands for a table, short forms written out by the model itself; raises `_Unusable`."""
    for name, check in model.__pydantic_decorators__.model_validators.items():
        if check.info.mode == "before":
            try:
                value = getattr(model, name)(value)
            except Exception:
                raise _Unusable from None  # it is refused: reported by itself
    if not isinstance(value, dict):
        raise _Unusable
    return value


def _is_refused(document: Document, place: Place) -> bool:
    return any(each.key == dotted(place) for each in document.problems)


def _tables(good: Any, place: Place) -> Iterator[tuple[Place, BaseModel]]:
    """Return all tables in what is good, each with its place, the outer ones first."""
    inside: Iterator[tuple[str | int, Any]]
    match good:
        case BaseModel():
            yield place, good
            fields = type(good).model_fields.items()
            inside = ((key_of(name, field), good.__dict__.get(name)) for name, field in fields)
        case list():
            inside = enumerate(good)
        case Mapping():
            inside = ((str(key), each) for key, each in good.items())
        case _:
            return
    for step, each in inside:
        yield from _tables(each, (*place, step))


def _contradictions(table: BaseModel) -> Iterator[str]:
    """Ask all of a model's own checks of the whole; pydantic ends with the first that complains."""
    for name, check in type(table).__pydantic_decorators__.model_validators.items():
        if check.info.mode != "after":
            continue
        try:
            getattr(table, name)()
        except ValueError as error:
            yield str(error)
        except Exception:  # noqa: S112  # it reads what is not there: reported by itself
            continue
