"""The door of every endpoint: who may ask (Origin), how refusals look, what browsers may read.

Origins are compared exactly; ``null`` (sandboxed frames, local files) is refused like any stranger.
Refusals are problem+json (RFC 9457) and carry the CORS headers too, so that the widget can tell a
refusal from a dead network. Source: WHATWG Fetch, CORS protocol.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

import omnigate

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ModelT = TypeVar("ModelT", bound=BaseModel)

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "7200",
}


class Rejected(Exception):
    """A request is refused with a status; the detail is for the developer of the site."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after_seconds: float | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.errors = errors

    def response(self) -> web.Response:
        """Return the refusal as problem+json."""
        problem: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors is not None:
            problem["errors"] = self.errors
        headers = {"Cache-Control": "no-store"}
        if self.retry_after_seconds is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_seconds)))
        return web.Response(
            status=self.status,
            text=json.dumps(problem),
            content_type="application/problem+json",
            headers=headers,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request comes from, as the server knows it."""

    ip: str | None
    site: str | None
    """The origin of the page; that of a request that passed the gate is an allowed one."""

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """Return where a request comes from."""
        return cls(request.remote, request.headers.get("Origin"))


class Gate:
    """Wraps handlers so that only pages of the allowed origins get through."""

    def __init__(self, allowed_origins: Iterable[str]) -> None:
        self._allowed = frozenset(allowed_origins)

    def route(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        max_body_bytes: int = 1024,
        stream: bool = False,
        originless: bool = False,
    ) -> omnigate.Route:
        """Return an endpoint behind the gate.

        ``originless``: requests without an Origin pass; for GETs that prove themselves by a bearer
        token or are public, since browsers send no Origin with a GET to the page's own site.
        """

        @functools.wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self.check(request, originless=originless)
                response = await handler(request)
            except Rejected as rejected:
                response = rejected.response()
            except (omnigate.OmnigateError, ValidationError, web.HTTPException) as error:
                response = _rejection(error).response()
            if not response.prepared:
                self._allow(request, response)
            return response

        return omnigate.Route(method, path, guarded, max_body_bytes=max_body_bytes, stream=stream)

    def preflight(self, path: str) -> omnigate.Route:
        """Return the endpoint that answers a browser's question before a cross-origin call."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(status=204, headers=_PREFLIGHT)

        return self.route("OPTIONS", path, answer)

    def check(self, request: web.Request, *, originless: bool = False) -> None:
        """Raise `Rejected` unless the request comes from a page of an allowed origin."""
        origins = request.headers.getall("Origin", [])
        if not origins and originless:
            return
        if len(origins) != 1 or origins[0] not in self._allowed:
            raise Rejected(
                403, "this site may not use the chat: its origin is not in allowed_origins"
            )

    def _allow(self, request: web.Request, response: web.StreamResponse) -> None:
        vary = response.headers.get("Vary")
        response.headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
        origin = request.headers.get("Origin")
        if origin in self._allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"


async def read_json(request: web.Request, model: type[ModelT]) -> ModelT:
    """Return the body as the model; raises `Rejected` when it is not JSON of this shape."""
    if request.content_type != "application/json":
        raise Rejected(415, "send JSON with Content-Type: application/json")
    return model.model_validate_json(await request.read())


def answer_json(data: object, status: int = 200) -> web.Response:
    """Return data as a JSON answer that nobody keeps."""
    return web.Response(
        status=status,
        text=json.dumps(data, ensure_ascii=False, separators=(",", ":")),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def whole_number(request: web.Request, name: str, default: int | None, most: int) -> int | None:
    """Return a number of the query string between 0 and ``most``; raises `Rejected` for anything else."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= most):
        raise Rejected(400, f"{name} must be a whole number from 0 to {most}")
    return int(text)


def _rejection(error: Exception) -> Rejected:
    match error:
        case omnigate.Unauthorized():
            return Rejected(401, "the connection token is missing, wrong or expired")
        case omnigate.Overloaded():
            return Rejected(503, "too busy just now", retry_after_seconds=error.retry_after_seconds)
        case omnigate.StoreError():
            return Rejected(503, "nothing can be stored just now", retry_after_seconds=5)
        case ValidationError() if error.errors()[0]["type"] == "json_invalid":
            return Rejected(400, "the body is not JSON")
        case ValidationError():
            mistakes = error.errors(include_input=False, include_url=False, include_context=False)
            errors = [
                {"path": ".".join(str(step) for step in mistake["loc"]), "message": mistake["msg"]}
                for mistake in mistakes[:20]
            ]
            return Rejected(422, "the request is not understood", errors=errors)
        case omnigate.BadPayload():
            return Rejected(422, str(error))
        case web.HTTPException() if error.status >= 400:
            return Rejected(error.status, error.reason)
        case _:
            raise error
