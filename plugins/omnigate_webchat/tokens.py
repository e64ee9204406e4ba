"""Tokens that prove who a browser is: signed, stateless, good across restarts.

Three kinds, each under a key of its own, so that none passes for another: the visitor token (long
lived, in the browser's storage), the connection token (minutes, opens sockets and polls) and the
upload ticket (names a file that this conversation uploaded). A token is
``base64url(claims).base64url(HMAC-SHA256)``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import omnigate

CONNECTION_SECONDS: Final = 300
VISITOR_SECONDS: Final = 400 * 86_400
UPLOAD_SECONDS: Final = 2 * 86_400

_LONGEST: Final = 8192


class Claims(BaseModel):
    """What every token says: until when it is good (POSIX seconds)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    expires: int = 0


class VisitorClaims(Claims):
    """One browser. ``user`` binds it to the first user that was proven in it, for good."""

    visitor: str
    user: str | None = None
    since: int = 0
    """When it was first seen, in POSIX seconds; 0: before that was written down."""


class Pass(Claims):
    """What a connection may act as: one visitor, in one conversation."""

    visitor: str
    network: str = ""
    """The network that the session was opened from; limits count by it."""
    since: int = 0
    """When the browser was first seen, in POSIX seconds."""
    user: str | None = None
    """The site's own id of the customer, proven by a signature."""
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    avatar_url: str | None = None
    locale: str | None = None

    @property
    def conversation(self) -> str:
        """The only conversation this pass opens; all devices of a proven user share one."""
        return f"user:{self.user}" if self.user is not None else self.visitor

    def profile(self) -> omnigate.Profile:
        """Return who is writing.

        A proven user is known by the site's own id on every device; the browser is theirs too, so
        that what was written before signing in belongs to the same contact.
        """
        browser = omnigate.Address(f"webchat:{self.visitor}")
        user = None if self.user is None else omnigate.Address(f"user:{self.user}")
        return omnigate.Profile(
            address=user or browser,
            display_name=self.name,
            email=self.email,
            phone=self.phone,
            avatar_url=self.avatar_url,
            locale=self.locale,
            verified=user is not None,
            also=[browser] if user else [],
        )


class UploadClaims(Claims):
    """A file that was uploaded for one conversation."""

    conversation: str
    id: str
    kind: str
    mime: str
    size_bytes: int = Field(ge=0)
    name: str | None = None


ClaimsT = TypeVar("ClaimsT", bound=Claims)


class Seal(Generic[ClaimsT]):
    """Makes and reads the tokens of one kind."""

    def __init__(
        self,
        key: bytes,
        claims: type[ClaimsT],
        lifetime_seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._claims = claims
        self._clock = clock
        self.lifetime_seconds = lifetime_seconds

    def seal(self, claims: ClaimsT) -> str:
        """Return a token that says this, good for the kind's lifetime from now."""
        expires = int(self._clock()) + self.lifetime_seconds
        dated = claims.model_copy(update={"expires": expires})
        body = _encode(dated.model_dump_json(exclude_none=True).encode())
        return f"{body}.{self._mac(body)}"

    def open(self, token: str) -> ClaimsT | None:
        """Return what the token says; None when it is forged, spoilt, of another kind or expired."""
        if len(token) > _LONGEST:
            return None
        body, _, mac = token.partition(".")
        if not omnigate.secrets_match(mac, self._mac(body)):
            return None
        try:
            claims = self._claims.model_validate_json(_decode(body))
        except (ValidationError, binascii.Error):
            return None
        return claims if claims.expires > self._clock() else None

    def seconds_left(self, claims: ClaimsT) -> int:
        """Return for how long the claims are still good."""
        return max(0, int(claims.expires - self._clock()))

    def _mac(self, body: str) -> str:
        # "surrogatepass": the text may be anything that JSON can carry.
        digest = hmac.digest(self._key, body.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return _encode(digest)


def new_visitor() -> str:
    """Return an unguessable name for a browser: 128 bits, lower-case letters and digits."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
