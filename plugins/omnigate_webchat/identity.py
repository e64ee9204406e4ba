"""Signed identity: a site vouches for its own signed-in customer.

The site's server makes ``hex(HMAC-SHA256(identity_secret, user_id))`` and puts it into the page; the
browser cannot make one for somebody else.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated, Literal

from pydantic import Field, SecretStr

import omnigate
from omnigate_webchat.phone import e164
from omnigate_webchat.tokens import Pass

Outcome = Literal["anonymous", "verified", "rejected"]


class Identity(omnigate.Payload):
    """Who the page says is signed in; only ``user_id`` is covered by the signature."""

    user_id: str = Field(max_length=1000)
    hash: str = Field("", max_length=200)
    name: Annotated[str, Field(max_length=200)] | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    phone: Annotated[str, Field(max_length=40)] | None = None
    avatar_url: Annotated[str, Field(max_length=1000)] | None = None


def is_proven(identity: Identity, secret: SecretStr | None) -> bool:
    """Tell whether the site signed this user id."""
    if secret is None or not _is_usable(identity.user_id):
        return False
    key = secret.get_secret_value().encode()  # unwrapped for the signature
    expected = hmac.digest(key, identity.user_id.encode(), hashlib.sha256).hex()
    return omnigate.secrets_match(identity.hash.lower(), expected)


def pass_of(
    visitor: str,
    identity: Identity | None,
    *,
    network: str,
    since: int,
    locale: str | None,
    default_region: str,
) -> Pass:
    """Return the claims of a connection; ``identity`` is given only when it is proven."""
    if identity is None:
        return Pass(visitor=visitor, network=network, since=since, locale=locale)
    avatar = identity.avatar_url
    return Pass(
        visitor=visitor,
        network=network,
        since=since,
        user=identity.user_id,
        name=identity.name or None,
        email=identity.email or None,
        phone=e164(identity.phone, default_region) if identity.phone else None,
        avatar_url=avatar if avatar and avatar.startswith(("https://", "http://")) else None,
        locale=locale,
    )


def _is_usable(user_id: str) -> bool:
    if not 1 <= len(user_id) <= 200 or not user_id.isprintable():
        return False
    try:
        omnigate.Address(f"user:{user_id}")
    except ValueError:
        return False
    return True
