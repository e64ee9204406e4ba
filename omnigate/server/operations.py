"""The API as a table: each resource module lists its operations, and everything is made of the lists.

The router, the checks of scope, query and body, and the OpenAPI document all come from the same rows,
so they cannot drift apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ValidationError

from omnigate.server import jsons
from omnigate.server.auth import OPERATOR, Caller, Doorkeeper
from omnigate.server.bodies import Handler, bounded
from omnigate.server.problems import Denied, Mistake, mistakes, not_as_described
from omnigate.server.services import Services
from omnigate.store.tokens import Scope

JSON_MAX_BYTES: Final = 1024 * 1024


@dataclass(slots=True)
class Call:
    """One call of an operation, checked: the caller may, query and body are what they should be."""

    request: web.Request
    services: Services
    caller: Caller
    query: Any
    """An instance of the operation's query model."""
    body: Any
    """An instance of the operation's body model."""
    is_still_allowed: Callable[[], Awaitable[bool]]
    """Asks again, for calls that last: the token may have been revoked meanwhile."""
    streams: Counter[str]
    """How many streams each caller has open."""

    @property
    def id(self) -> str:
        """The identifier in the path."""
        return self.request.match_info["id"]

    def answer(self, model: BaseModel, status: int = 200) -> web.Response:
        """Return data as JSON, the addresses of files in it signed."""
        return json_answer(self.services.media.present(model.model_dump_json()), status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row: a method and a path, what it takes, what it answers, who may."""

    method: str
    path: str
    summary: str
    run: Callable[[Call], Awaitable[web.StreamResponse]]
    scope: Scope | None = None
    """What the caller's token must have; None: anybody may."""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_required: bool = True
    raw_body: Sequence[str] = ()
    """Content types of a body that the operation reads itself."""
    max_body_bytes: int = JSON_MAX_BYTES
    answers: type[BaseModel] | None = None
    answer_type: str = "application/json"
    status: int = 200
    also: Sequence[tuple[int, type[BaseModel]]] = ()
    """Other successes, each with what it answers then."""
    errors: Sequence[int] = ()
    """Statuses that it answers beside those that follow from the row."""
    headers: Sequence[tuple[str, str]] = ()
    """Names and meanings of the headers that it reads."""

    @property
    def secured(self) -> bool:
        """Whether the caller must prove who it is."""
        return self.scope is not None


class Api:
    """Makes handlers of operations, for one listener."""

    def __init__(self, services: Services, *, proven: bool) -> None:
        """Take callers without a token for the operator if they are ``proven`` by the listener."""
        self._services = services
        self._proven = proven
        self._doorkeeper = Doorkeeper(services.store)
        self._streams: Counter[str] = Counter()
        self._public_origin = _origin(services.settings.public_url)

    def mount(self, router: web.UrlDispatcher, operations: Sequence[Operation]) -> None:
        """Add the operations to a router."""
        for operation in operations:
            router.add_route(operation.method, operation.path, self._handler(operation))

    def _handler(self, operation: Operation) -> Handler:
        read = bounded(
            self._reader(operation),
            operation.max_body_bytes,
            room=self._services.room,
            deadline_seconds=self._services.settings.server.body_timeout_seconds,
            stream=bool(operation.raw_body),
        )

        async def handle(request: web.Request) -> web.StreamResponse:
            # Strangers are turned away before a byte of their body is read.
            if operation.secured and not self._proven:
                self._refuse_foreign_page(request)
                request[_CALLER] = await self._allowed(request, operation)
            else:
                request[_CALLER] = OPERATOR if self._proven else _STRANGER
            return await read(request)

        return handle

    def _reader(self, operation: Operation) -> Handler:
        async def run(request: web.Request) -> web.StreamResponse:
            call = Call(
                request=request,
                services=self._services,
                caller=request[_CALLER],
                query=_query(request, operation),
                body=await _body(request, operation),
                is_still_allowed=partial(self._is_still_allowed, request, operation),
                streams=self._streams,
            )
            return await operation.run(call)

        return run

    async def _allowed(self, request: web.Request, operation: Operation) -> Caller:
        caller = await self._doorkeeper.caller(request)
        if operation.scope is not None and not caller.may(operation.scope):
            raise Denied(403, f"The token lacks the scope {operation.scope}.", code="scope")
        return caller

    async def _is_still_allowed(self, request: web.Request, operation: Operation) -> bool:
        return (
            self._proven or not operation.secured or await self._doorkeeper.is_known_still(request)
        )

    def _refuse_foreign_page(self, request: web.Request) -> None:
        """Refuse scripts on pages of other sites: the API is for servers."""
        origin = request.headers.get("Origin")
        if origin is None:
            return
        if origin not in (self._public_origin, f"{request.scheme}://{request.host}"):
            raise Denied(
                403, "The API takes no calls from pages of other sites; call it from a server."
            )


_STRANGER: Final = Caller("", frozenset(), frozenset())
_CALLER: Final = web.RequestKey("caller", Caller)


def json_answer(text: str | bytes, status: int = 200) -> web.Response:
    """Return JSON that nobody in between keeps."""
    body = text.encode() if isinstance(text, str) else text
    return web.Response(
        status=status,
        body=body,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _query(request: web.Request, operation: Operation) -> Any:
    if operation.query is None:
        return None
    given = request.query
    fields: dict[str, str] = {}
    for name, value in given.items():
        if name in fields:
            twice = Mistake(path=name, message="given more than once")
            raise Denied(400, "The query is not as described; see errors.", errors=[twice])
        fields[name] = value
    try:
        return operation.query.model_validate(fields)
    except ValidationError as error:
        raise Denied(
            400, "The query is not as described; see errors.", errors=mistakes(error, fields)
        ) from None


async def _body(request: web.Request, operation: Operation) -> Any:
    if operation.body is None:
        return None
    content = await request.read()
    if not content and not operation.body_required:
        return operation.body()
    kind = request.content_type
    if kind != "application/json" and not kind.endswith("+json"):
        raise Denied(415, "Send JSON, with the header Content-Type: application/json.")
    given = jsons.check(content)
    try:
        return operation.body.model_validate_json(content)
    except ValidationError as error:
        raise not_as_described(mistakes(error, given)) from None


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
