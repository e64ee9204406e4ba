"""The OpenAPI document and the schemas: what is written there is what the server does."""

from __future__ import annotations

import json
import re

import jsonschema_rs
import pytest

from omnigate.model.event import EventType
from omnigate.server.app import ADMIN, PUBLIC, public_app
from omnigate.store.tokens import SCOPES

pytestmark = pytest.mark.anyio


async def test_document_and_routes_are_the_same(world):
    _, document = await world.call("GET", "/v1/openapi.json")
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    served = {
        (route.method, route.resource.canonical)
        for route in public_app(world.services).router.routes()
        if route.resource is not None
        and not route.resource.canonical.startswith("/channels")
        and route.method != "HEAD"
    }
    assert described == served


async def test_document_is_openapi_with_everything_defined(world):
    _, document = await world.call("GET", "/v1/openapi.json")
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"]
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(
            {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}
        )
    identifiers = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/calls"])
async def test_that_a_channel_has_sent_enough_is_among_the_answers(world, path):
    _, document = await world.call("GET", "/v1/openapi.json")
    assert "429" in document["paths"][path]["post"]["responses"]


async def test_the_operators_document_has_its_own_besides(world):
    _, public = await world.call("GET", "/v1/openapi.json")
    _, operators = await world.operate("GET", "/v1/openapi.json")
    assert set(public["paths"]) < set(operators["paths"])
    assert "/admin/status" not in public["paths"]
    assert "/admin/status" in operators["paths"]


@pytest.mark.parametrize("operation", [*PUBLIC, *ADMIN], ids=lambda row: f"{row.method} {row.path}")
def test_every_operation_needs_a_scope_or_is_meant_for_all(operation):
    for_all = {"/healthz", "/readyz", "/media/{id}", "/v1/schemas/{type}.json"}
    assert (operation.scope in SCOPES) != (operation.path in for_all)


@pytest.mark.parametrize("event_type", list(EventType))
async def test_every_type_of_event_has_its_schema(world, event_type):
    status, body, headers = await world.ask("GET", f"/v1/schemas/{event_type}.json")
    assert status == 200
    assert headers["Content-Type"].startswith("application/schema+json")
    assert "max-age" in headers["Cache-Control"]
    jsonschema_rs.meta.validate(json.loads(body))


@pytest.mark.parametrize("name", ["nothing", "message.received.json", "..%2f..%2fetc", "%00"])
async def test_unknown_schemas_are_404(world, name):
    assert (await world.call("GET", f"/v1/schemas/{name}.json"))[0] == 404


async def test_stored_events_are_as_their_schemas_say(world):
    await world.receive(attachments=[{"ref": {"id": 1}, "name": "a.png"}])
    await world.operate("POST", f"/v1/conversations/{await world.conversation()}/close")
    _, page = await world.operate("GET", "/v1/events")
    assert page["items"]
    for event in page["items"]:
        _, schema = await world.call("GET", f"/v1/schemas/{event['type']}.json")
        jsonschema_rs.validator_for(schema).validate(event)


async def test_answers_are_as_the_document_says(world):
    await world.receive()
    conversation = await world.conversation()
    _, document = await world.call("GET", "/v1/openapi.json")
    for path, url in (
        ("/v1/messages", "/v1/messages"),
        ("/v1/conversations", "/v1/conversations"),
        ("/v1/conversations/{id}", f"/v1/conversations/{conversation}"),
        ("/v1/conversations/{id}/messages", f"/v1/conversations/{conversation}/messages"),
        ("/v1/contacts", "/v1/contacts"),
        ("/v1/events", "/v1/events"),
    ):
        status, answer = await world.operate("GET", url)
        assert status == 200
        responses = document["paths"][path]["get"]["responses"]
        schema = responses["200"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        jsonschema_rs.validator_for(whole).validate(answer)
