"""What tests of links share: a host, a link over it, and texts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
from omnigate_sms.link import Said, Text
from omnigate_sms.links import LINKS, HttpLink

from omnigate.testing import FakeHost

PART = "msg_00000000000000000000000001.0"
PLAIN: Mapping[str, Mapping[str, Any]] = {
    "kannel": {
        "url": "http://127.0.0.1:9/cgi-bin/sendsms",
        "username": "tester",
        "password": "kannel-password",
    },
    "jasmin": {"url": "http://127.0.0.1:9", "username": "shop", "password": "jasmin-password"},
    "twilio": {"account_sid": "AC" + "0" * 32, "auth_token": "twilio-token"},
    "vonage": {"api_key": "abcd1234", "api_secret": "vonage-secret"},
    "smscru": {"login": "shop", "password": "smsc-password"},
    "smsaero": {"email": "shop@example.com", "api_key": "aero-api-key"},
    "exolve": {"api_key": "exolve-api-key"},
    "custom": {
        "url": "https://sms.example.com/send",
        "secrets": {"key": "custom-secret-key"},
        "headers": {"authorization": "Bearer {secret.key}"},
        "form": {"to": "{to}", "from": "{from}", "text": "{text}"},
        "answer": {"id": "/id"},
        "receipt": {"id": "/id", "state": "/state", "states": {"ok": "delivered"}},
        "incoming": {"source": "/from", "text": "/text"},
    },
}
"""The least that each link has to be told."""


@pytest.fixture
async def host() -> AsyncIterator[FakeHost]:
    async with FakeHost("sms", kind="sms") as given:
        yield given


async def nothing(said: Sequence[Said], notes: Any = None) -> None:
    """Keep nothing: these links hold no session."""


def make(kind: str, host: FakeHost, **told: Any) -> HttpLink:
    """Return a link that is told the least, and this."""
    link = LINKS[kind]
    return link(link.Config.model_validate({**PLAIN[kind], **told}), host, nothing)


def text(words: str = "Hello", **told: Any) -> Text:
    """Return a text to a customer."""
    return Text(**{"id": PART, "to": "79161234567", "sender": "1234", "text": words, **told})
