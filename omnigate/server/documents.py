"""``/v1/openapi.json`` and ``/v1/schemas/…``: what the API and the events look like, for machines."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from aiohttp import web
from pydantic_core import to_json

from omnigate.model.event import EventType, json_schema
from omnigate.server.openapi import document
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied

_CACHE: Final = {"Cache-Control": "public, max-age=3600"}


@lru_cache(maxsize=len(EventType))
def schema_text(event_type: EventType) -> bytes:
    """Return the JSON Schema of a type of event."""
    return to_json(json_schema(event_type))


async def schema(call: Call) -> web.StreamResponse:
    """Answer with the JSON Schema of one type of event."""
    name = call.request.match_info["type"]
    if name not in set(EventType):
        raise Denied(404, "There is no such type of event; message.received is one.")
    return web.Response(
        body=schema_text(EventType(name)),
        content_type="application/schema+json",
        headers=_CACHE,
    )


def openapi(operations: tuple[Operation, ...], version: str) -> Operation:
    """Return the operation that answers with the document of these operations, itself included."""
    body: list[bytes] = []

    async def show(call: Call) -> web.StreamResponse:
        if not body:
            body.append(to_json(document((*operations, row), version)))
        return web.Response(body=body[0], content_type="application/json", headers=_CACHE)

    row = Operation(
        method="GET",
        path="/v1/openapi.json",
        summary="Describe this API",
        run=show,
    )
    return row


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/schemas/{type}.json",
        summary="Describe one type of event as JSON Schema",
        run=schema,
        answer_type="application/schema+json",
        errors=(404,),
    ),
)
