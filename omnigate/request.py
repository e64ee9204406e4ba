"""What a channel sees of HTTP: requests in full, answers, endpoints, and the comparing of secrets."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import from_json

from omnigate.complaints import UNKNOWN, complaints
from omnigate.errors import BadPayload

if TYPE_CHECKING:
    from aiohttp import web

PayloadT = TypeVar("PayloadT", bound=BaseModel)

_MOST_TOLD: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An inbound HTTP request in full, for the pure methods of a `WebhookChannel`."""

    method: str
    path: str
    """Below the channel's own prefix, for example ``/hook``."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names compare without case."""
    body: bytes
    remote: str | None = None
    """The caller's network address, after trusted proxies."""
    received_at_seconds: float = 0.0
    """POSIX time of arrival, for checks of freshness."""

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Return the request that would have brought an update which was fetched."""
        return cls(
            method="POST",
            path="/hook",
            query={},
            headers={},
            body=body,
            received_at_seconds=time.time(),
        )

    def json(self, model: type[PayloadT]) -> PayloadT:
        """Return the body parsed as JSON into the model; raises `BadPayload`."""
        try:
            return model.model_validate_json(self.body)
        except ValidationError as error:
            raise BadPayload(describe(error, _as_json(self.body))) from None

    def form(self, model: type[PayloadT]) -> PayloadT:
        """Return the url-encoded form fields as the model; raises `BadPayload`."""
        try:
            fields = dict(parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=200))
            return model.model_validate(fields)
        except ValidationError as error:
            raise BadPayload(describe(error, fields)) from None
        except ValueError as error:
            raise BadPayload(f"not a form: {error}") from None


@dataclass(frozen=True, slots=True)
class Response:
    """The answer that a platform wants to read."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


if TYPE_CHECKING:
    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Admission = Callable[[web.Request], None]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint below ``/channels/{name}``. The handler may raise any of Omnigate's errors.

    The host reads bodies under a deadline and a size cap before the handler sees the request, except
    when ``stream`` is set: then the handler reads, and the deadline still holds.

    ``admit`` is called first, with nothing of the body read: raise `Unauthorized` there for what the
    headers alone give away, and strangers cost no memory.
    """

    method: str
    path: str
    handler: Handler
    max_body_bytes: int = 1024 * 1024
    stream: bool = False
    admit: Admission | None = None


def secrets_match(given: str | bytes | None, *expected: SecretStr | str | bytes | None) -> bool:
    """Tell in constant time whether what was given equals one of the expected secrets.

    None and empty secrets never match. Compares bytes, so any text is accepted.
    """
    if not given:
        return False
    given_bytes = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    matched = False
    for secret in expected:
        if isinstance(secret, SecretStr):
            secret = secret.get_secret_value()  # unwrapped for the comparison
        if not secret:
            continue
        secret_bytes = (
            secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
        )
        matched |= hmac.compare_digest(given_bytes, secret_bytes)
    return matched


def describe(error: ValidationError, given: Any = UNKNOWN) -> str:
    """Return the mistakes of a payload as one line, without the payload itself.

    With the payload as it was ``given``, the mistakes of a union are those of its nearest member.
    """
    found = complaints(error, given)[:_MOST_TOLD]
    return "; ".join(f"{mistake.path or 'body'}: {mistake.message}" for mistake in found)


def _as_json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return UNKNOWN
