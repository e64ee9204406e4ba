"""The example file, made of the models: every key with its description and default.

Keys that have a default are commented out, so that the file says nothing it need not say; keys
without one show the first of their examples. A model may name keys that have to be seen all the
same, with values, as the ``examples`` of its own JSON Schema.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import tomli_w
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from omnigate.backend import BackendConfig
from omnigate.channel import ChannelConfig
from omnigate.config.annotations import alternatives, is_secret, key_of, models
from omnigate.config.sections import Catalogue
from omnigate.config.settings import Settings
from omnigate.config.tables import Route

_WIDTH: Final = 96
_HEADER: Final = """\
# Every key of omnigate.toml, with its default. Written by: omnigate config example
#
# A line without # has to be there; all others may be left out. A secret is written as itself, as
# { env = "NAME" } or as { file = "/path" }. Check yours with: omnigate check
"""


def example(catalogue: Catalogue) -> str:
    """Return a valid file with all settings and one section for each kind of the catalogue.

    Secrets are taken from environment variables, ``OMNIGATE_<SECTION>_<KEY>`` unless the model says
    otherwise.
    """
    blocks = [_HEADER]
    blocks.append("\n".join(_field("include", Settings.model_fields["include"], "")))
    for key, field in Settings.model_fields.items():
        if key not in ("include", "channels", "backends", "routes"):
            blocks.extend(_table(key, _only_model(field), title=_doc(_only_model(field))))
    for kind, channel in sorted(catalogue.channels.items()):
        blocks.extend(_table(f"channels.{kind}", channel.Config, kind=kind, title=channel.summary))
    for kind, backend in sorted(catalogue.backends.items()):
        blocks.extend(_table(f"backends.{kind}", backend.Config, kind=kind, title=backend.summary))
    if catalogue.channels and catalogue.backends:
        blocks.append(_routes(sorted(catalogue.backends)))
    return "\n".join(f"{block.rstrip()}\n" for block in blocks)


def keys(model: type[BaseModel], prefix: str = "") -> list[dict[str, Any]]:
    """Return every key of a section, those of inner tables dotted, as JSON-ready tables."""
    found: list[dict[str, Any]] = []
    for name, field in _ordered(model):
        key = prefix + key_of(name, field)
        inner = next(models(field.annotation), None)
        if inner is not None:
            found += keys(inner, f"{key}.")
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        found.append(
            {
                "key": key,
                "required": field.is_required(),
                "default": "" if default is None else _toml(default),
                "description": field.description or "",
            }
        )
    return found


def _ordered(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """Return the fields as one wants to read them: required, then the kind's own, then the common."""
    common = {*ChannelConfig.model_fields, *BackendConfig.model_fields}
    return sorted(
        model.model_fields.items(),
        key=lambda item: (not item[1].is_required(), item[0] in common),
    )


def _table(
    name: str,
    model: type[BaseModel],
    *,
    kind: str = "",
    title: str = "",
    mark: str = "",
    shown: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Return a table and after it the tables inside it; ``mark`` comments all of it out.

    What is to be ``shown`` of it is the first example of its model, unless an outer table says otherwise.
    """
    lines = [*_comment(title), f"{mark}[{name}]"]
    if kind:
        lines.append(f'{mark}kind = "{kind}"')
    shown = _shown(model) if shown is None else shown
    nested: list[tuple[str, str, type[BaseModel], FieldInfo]] = []
    for field_name, field in _ordered(model):
        key = key_of(field_name, field)
        inner = next(models(field.annotation), None)
        if inner is not None and any(item is inner for item in alternatives(field.annotation)):
            nested.append((field_name, f"{name}.{key}", inner, field))
        else:
            lines += _field(key, field, name, mark, shown)
    yield "\n".join(lines)
    for field_name, inner_name, inner, field in nested:
        inside = shown.get(field_name)
        is_there = field.is_required() or inside is not None
        yield from _table(
            inner_name,
            inner,
            title=field.description or _doc(inner),
            mark="" if is_there and not mark else "# ",
            shown=inside,
        )


def _shown(model: type[BaseModel]) -> dict[str, Any]:
    extra = model.model_config.get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, dict) else None
    first = examples[0] if isinstance(examples, list) and examples else {}
    return first if isinstance(first, dict) else {}


def _field(
    key: str, field: FieldInfo, table: str, mark: str = "", shown: Mapping[str, Any] | None = None
) -> list[str]:
    lines = _comment(field.description or "")
    if shown and key in shown:
        return [*lines, f"{mark}{key} = {_toml(shown[key])}"]
    required = field.is_required()
    value = None if required else field.get_default(call_default_factory=True)
    if value is None or value in ([], {}):
        if field.examples:
            value = field.examples[0]
        elif is_secret(field.annotation):
            variable = f"OMNIGATE_{table.partition('.')[2]}_{key}"
            value = {"env": variable.replace(".", "_").replace("-", "_").upper()}
        elif value is None:
            value = _placeholder(field.annotation)
    return [*lines, f"{mark if required else '# '}{key} = {_toml(value)}"]


def _placeholder(annotation: Any) -> Any:
    """Return something of the right shape for a key that names no example."""
    for member in alternatives(annotation):
        if member in (bool, int, float):
            return {bool: False, int: 0, float: 0.0}[member]
        if getattr(member, "__origin__", member) in (list, tuple, set, frozenset):
            return []
        if getattr(member, "__origin__", member) is dict:
            return {}
    return ""


def _toml(value: Any) -> str:
    """Return one value on one line; of models only what differs from their defaults."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(_toml(item) for item in value)}]"
    plain = to_jsonable_python(value)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return tomli_w.dumps({"x": plain}).removeprefix("x = ").rstrip("\n")


def _key(key: str) -> str:
    return tomli_w.dumps({key: 0}).partition(" =")[0]


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH, break_long_words=False)]


def _doc(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n")[0]


def _only_model(field: FieldInfo) -> type[BaseModel]:
    return next(models(field.annotation))


def _routes(backends: list[str]) -> str:
    lines = [*_comment(_doc(Route)), "[[routes]]"]
    for key, field in Route.model_fields.items():
        if key == "backends":
            lines += [*_comment(field.description or ""), f"backends = {_toml(backends)}"]
        else:
            lines += _field(key, field, "routes")
    return "\n".join(lines)
