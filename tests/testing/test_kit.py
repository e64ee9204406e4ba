"""The kit finds what is broken: each suite is seen to fail on a plugin that breaks its promise."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Self

import pytest
from omnigate_webhook import Webhook
from pydantic import Field, SecretStr, model_validator

import omnigate
from omnigate.testing import (
    FakeHost,
    HttpBackendConformance,
    MemoryStore,
    Sample,
    WebhookChannelConformance,
)

pytestmark = pytest.mark.anyio


class Update(omnigate.Payload):
    id: str = Field(min_length=1)
    text: str


class Good(omnigate.WebhookChannel):
    kind = "good"
    summary = "A channel that keeps its promises."
    capabilities = omnigate.Capabilities()

    class Config(omnigate.ChannelConfig):
        token: SecretStr = Field(description="What the platform presents.")

    config: Config

    def authenticate(self, request: omnigate.Request) -> None:
        if not omnigate.secrets_match(request.headers.get("x-token"), self.config.token):
            raise omnigate.Unauthorized("the token is wrong")

    def parse(self, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        update = request.json(Update)
        return [
            omnigate.InboundMessage(
                external_id=update.id,
                conversation="c1",
                occurred_at=datetime.now(UTC),
                sender=omnigate.Profile(address=omnigate.Address("user:1")),
                text=update.text,
            )
        ]

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        return omnigate.Sent(external_id=part.id)


class TestGood(WebhookChannelConformance):
    channel_class = Good

    def config(self, platform_url):
        return {"token": "canary-canary"}

    def authentic(self, path, body):
        return {"x-token": "canary-canary"}

    def samples(self):
        return [Sample(json.dumps({"id": "1", "text": "a"}).encode())]


async def keep(suite: type, promise: str) -> None:
    """Run one test of a suite."""
    outcome = getattr(suite(), promise)()
    if outcome is not None:
        await outcome


class NoTokenCheck(Good):
    def authenticate(self, request: omnigate.Request) -> None:
        pass


class NewIdEachTime(Good):
    def parse(self, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        (item,) = super().parse(request)
        return [item.model_copy(update={"external_id": secrets.token_hex()})]


class RaisesOnJunk(Good):
    def parse(self, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        json.loads(request.body)["id"]
        return super().parse(request)


class LogsItsToken(Good):
    def authenticate(self, request: omnigate.Request) -> None:
        self.host.log.info("called", headers=dict(request.headers))
        super().authenticate(request)


class WillNotStop(Good):
    async def run(self) -> None:
        while True:
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                await asyncio.sleep(2)
                raise


class RaisesAnything(Good):
    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise KeyError("id")


class ShowsItsToken(Good):
    async def check(self) -> omnigate.Health:
        return omnigate.Health("down", f"{self.config.token.get_secret_value()} is refused")


class DoesNotAsk(Good):
    class Config(Good.Config):
        secret: SecretStr | None = Field(None, description="What answers are signed with.")

        @model_validator(mode="after")
        def _can_sign(self) -> Self:
            if self.secret is None:
                raise ValueError("secret is missing")
            return self


class AsksByNobody(Good):
    class Config(Good.Config):
        secret: Annotated[SecretStr | None, omnigate.Asked(when=("ulr",))] = Field(
            None, description="What answers are signed with."
        )


class Undescribed(Good):
    class Config(Good.Config):
        colour: str = "red"


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (NoTokenCheck, "test_who_proves_nothing_stores_nothing"),
        (NoTokenCheck, "test_its_pure_methods_raise_only_what_they_may"),
        (NewIdEachTime, "test_what_the_platform_sends_is_stored_and_once_only"),
        (NewIdEachTime, "test_it_is_stored_once_even_over_a_restart"),
        (NewIdEachTime, "test_copies_at_the_same_time_are_stored_once"),
        (RaisesOnJunk, "test_authentic_nonsense_breaks_nothing"),
        (LogsItsToken, "test_no_secret_is_in_a_log_line"),
        (WillNotStop, "test_its_long_lived_work_stops_within_a_second"),
        (RaisesAnything, "test_sending_while_the_platform_is_down_raises_what_happened"),
        (ShowsItsToken, "test_check_tells_of_trouble_instead_of_raising"),
        (Undescribed, "test_every_key_of_its_configuration_is_described"),
        (DoesNotAsk, "test_whoever_answers_all_that_is_asked_has_a_good_section"),
        (AsksByNobody, "test_whoever_answers_all_that_is_asked_has_a_good_section"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_channel_that_breaks_a_promise_fails(broken, promise):
    with pytest.raises((AssertionError, TimeoutError, KeyError, pytest.fail.Exception)):
        await keep(type("Broken", (TestGood,), {"channel_class": broken}), promise)


class Optimist(Webhook):
    async def deliver(self, event: omnigate.Event) -> omnigate.Reply | None:
        try:
            return await super().deliver(event)
        except (omnigate.RetryLater, omnigate.DestinationUnavailable):
            return None


class OneAtATime(Webhook):
    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # passed on as they are
        self._turn = asyncio.Lock()

    async def deliver(self, event: omnigate.Event) -> omnigate.Reply | None:
        async with self._turn:
            return await super().deliver(event)


class _Webhook(HttpBackendConformance):
    backend_class = Webhook

    def config(self, receiver_url):
        return {"url": receiver_url, "secret": omnigate.new_secret()}


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Optimist, "test_a_receiver_that_is_down_is_a_destination_that_is_down"),
        (OneAtATime, "test_conversations_are_delivered_side_by_side"),
    ],
)
async def test_a_backend_that_breaks_a_promise_fails(broken, promise):
    with pytest.raises((TimeoutError, pytest.fail.Exception)):
        await keep(type("Broken", (_Webhook,), {"backend_class": broken}), promise)


# ---- the host in memory ------------------------------------------------------------------------


def message(external_id: str, conversation: str = "c1") -> omnigate.InboundMessage:
    return omnigate.InboundMessage(
        external_id=external_id,
        conversation=conversation,
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address("user:1")),
        text=f"text of {external_id}",
    )


async def test_sequences_count_each_conversation_without_gaps():
    async with FakeHost() as host:
        recorded = await host.put(message("1"), message("2", "c2"), message("1"), message("3"))
        assert [(one.sequence, one.duplicate) for one in recorded] == [
            (1, False),
            (1, False),
            (1, True),
            (2, False),
        ]
        info = await host.conversation("c1")
        assert info is not None
        assert info.last_sequence == 2
        assert await host.conversation("c3") is None


async def test_the_cursor_moves_with_the_items_and_outlives_a_restart():
    store = MemoryStore()
    async with FakeHost("bot", store=store) as host:
        assert await host.cursor() is None
        await host.put(message("1"), cursor="17")
        store.failure = omnigate.StoreError("disk full")
        with pytest.raises(omnigate.StoreError):
            await host.put(message("2"), cursor="18")
    async with FakeHost("bot", store=store) as host:
        assert await host.cursor() == "17"
        assert len(store.items) == 1


async def test_history_is_by_sequence_from_either_end():
    async with FakeHost() as host:
        await host.put(*(message(str(number)) for number in range(5)))

        async def numbers(**window: int) -> list[int | None]:
            return [event.sequence for event in await host.history("c1", **window)]

        assert await numbers(after=3) == [4, 5]
        assert await numbers(limit=2) == [1, 2]
        assert await numbers(before=5, limit=2) == [3, 4]
        first = (await host.history("c1", limit=1))[0]
        assert first.envelope.data["message"]["text"] == "text of 0"
        found = await host.messages([first.envelope.data["message"]["id"], "msg_unknown"])
        assert [one.text for one in found.values()] == ["text of 0"]


async def test_files_come_back_as_they_were_and_large_ones_are_refused():
    async def chunks() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"

    async with FakeHost() as host:
        saved = await host.save_file(chunks(), name="a.txt", mime="text/plain", limit_bytes=6)
        assert b"".join([chunk async for chunk in host.open_file(saved)]) == b"abcdef"
        with pytest.raises(omnigate.BadPayload):
            await host.save_file(chunks(), name=None, mime="text/plain", limit_bytes=5)


async def test_a_limiter_lets_no_more_through_than_it_says():
    async with FakeHost() as host:
        limiter = host.limiter(2, per_seconds=0.1, burst=2)
        began = time.monotonic()
        for _ in range(6):
            await limiter.acquire()
        assert time.monotonic() - began >= 0.19
        spent = host.limiter(1, per_seconds=3600, burst=1)
        assert spent.try_acquire()
        assert not spent.try_acquire()


def test_secrets_differ_by_purpose_and_channel_and_stay():
    store = MemoryStore()
    one, other = FakeHost("a", store=store), FakeHost("b", store=store)
    assert one.secret("links") == FakeHost("a", store=store).secret("links")
    assert len({one.secret("links"), one.secret("tokens"), other.secret("links")}) == 3
