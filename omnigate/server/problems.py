"""Errors as the caller sees them: problem+json by RFC 9457, the same for ours and the framework's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPException
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from omnigate.complaints import UNKNOWN, complaints, unreadable
from omnigate.errors import (
    BadPayload,
    OmnigateError,
    Overloaded,
    Refused,
    StoreError,
    Unauthorized,
)
from omnigate.server.bodies import BodyTooSlow

CONTENT_TYPE: Final = "application/problem+json"

_STATUS_OF_CODE: Final = {
    "not_found": 404,
    "no_channel": 404,
    "no_backend": 404,
    "forbidden": 403,
    "gone": 410,
    "recipient_blocked": 409,
    "consent_refused": 409,
    "no_consent": 409,
    "not_known": 409,
    "contradictory": 409,
    "undone": 409,
    "too_large": 413,
    "limit_reached": 429,
    "not_ready": 503,
}
"""Refusals that are not about what the body says; all others are 422."""

_MOST_MISTAKES: Final = 1000

log = structlog.get_logger("server")


class Mistake(BaseModel):
    """One thing that is wrong in a request."""

    path: str
    message: str


class Problem(BaseModel):
    """What every error answer says."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str | None = None
    errors: list[Mistake] = []


class Denied(Exception):
    """A request is answered with an error; the detail says what happened and what to do."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[Mistake] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.errors = errors
        self.headers = headers

    def response(self) -> web.Response:
        """Return the answer."""
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.code is not None:
            problem["code"] = self.code
        if self.errors:
            problem["errors"] = [mistake.model_dump() for mistake in self.errors]
        return web.Response(
            status=self.status,
            body=to_json(problem),
            content_type=CONTENT_TYPE,
            headers={"Cache-Control": "no-store", **(self.headers or {})},
        )


def mistakes(error: ValidationError, given: Any = UNKNOWN) -> list[Mistake]:
    """Return what is wrong with a payload, in more detail if it is ``given``: then it is the caller's own."""
    if error.error_count() > _MOST_MISTAKES:
        # To name them is more work than all the rest of the request.
        return [Mistake(path="", message=f"more than {_MOST_MISTAKES} mistakes")]
    found = complaints(error, given, quoting=given is not UNKNOWN)
    return [Mistake(path=path, message=said) for path, said in found]


def response_to(error: Exception) -> web.StreamResponse:
    """Return the answer to a request whose handler raised; logs what nobody expected."""
    match error:
        case Denied():
            return error.response()
        case HTTPException():
            return error if error.status < 400 else _of_framework(error)
        case Unauthorized():
            return web.Response(status=401)
        case ValidationError():
            return _of_validation(error).response()
        case OmnigateError():
            return _of_ours(error)
        case BodyTooSlow():
            slow = Denied(408, "The request's body came too slowly; send it again.").response()
            slow.force_close()
            return slow
        case HttpProcessingError() | web.RequestPayloadError():
            return Denied(400, "The request's body is malformed.").response()
        case _:
            note_unexpected(error)
            return Denied(
                500, "Something went wrong on our side; the log of the daemon says what."
            ).response()


def note_unexpected(error: Exception) -> None:
    """Log what no handler should raise, with where it came from."""
    log.error("request failed", error=type(error).__name__, exc_info=error)


def not_json(why: str) -> Denied:
    """Return the answer to a body that is malformed, whatever it was meant to say."""
    return Denied(400, f"The body is not JSON: {why}.")


def not_as_described(found: Sequence[Mistake]) -> Denied:
    """Return the answer to a body that is well formed and says something that cannot be."""
    return Denied(422, "The body is not as described; see errors.", errors=found)


def _of_validation(error: ValidationError) -> Denied:
    why = unreadable(error)
    return not_as_described(mistakes(error)) if why is None else not_json(why)


def _of_ours(error: OmnigateError) -> web.Response:
    match error:
        case Overloaded():
            return unavailable(
                "Nothing more is taken in just now; nothing was stored. Try again.",
                error.retry_after_seconds,
            ).response()
        case StoreError():
            return unavailable("Nothing can be stored just now. Try again.", 5).response()
        case BadPayload():
            return Denied(422, str(error)).response()
        case Refused():
            status = _STATUS_OF_CODE.get(error.code, 422)
            return Denied(status, _sentence(error.reason), code=error.code).response()
        case _:
            return unavailable("This cannot be done just now. Try again.", 5).response()


def unavailable(detail: str, retry_after_seconds: float) -> Denied:
    """Return a 503 that says when to come back."""
    return Denied(503, detail, headers={"Retry-After": str(max(1, math.ceil(retry_after_seconds)))})


def _of_framework(error: HTTPException) -> web.Response:
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    detail = {
        404: "There is nothing under this path.",
        405: f"This path takes {error.headers.get('Allow')}.",
        413: "The body is too large.",
        417: "No Expect header but 100-continue is understood.",
    }.get(error.status, error.reason)
    return Denied(error.status, detail, headers=headers).response()


def _sentence(reason: str) -> str:
    text = reason[:1].upper() + reason[1:]
    return text if text.endswith(".") else f"{text}."
