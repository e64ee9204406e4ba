"""Signatures of webhooks by the Standard Webhooks specification, symmetric scheme ``v1``.

Signed is the text ``<webhook-id>.<webhook-timestamp>.<body>`` with HMAC-SHA256; a secret is written
``whsec_<base64 of 24 to 64 bytes>``. While a secret is being rotated both are configured: everything
is signed with each of them, and a signature by any of them is accepted.

Source: https://github.com/standard-webhooks/standard-webhooks, specification 1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets as randomness
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

from omnigate.errors import Unauthorized

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
TOLERANCE_SECONDS: Final = 300.0
"""How far a sender's clock may be off, and how long a caught request could be played again."""

_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)
_MOST_SIGNATURES: Final = 16
# A full stop separates the signed fields, so an identifier that has one could move their borders.
_ID: Final = re.compile(r"[!-\-/-~]{1,256}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")


def new_secret() -> str:
    """Return a fresh secret of 32 random bytes."""
    return _PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def decode_secret(secret: str) -> bytes:
    """Return the key that a secret stands for; raises ``ValueError`` without the secret in it."""
    if not secret.startswith(_PREFIX):
        raise ValueError(
            "a signing secret is written whsec_ and base64; make one: echo whsec_$(openssl rand -base64 32)"
        )
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("what follows whsec_ in a signing secret must be base64") from None
    if len(key) not in _KEY_BYTES:
        raise ValueError(
            f"a signing secret is the base64 of 24 to 64 bytes, this one is of {len(key)}"
        )
    return key


def _checked(secret: SecretStr) -> SecretStr:
    decode_secret(secret.get_secret_value())  # unwrapped to be checked; the error does not show it
    return secret


SigningSecret = Annotated[SecretStr, AfterValidator(_checked)]
"""A field of a configuration that holds a secret of this scheme."""


class Signer:
    """Signs and verifies with one secret, or with several while one replaces another.

    Safe to share between tasks. Keys are decoded once; neither ``repr`` nor any error shows them.
    """

    __slots__ = ("_keys",)

    def __init__(self, secrets: Sequence[str | SecretStr]) -> None:
        """Take the secrets, the current one first; raises ``ValueError`` for a bad one or none."""
        if not secrets:
            raise ValueError("at least one signing secret is needed")
        self._keys = tuple(
            decode_secret(secret.get_secret_value() if isinstance(secret, SecretStr) else secret)
            for secret in secrets
        )

    def sign(self, webhook_id: str, timestamp_seconds: int, body: bytes) -> str:
        """Return the value of ``webhook-signature``: one signature a secret, separated by spaces.

        The time is that of the attempt. Raises ``ValueError`` for an identifier that is not printable
        ASCII or has a full stop.
        """
        if not _ID.fullmatch(webhook_id):
            raise ValueError("a webhook id is printable ASCII without spaces and full stops")
        content = b"%b.%d.%b" % (webhook_id.encode("ascii"), timestamp_seconds, body)
        if len(self._keys) == 1:
            return _signature(self._keys[0], content)
        return " ".join(_signature(key, content) for key in self._keys)

    def headers(self, webhook_id: str, timestamp_seconds: int, body: bytes) -> dict[str, str]:
        """Return the three headers that prove the body; raises as `sign` does."""
        return {
            ID_HEADER: webhook_id,
            TIMESTAMP_HEADER: str(timestamp_seconds),
            SIGNATURE_HEADER: self.sign(webhook_id, timestamp_seconds, body),
        }

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        now: float,
        tolerance_seconds: float = TOLERANCE_SECONDS,
    ) -> str:
        """Return the webhook id of a request that is proven; ``now`` is POSIX seconds.

        Compares in constant time. The same request proves itself again within the tolerance: keep the
        ids if that matters. Raises `Unauthorized` for everything else, and nothing but that.
        """
        webhook_id, timestamp = self.check_headers(headers, now, tolerance_seconds)
        signatures = _header(headers, SIGNATURE_HEADER)
        content = b"%b.%b.%b" % (webhook_id.encode("ascii"), timestamp.encode("ascii"), body)
        expected = [_signature(key, content).encode("ascii") for key in self._keys]
        matched = False
        for signature in signatures.split(" ", _MOST_SIGNATURES)[:_MOST_SIGNATURES]:
            given = signature.encode("utf-8", "surrogatepass")
            for candidate in expected:
                matched |= hmac.compare_digest(given, candidate)
        if not matched:
            raise Unauthorized(f"{SIGNATURE_HEADER} matches no secret")
        return webhook_id

    def check_headers(
        self,
        headers: Mapping[str, str],
        now: float,
        tolerance_seconds: float = TOLERANCE_SECONDS,
    ) -> tuple[str, str]:
        """Return id and timestamp of a request that may be proven once its body is there.

        Proves nothing: it spares reading the body of what cannot be. Raises `Unauthorized`.
        """
        webhook_id = _header(headers, ID_HEADER)
        timestamp = _header(headers, TIMESTAMP_HEADER)
        if not _ID.fullmatch(webhook_id):
            raise Unauthorized(f"{ID_HEADER} is missing or malformed")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise Unauthorized(f"{TIMESTAMP_HEADER} is missing or not in whole seconds")
        if abs(now - int(timestamp)) > tolerance_seconds:
            raise Unauthorized(
                f"{TIMESTAMP_HEADER} is more than {tolerance_seconds:g} s off our clock"
            )
        if not _header(headers, SIGNATURE_HEADER):
            raise Unauthorized(f"{SIGNATURE_HEADER} is missing")
        return webhook_id, timestamp


def sign(
    secrets: Sequence[str | SecretStr], webhook_id: str, timestamp_seconds: int, body: bytes
) -> str:
    """Sign once; see `Signer.sign`, which is faster for many."""
    return Signer(secrets).sign(webhook_id, timestamp_seconds, body)


def verify(
    secrets: Sequence[str | SecretStr],
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> str:
    """Verify once; see `Signer.verify`, which is faster for many."""
    return Signer(secrets).verify(headers, body, now, tolerance_seconds)


def _signature(key: bytes, content: bytes) -> str:
    digest = hmac.digest(key, content, "sha256")
    return "v1," + binascii.b2a_base64(digest, newline=False).decode("ascii")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if value is None:  # a mapping that tells capitals apart
        value = next((text for key, text in headers.items() if key.lower() == name), "")
    return value
