"""A channel of texts over a link that says and answers what a test wants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from omnigate_sms import Sms
from omnigate_sms.link import Incoming, Link, Report, Said, Segment, Text

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.atwork import at_work, until

ANNA = "79161234567"
SHOP = "79990000001"
AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECRET = "a-secret-of-the-scripted-provider"


class ScriptedLink(Link):
    """A provider whose calls are JSON: what it says is what the test wrote."""

    def __init__(self, host: omnigate.ChannelHost, deliver: Any) -> None:
        super().__init__(host, deliver)
        self.sent: list[Text] = []
        self.outcomes: list[Exception | omnigate.Sent] = []
        """What becomes of the next texts; each is taken when there is none."""
        self.found: omnigate.Sent | None = None

    async def send(self, text: Text) -> omnigate.Sent:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        self.sent.append(text)
        return outcome or omnigate.Sent(external_id=f"id-{len(self.sent)}")

    def secrets(self) -> Sequence[str]:
        return [SECRET]

    async def lookup(self, text: Text) -> omnigate.Sent | None:
        return self.found

    def authenticate(self, request: omnigate.Request) -> None:
        if not omnigate.secrets_match(request.headers.get("x-secret"), SECRET):
            raise omnigate.Unauthorized("the secret is wrong or missing")

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        try:
            said = omnigate.read_json(request.body)
            if "state" in said:
                return [Report(**said, occurred_at=AT)]
            return [text(said.pop("said"), **said)]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise omnigate.BadPayload(f"not a text: {type(error).__name__}") from None

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        return omnigate.Response(body=f"taken {request.method} {request.path}".encode())


class ScriptedSms(Sms):
    """The channel over the scripted provider."""

    _link: ScriptedLink

    def _make_link(self) -> Link:
        return ScriptedLink(self.host, self._deliver)

    @property
    def link(self) -> ScriptedLink:
        return self._link


def section(**more: Any) -> dict[str, Any]:
    return {
        "link": "kannel",
        "kannel": {"url": "http://127.0.0.1:9/", "username": "u", "password": "kannels-password"},
        "default_region": "RU",
        "sender": "+" + SHOP,
        **more,
    }


def text(
    said: str | None = "Здравствуйте",
    *,
    external_id: str | None = None,
    source: str = ANNA,
    destination: str = SHOP,
    at_seconds: float = 0,
    piece: Sequence[int] | None = None,
    data: str | None = None,
    encoding: Any = "ucs2",
) -> Incoming:
    """Return a text; a piece is its reference, total and number, and perhaps the width."""
    reference, total, number, *width = piece or (0, 1, 1)
    return Incoming(
        external_id=external_id,
        source=source,
        destination=destination,
        text=said,
        data=bytes.fromhex(data) if data is not None else None,
        encoding=encoding,
        segment=Segment(
            reference=reference,
            total=total,
            number=number,
            width_bits=width[0] if width else 8,  # type: ignore[arg-type]  # 8 or 16, by the callers
        )
        if piece
        else None,
        occurred_at=AT + timedelta(seconds=at_seconds),
    )


@dataclass
class Shop:
    """A channel, and both sides of it."""

    channel: ScriptedSms
    host: FakeHost

    @property
    def items(self) -> list[Any]:
        return self.host.store.items

    @property
    def messages(self) -> list[omnigate.InboundMessage]:
        return [one for one in self.items if isinstance(one, omnigate.InboundMessage)]

    @property
    def texts(self) -> list[str | None]:
        return [one.text for one in self.messages]

    @property
    def link(self) -> ScriptedLink:
        return self.channel.link

    def logged(self, event: str) -> bool:
        return any(line["event"] == event for line in self.host.log_lines)

    async def until(self, holds: Callable[[], object]) -> None:
        await until(holds)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the channel until the block ends."""
        async with at_work(self.channel):
            yield

    async def hear(self, *said: Said) -> None:
        await self.link.deliver(said)

    def part(self, said: str | None = "Здравствуйте", **more: Any) -> omnigate.OutboundPart:
        fields: dict[str, Any] = {
            "id": "msg_00000000000000000000000001.0",
            "message": "msg_00000000000000000000000001",
            "index": 0,
            "parts": 1,
            "conversation": "+" + ANNA,
            "address": f"tel:+{ANNA}",
            "text": said,
        }
        return omnigate.OutboundPart.model_validate({**fields, **more})


@asynccontextmanager
async def open_shop(store: MemoryStore | None = None, **config: Any) -> AsyncIterator[Shop]:
    """Give a channel; with the store of another it is a restart."""
    async with FakeHost("texts", kind="sms", store=store) as host:
        yield Shop(ScriptedSms(ScriptedSms.Config.model_validate(section(**config)), host), host)


def body(**said: Any) -> bytes:
    return json.dumps(said).encode()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened
