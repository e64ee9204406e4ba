"""How Twilio signs its calls: over the address that it called and the fields of the form.

The public address of this installation has to be the one that Twilio knows; it is never guessed from the
request.

Source: Twilio's client for Python 9.13, ``request_validator.py`` (read 2026-11-22).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr
from yarl import URL

import omnigate

SIGNATURE: Final = "x-twilio-signature"
_STANDARD_PORTS: Final = {"https": 443, "http": 80}


def prove(request: omnigate.Request, base: str, *tokens: SecretStr | None) -> None:
    """Raise `omnigate.Unauthorized` unless a call to the address is signed with one of the tokens."""
    parameters = _signed_parameters(request)
    right = [
        # unwrapped to compute what it would sign
        signature(token.get_secret_value(), url, parameters)
        for token in tokens
        if token is not None
        for url in _spellings(base, request.query)
    ]
    if not omnigate.secrets_match(request.headers.get(SIGNATURE, ""), *right):
        raise omnigate.Unauthorized("X-Twilio-Signature is missing or wrong; is public_url right?")


def signature(secret: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return the signature of a call: of its address, and of its form fields sorted by name.

    Of a field that stands there several times each value counts once, sorted.
    """
    signed = url + "".join(name + value for name, value in sorted(set(parameters)))
    digest = hmac.digest(secret.encode(), signed.encode("utf-8", "surrogatepass"), "sha1")
    return base64.b64encode(digest).decode()


def _signed_parameters(request: omnigate.Request) -> list[tuple[str, str]]:
    """Return the fields that the signature covers: a body that is no form is not covered by it."""
    if not request.body:
        return []
    if request.is_json:
        raise omnigate.Unauthorized("Twilio's calls are forms")
    try:
        return omnigate.read_form(request.body)
    except omnigate.BadPayload as error:
        raise omnigate.Unauthorized(f"the call cannot have been signed: {error}") from None


def _spellings(base: str, query: Mapping[str, str]) -> list[str]:
    """Return how Twilio may have written our address: with and without the standard port."""
    url = URL(base)
    pairs = (f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    rest = url.raw_path + ("?" + "&".join(pairs) if query else "")
    host = f"[{url.host}]" if ":" in (url.host or "") else url.host
    hosts = [f"{host}:{url.port}"]
    if url.port == _STANDARD_PORTS.get(url.scheme):
        hosts.insert(0, f"{host}")
    return [f"{url.scheme}://{one}{rest}" for one in hosts]
