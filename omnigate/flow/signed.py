"""Signed, expiring addresses of files, and putting them where the store has placeholders."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

from omnigate.store.record import MEDIA_URL

GRAIN_SECONDS: Final = 3600
"""Ends are rounded up to this, so that an event looks the same in attempts close together."""

_PLACEHOLDER: Final = re.compile(f'"url":"{MEDIA_URL}(att_[0-9a-v]{{26}})"')
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


class AddressBook:
    """Signs addresses of files with a key that only this installation knows."""

    def __init__(self, key: bytes, public_url: str, ttl_seconds: int) -> None:
        self._key = hmac.digest(key, b"media addresses", "sha256")
        self._public_url = public_url.rstrip("/")
        self._ttl_seconds = ttl_seconds

    def sign(self, attachment_id: str, now_seconds: float, ttl_seconds: int | None = None) -> str:
        """Return an address that is good for at least so long, and an hour more at most."""
        ends_at = int(now_seconds) + (self._ttl_seconds if ttl_seconds is None else ttl_seconds)
        ends_at = -(-ends_at // GRAIN_SECONDS) * GRAIN_SECONDS
        signature = self._signature(attachment_id, str(ends_at))
        return f"{self._public_url}/media/{attachment_id}?exp={ends_at}&sig={signature}"

    def is_good(self, attachment_id: str, exp: str, sig: str, now_seconds: float) -> bool:
        """Tell whether an address was signed here and has not ended."""
        if not _NUMBER.fullmatch(exp):
            return False
        wanted = self._signature(attachment_id, exp)
        matches = hmac.compare_digest(wanted.encode(), sig.encode("utf-8", "surrogatepass"))
        return matches and int(exp) > now_seconds

    def present(self, text: str, now_seconds: float) -> str:
        """Return JSON with signed addresses for placeholders; other text is left alone.

        Only the exact key ``url`` counts. Inside a JSON string the quotes would be escaped, so what
        somebody wrote is never taken for it.
        """
        if MEDIA_URL not in text:
            return text
        return _PLACEHOLDER.sub(lambda found: f'"url":"{self.sign(found[1], now_seconds)}"', text)

    def _signature(self, attachment_id: str, exp: str) -> str:
        signed = f"{attachment_id}.{exp}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, signed, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
