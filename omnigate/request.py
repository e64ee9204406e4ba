"""What a channel sees of HTTP: requests in full, answers, endpoints, and the comparing of secrets."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import from_json

from omnigate.complaints import UNKNOWN, complaints
from omnigate.errors import BadPayload
from omnigate.model.text import read_json

if TYPE_CHECKING:
    from aiohttp import web

PayloadT = TypeVar("PayloadT", bound=BaseModel)

MOST_FIELDS: Final = 200
"""Of a form."""

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
            fields = dict(
                parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
            )
            return model.model_validate(fields)
        except ValidationError as error:
            raise BadPayload(describe(error, fields)) from None
        except ValueError as error:
            raise BadPayload(f"not a form: {error}") from None

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON, by what it says or by how it begins."""
        says_so = "json" in self.headers.get("content-type", "").lower()
        return says_so or self.body.lstrip()[:1] in (b"{", b"[")

    def fields(self, *, also: str | None = None) -> Mapping[str, str]:
        """Return the fields of the body, be it a form or a JSON object; those of an address are ``query``.

        Of JSON only plain values count, written as JSON does. ``also``: see `read_form`. Raises
        `BadPayload`.
        """
        if not self.body.strip():
            return {}
        if not self.is_json:
            return dict(read_form(self.body, also=also))
        said = read_object(self.body)
        return {name: _plain(value) for name, value in said.items() if _is_plain(value)}

    def comes_from(self, networks: Iterable[str]) -> bool:
        """Tell whether the caller is in one of these networks (CIDR); IPv4 within IPv6 is IPv4."""
        try:
            address = ip_address((self.remote or "").partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in ip_network(network) for network in networks)


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


def read_form(body: bytes, *, also: str | None = None) -> list[tuple[str, str]]:
    """Return the fields of a form, in their order. Raises `BadPayload`.

    It is UTF-8, or, where that does not fit, in the charset ``also``.
    """
    try:
        return _form(body.decode(), "utf-8")
    except UnicodeDecodeError:
        if also is None:
            raise BadPayload("the form is not UTF-8") from None
    except ValueError:
        raise BadPayload(f"the form has more than {MOST_FIELDS} fields") from None
    try:
        return _form(body.decode(also), also)
    except ValueError:
        raise BadPayload(f"the form is neither UTF-8 nor {also}") from None


def read_object(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object. Raises `BadPayload`."""
    try:
        said = read_json(body)
    except ValueError:
        raise BadPayload("the body is not JSON") from None
    if not isinstance(said, dict):
        raise BadPayload("the body is not a JSON object")
    return said


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


def _form(text: str, charset: str) -> list[tuple[str, str]]:
    return parse_qsl(
        text, keep_blank_values=True, encoding=charset, errors="strict", max_num_fields=MOST_FIELDS
    )


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float))  # bool is an int


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
