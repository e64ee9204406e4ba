"""S43: whatever is sent to an operation of either document, by whomever, the server never fails."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from omnigate.server import operations
from omnigate.server.app import PUBLIC, admin_app
from omnigate.store.tokens import SCOPES

EXAMPLES = 15


@dataclass
class Served:
    """A world that is served from a thread of its own."""

    url: str
    admin_url: str
    """What the operator's socket serves, on loopback."""
    headers: dict[str, dict[str, str]]
    ids: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, open_world_at: Any) -> Iterator[Served]:
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Served] = []

    async def run(directory: Path) -> None:
        async with open_world_at(directory) as world:
            await world.receive()
            headers = {scope: await world.token(scope) for scope in SCOPES}
            headers["channels"] = await world.token(*SCOPES, channels=["other"])
            message = (await world.operate("GET", "/v1/messages"))[1]["items"][0]
            contact = (await world.operate("GET", "/v1/contacts"))[1]["items"][0]
            known = {
                "messages": message["id"],
                "conversations": message["conversation"],
                "contacts": contact["id"],
            }
            runner = web.AppRunner(admin_app(world.services), auto_decompress=False)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            admin_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            found.append(Served(world.url, admin_url, headers, known))
            ready.set()
            await stop.wait()
            await runner.cleanup()

    directory = tmp_path_factory.mktemp("fuzz")
    thread = threading.Thread(target=lambda: loop.run_until_complete(run(directory)))
    thread.start()
    assert ready.wait(20)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


@pytest.fixture(scope="module")
def document(served: Served) -> Any:
    loaded = schemathesis.openapi.from_url(f"{served.url}/v1/openapi.json")
    # A stream that is found has no end; what is wrong with one is found by the long poll's parameters.
    return loaded.exclude(path="/v1/events/stream")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scope", [*SCOPES, "channels"])
def test_no_input_is_a_server_error(served: Served, document: Any, scope: str) -> None:
    statuses: set[int] = set()
    for found in document.get_all_operations():
        for mode in GenerationMode:
            statuses |= _try(served, found.ok(), scope, mode)
    assert {200, 400, 403, 404} <= statuses or scope in ("admin", "channels")
    assert {200, 400, 404, 422} <= statuses or scope != "admin"


@pytest.fixture(scope="module")
def admin_document(served: Served) -> Any:
    loaded = schemathesis.openapi.from_url(f"{served.admin_url}/v1/openapi.json")
    public = [re.escape(operation.path) for operation in PUBLIC]
    return loaded.exclude(path_regex=f"^({'|'.join(public)})$|/stream$")


@pytest.mark.timeout(300)
def test_no_input_of_an_operator_is_a_server_error(served: Served, admin_document: Any) -> None:
    statuses: set[int] = set()
    described = list(admin_document.get_all_operations())
    assert len(described) > 5
    for found in described:
        for mode in GenerationMode:
            statuses |= _try(served, found.ok(), "operator", mode)
    assert {200, 400, 404} <= statuses


@pytest.mark.timeout(300)
def test_an_operation_that_fails_is_found(
    served: Served, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin: what a forgotten check of a query comes to."""

    def unchecked(request: web.Request, operation: Any) -> Any:
        return operation.query.model_construct(limit=int(request.query["limit"]))

    monkeypatch.setattr(operations, "_query", unchecked)
    listing = document["/v1/messages"]["get"]
    with pytest.raises((AssertionError, ExceptionGroup)):
        _try(served, listing, "admin", GenerationMode.NEGATIVE)


def _try(served: Served, operation: Any, scope: str, mode: GenerationMode) -> set[int]:
    """Call an operation with examples of what its description allows, or does not; return statuses."""
    statuses: set[int] = set()
    resource = operation.path.removeprefix("/v1/").partition("/")[0]
    known_id = served.ids.get(resource)
    described = operation.definition.raw.get("description", "")
    concerned = scope in ("admin", "channels") or f"`{scope}`" in described
    plain = Phase.explicit, Phase.generate

    examples = 5 if scope == "operator" else EXAMPLES if concerned else 2

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=plain,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        if "id" in (case.path_parameters or {}) and known_id is not None:
            case.path_parameters["id"] = known_id
        if "wait" in (case.query or {}):
            case.query["wait"] = 0
        to = case.body.get("to") if isinstance(case.body, dict) else None
        if isinstance(to, dict) and "conversation" in to and mode is GenerationMode.POSITIVE:
            to["conversation"] = served.ids["conversations"]
        response = case.call(headers=served.headers.get(scope, {}), timeout=20)
        statuses.add(response.status_code)
        assert response.status_code < 500, response.text

    try:
        check()
    except Unsatisfiable:
        # Nothing can be wrong with an operation that takes nothing.
        assert mode is GenerationMode.NEGATIVE
    return statuses
