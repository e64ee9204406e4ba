"""The JSON Schema of the whole file, for editors that check while one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from omnigate.config.sections import Catalogue
from omnigate.config.settings import NAME_PATTERN, Settings

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_SECRET: Final = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "properties": {"env": {"type": "string"}},
            "required": ["env"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"file": {"type": "string"}},
            "required": ["file"],
            "additionalProperties": False,
        },
    ]
}


def schema(catalogue: Catalogue) -> dict[str, Any]:
    """Return the schema (draft 2020-12) for the settings and the kinds of this catalogue."""
    document = Settings.model_json_schema(mode="validation")
    definitions: dict[str, Any] = document.setdefault("$defs", {})
    channels = {kind: item.Config for kind, item in sorted(catalogue.channels.items())}
    backends = {kind: item.Config for kind, item in sorted(catalogue.backends.items())}
    document["properties"]["channels"] = _named(document, "channels", channels, definitions)
    document["properties"]["backends"] = _named(document, "backends", backends, definitions)
    document["title"] = "omnigate.toml"
    secretive: dict[str, Any] = _with_sources({"$schema": _DRAFT, **document})
    return secretive


def _named(
    document: dict[str, Any],
    key: str,
    models: Mapping[str, type[BaseModel]],
    definitions: dict[str, Any],
) -> dict[str, Any]:
    """Return the schema of a table of sections, whose kind chooses what else they may hold."""
    variants: list[dict[str, Any]] = []
    for kind, model in models.items():
        prefix = f"{key}.{kind}."
        template = f"#/$defs/{prefix}{{model}}"
        variant = model.model_json_schema(mode="validation", ref_template=template)
        for name, definition in variant.pop("$defs", {}).items():
            definitions[prefix + name] = definition
        variant["title"] = kind
        variant["properties"] = {"kind": {"const": kind}, **variant["properties"]}
        variant["required"] = ["kind", *variant.get("required", [])]
        variants.append(variant)
    return {
        "type": "object",
        "description": document["properties"][key]["description"],
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": {"oneOf": variants} if variants else False,
    }


def _with_sources(value: Any) -> Any:
    """Allow ``{ env = … }`` and ``{ file = … }`` wherever a secret may stand."""
    if isinstance(value, list):
        return [_with_sources(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("format") == "password" and value.get("writeOnly"):
        kept = {key: item for key, item in value.items() if key in ("title", "description")}
        return {**kept, **_SECRET}
    return {key: _with_sources(item) for key, item in value.items()}
