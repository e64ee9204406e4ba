"""The OpenAPI 3.1 document, made of the operations and their models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from omnigate.server.operations import Operation
from omnigate.server.problems import CONTENT_TYPE, Problem

_REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")

Mode = Literal["validation", "serialization"]
Schemas = Mapping[Any, dict[str, Any]]


def document(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """Return the document as JSON-able data."""
    wanted: list[tuple[type[BaseModel], Mode]] = [(Problem, "serialization")]
    for operation in operations:
        if operation.body is not None:
            wanted.append((operation.body, "validation"))
        if operation.answers is not None:
            wanted.append((operation.answers, "serialization"))
        wanted += [(answers, "serialization") for _, answers in operation.also]
    schemas, components = models_json_schema(
        list(dict.fromkeys(wanted)), ref_template=_REF, title="Omnigate"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Omnigate",
            "version": version,
            "description": "One daemon between every channel a customer writes on and any CRM.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components.get("$defs", {}),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "omnigate token create NAME --scope SCOPE",
                }
            },
        },
    }


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _identifier(operation),
        "tags": [_tag(operation)],
        "parameters": [*_path_parameters(operation), *_query(operation), *_headers(operation)],
        "responses": _responses(operation, schemas),
    }
    if operation.secured:
        described["security"] = [{"token": []}]
        described["description"] = f"Needs the scope `{operation.scope}`."
    body = _body(operation, schemas)
    if body is not None:
        described["requestBody"] = body
    return described


def _body(operation: Operation, schemas: Schemas) -> dict[str, Any] | None:
    if operation.raw_body:
        content: dict[str, Any] = {kind: {} for kind in operation.raw_body}
        if "multipart/form-data" in content:
            file = {"type": "string", "contentMediaType": "application/octet-stream"}
            schema = {"type": "object", "required": ["file"], "properties": {"file": file}}
            content["multipart/form-data"] = {"schema": schema}
        return {"required": True, "content": content}
    if operation.body is None:
        return None
    schema = schemas[operation.body, "validation"]
    return {
        "required": operation.body_required,
        "content": {"application/json": {"schema": schema}},
    }


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.answers is not None:
        schema = schemas[operation.answers, "serialization"]
        success["content"] = {operation.answer_type: {"schema": schema}}
    elif operation.status != 204:
        success["content"] = {operation.answer_type: {}}
    problem = {CONTENT_TYPE: {"schema": schemas[Problem, "serialization"]}}
    responses: dict[str, Any] = {str(operation.status): success}
    for status, answers in operation.also:
        content = {"application/json": {"schema": schemas[answers, "serialization"]}}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    for status in sorted(set(_errors(operation))):
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    responses["default"] = {"description": "Any other error", "content": problem}
    return responses


def _errors(operation: Operation) -> Iterable[int]:
    yield from operation.errors
    if operation.secured:
        yield from (401, 403)
    if operation.query is not None:
        yield 400
    if operation.raw_body:
        yield from (400, 408, 413, 503)
    if operation.body is not None:
        yield from (400, 408, 413, 415, 422, 503)


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(operation.path)
    ]


def _query(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema()
    required = schema.get("required", ())
    parameters = []
    for name, field in schema["properties"].items():
        described = {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _without_null(field),
        }
        if "description" in field:
            described["description"] = field["description"]
        parameters.append(described)
    return parameters


def _without_null(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter: one that is left out is simply not there, never null."""
    kept = {
        key: value
        for key, value in field.items()
        if key not in ("title", "description", "anyOf") and (key, value) != ("default", None)
    }
    given = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    if len(given) == 1:
        kept.update(given[0])
    elif given:
        kept["anyOf"] = given
    return kept


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": meaning,
            "schema": {"type": "string"},
        }
        for name, meaning in operation.headers
    ]


def _identifier(operation: Operation) -> str:
    """Return a name such as ``messages_send``, after the module and the function that answers."""
    return f"{operation.run.__module__.rpartition('.')[2]}_{operation.run.__name__}"


def _tag(operation: Operation) -> str:
    return operation.path.removeprefix("/v1").strip("/").partition("/")[0].partition(".")[0]
