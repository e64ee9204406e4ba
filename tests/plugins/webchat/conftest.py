"""A web chat on a loopback port, over a store in memory that a company can answer through."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp
import pytest
from omnigate_webchat import omnigate_channels
from omnigate_webchat.channel import Webchat

import omnigate
from omnigate import ids
from omnigate.testing import FakeHost, MemoryStore, serve

ORIGIN = "https://shop.example.org"
SECRET = "a secret of the site, long enough"
SECONDS = 5.0


class CompanyStore(MemoryStore):
    """A store in which the company's side can answer, as the daemon records it."""

    def say(self, conversation: str, text: str, **more: Any) -> tuple[str, omnigate.Event]:
        """Record an answer as sent; returns its message id and the event."""
        message_id = ids.message_id()
        message = omnigate.Message(
            id=message_id,
            direction="outbound",
            state="sent",
            created_at=datetime.now(UTC),
            text=text,
            external_ids=[f"{message_id}@{conversation}"],
            **more,
        )
        self._messages["site", message_id] = message
        event = self.record(conversation, "message.sent", {"message": message.model_dump()})
        return message_id, event

    def record(self, conversation: str, kind: str, data: dict[str, Any]) -> omnigate.Event:
        """Record any event of a conversation, which is begun if need be."""
        item = omnigate.Rating(
            external_id=str(uuid.uuid4()),
            conversation=conversation,
            occurred_at=datetime.now(UTC),
            sender=omnigate.Profile(address=omnigate.Address("webchat:company")),
            score=5,
        )
        _, event = self._record("site", "webchat", item, omnigate.EventType.CONVERSATION_RATED)
        envelope = event.envelope.model_copy(
            update={"type": omnigate.EventType(kind), "data": data}
        )
        recorded = omnigate.Event(
            id=event.id,
            type=envelope.type,
            body=envelope.model_dump_json().encode(),
            sequence=event.sequence,
        )
        info = self.conversation("site", conversation)
        assert info is not None
        self._events[info.id][-1] = recorded
        return recorded


class Tab:
    """One open socket of the protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, kind: str, data: dict[str, Any], cid: str | None = None) -> None:
        frame: dict[str, Any] = {"t": kind, "d": data}
        if cid is not None:
            frame["cid"] = cid
        await self.socket.send_json(frame)

    async def receive(self) -> dict[str, Any]:
        frame = await self.socket.receive_json(timeout=SECONDS)
        assert isinstance(frame, dict)
        return frame

    async def wait_for(self, *kinds: str) -> dict[str, Any]:
        """Return the next frame of one of the types, passing over others."""
        while True:
            frame = await self.receive()
            if frame["t"] in kinds:
                return frame

    async def close_code(self) -> int | None:
        """Wait until the server closes and return its code."""
        while True:
            message = await self.socket.receive(timeout=SECONDS)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                return self.socket.close_code


class Chat:
    """A running channel and a browser's view of it."""

    def __init__(self, channel: Webchat, host: FakeHost, store: CompanyStore, base: str) -> None:
        self.channel = channel
        self.host = host
        self.store = store
        self.base = base
        self.http = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.http.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        origin: str | None = ORIGIN,
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Return status, parsed body and the response of a call."""
        headers = dict(headers or {})
        if origin is not None:
            headers["Origin"] = origin
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self.http.request(
            method, f"{self.base}/{path}", headers=headers, **body
        ) as answer:
            raw = await answer.read()
            parsed = await answer.json(content_type=None) if raw and _is_json(answer) else raw
            return answer.status, parsed, answer

    async def session(self, **body: Any) -> dict[str, Any]:
        """Open a session, which has to succeed."""
        status, session, _ = await self.call("POST", "session", json=body)
        assert status == 200, session
        assert isinstance(session, dict)
        return session

    @asynccontextmanager
    async def raw_socket(self, origin: str = ORIGIN) -> AsyncIterator[Tab]:
        """Open a socket without a hello."""
        async with self.http.ws_connect(
            f"{self.base}/socket", protocols=("omni.v1",), origin=origin
        ) as socket:
            yield Tab(socket)

    @asynccontextmanager
    async def tab(self, session: dict[str, Any], after: int = 0) -> AsyncIterator[Tab]:
        """Open a socket and greet."""
        async with self.raw_socket() as tab:
            await tab.send(
                "hello", {"connection_token": session["connection_token"], "after": after}
            )
            assert (await tab.receive())["t"] == "welcome"
            yield tab

    def say(self, conversation: str, text: str, **more: Any) -> str:
        """Answer as the company; returns the message's id."""
        message_id, event = self.store.say(conversation, text, **more)
        self.channel.recorded(conversation, [event])
        return message_id

    def record(self, conversation: str, kind: str, data: dict[str, Any]) -> None:
        """Record any event and tell the channel."""
        self.channel.recorded(conversation, [self.store.record(conversation, kind, data)])

    def items(self, kind: type[omnigate.Inbound]) -> list[Any]:
        """Return what was stored of one kind."""
        return [item for item in self.store.items if isinstance(item, kind)]


async def until(holds: Callable[[], object]) -> None:
    """Wait until the condition holds, five seconds at most."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110  # any condition, so nothing to wait on
            await asyncio.sleep(0.005)


@pytest.fixture
async def open_chat() -> AsyncIterator[Callable[..., Any]]:
    """Return a function that starts a web chat with a configuration, perhaps over a used store."""
    async with AsyncExitStack() as stack:

        async def start(store: CompanyStore | None = None, **config: Any) -> Chat:
            store = store or CompanyStore()
            host = await stack.enter_async_context(FakeHost("site", kind="webchat", store=store))
            [made] = omnigate_channels()
            assert made is Webchat
            settings = Webchat.Config.model_validate({"allowed_origins": [ORIGIN], **config})
            channel = Webchat(settings, host)
            base = await stack.enter_async_context(serve(channel, host))
            return await stack.enter_async_context(Chat(channel, host, store, base))

        yield start


@pytest.fixture
async def chat(open_chat: Callable[..., Any]) -> Chat:
    """Return a web chat with nothing but its origin configured."""
    started = await open_chat()
    assert isinstance(started, Chat)
    return started


def cid() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def new_cid() -> Callable[[], str]:
    return cid


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return until


def _is_json(answer: aiohttp.ClientResponse) -> bool:
    return answer.content_type in ("application/json", "application/problem+json")
