"""What every channel must keep, as test classes to inherit.

Derive in a module of your own tests, say which class it is and how it is configured, and pytest runs
the promises against it::

    class TestExampleSms(WebhookChannelConformance):
        channel_class = ExampleSms

        def config(self, platform_url): ...
        def authentic(self, path, body): ...
        def samples(self): ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
import pytest

import omnigate
from omnigate.testing.canaries import (
    assert_asked_for,
    assert_described,
    assert_refuses_unknown_keys,
    shown,
    values,
)
from omnigate.testing.hosts import LOOPBACK, FakeHost
from omnigate.testing.junk import JUNK
from omnigate.testing.memory import MemoryStore
from omnigate.testing.server import serve

NOBODY = "http://127.0.0.1:9/"
"""An address where nobody listens."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A request as the platform makes it, and how many items it brings."""

    body: bytes
    items: int = 1
    path: str = "/hook"


class ChannelConformance:
    """The promises of every channel. Coroutines run under the pytest plugin of anyio."""

    pytestmark = pytest.mark.anyio

    channel_class: ClassVar[type[omnigate.Channel]]

    def config(self, platform_url: str) -> Mapping[str, Any]:
        """Return the section of the configuration, with made-up secrets in it."""
        raise NotImplementedError

    def part(self) -> omnigate.OutboundPart:
        """Return something that the channel can send."""
        return omnigate.OutboundPart(
            id="msg_00000000000000000000000000.0",
            message="msg_00000000000000000000000000",
            index=0,
            parts=1,
            conversation="1",
            address=omnigate.Address("user:1"),
            text="Добрый день",
        )

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @asynccontextmanager
    async def channel(
        self, platform_url: str = NOBODY, store: MemoryStore | None = None
    ) -> AsyncIterator[tuple[omnigate.Channel, FakeHost]]:
        """Give a configured channel and its host; with the store of another it is a restart."""
        given = dict(self.config(platform_url))
        if "allow_private" in self.channel_class.Config.model_fields:
            given.setdefault("allow_private", list(LOOPBACK))
        config = self.channel_class.Config.model_validate(given)
        kind = self.channel_class.kind
        async with FakeHost(kind, kind=kind, store=store) as host:
            yield self.channel_class(config, host), host

    def test_it_says_what_it_is(self) -> None:
        assert self.channel_class.kind
        assert self.channel_class.summary, "one line for listings is missing"
        assert isinstance(self.channel_class.capabilities, omnigate.Capabilities)

    def test_every_key_of_its_configuration_is_described(self) -> None:
        assert_described(self.channel_class.Config)

    def test_an_unknown_key_is_refused_and_no_error_shows_a_secret(self) -> None:
        assert_refuses_unknown_keys(self.channel_class.Config, self.config(NOBODY))

    def test_whoever_answers_all_that_is_asked_has_a_good_section(self) -> None:
        """What ``omnigate channel add`` asks for is enough; see `omnigate.Asked`."""
        assert_asked_for(self.channel_class.Config, self.config(NOBODY))

    async def test_its_long_lived_work_stops_within_a_second(self) -> None:
        async with self.channel() as (channel, _):
            work = asyncio.create_task(channel.run())
            await asyncio.wait([work], timeout=0.2)
            work.cancel()
            await asyncio.wait_for(asyncio.wait([work]), 1)
            assert work.done()
            if not work.cancelled() and (error := work.exception()) is not None:
                assert isinstance(error, omnigate.OmnigateError), f"run() raised {error!r}"

    async def test_check_tells_of_trouble_instead_of_raising(self) -> None:
        async with self.channel() as (channel, host):
            health = await asyncio.wait_for(channel.check(), 25)
            assert isinstance(health, omnigate.Health)
            self._assert_no_secret(host, health.message)

    async def test_sending_while_the_platform_is_down_raises_what_happened(self) -> None:
        """Only errors that say what the host must do; their text shows no secret."""
        async with self.channel() as (channel, host):
            try:
                sent = await asyncio.wait_for(channel.send(self.part()), 25)
                assert isinstance(sent, omnigate.Sent)
                text = ""
            except omnigate.OmnigateError as error:
                text = f"{error!r} {error}"
            self._assert_no_secret(host, text)

    def _assert_no_secret(self, host: FakeHost, *texts: str) -> None:
        config = self.channel_class.Config.model_validate(dict(self.config(NOBODY)))
        for secret in values(config):
            for text in (*texts, repr(config), shown(host.log_lines)):
                assert secret not in text, "a secret is shown"


class IntakeConformance(ChannelConformance):
    """The promises of a channel whose platform calls its endpoints."""

    def authentic(self, path: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that prove the body, as the platform would now send them."""
        raise NotImplementedError

    def samples(self) -> Sequence[Sample]:
        """Return requests as the platform makes them, each with items that are new."""
        raise NotImplementedError

    junk_statuses: ClassVar[frozenset[int]] = frozenset({400, 413, 415, 422})
    """What authentic nonsense is answered with."""

    async def test_what_the_platform_sends_is_stored_and_once_only(self) -> None:
        async with self._served() as (host, post):
            for sample in self.samples():
                before = len(host.store.items)
                for _ in range(2):
                    status, _ = await post(sample)
                    assert 200 <= status < 300
                    assert len(host.store.items) - before == sample.items

    async def test_it_is_stored_once_even_over_a_restart(self) -> None:
        async with self._served() as (host, post):
            await post(self.samples()[0])
            before = len(host.store.items)
        async with self._served(host.store) as (_, post):
            status, _ = await post(self.samples()[0])
            assert 200 <= status < 300
        assert len(host.store.items) == before

    async def test_copies_at_the_same_time_are_stored_once(self) -> None:
        sample = self.samples()[0]
        async with self._served() as (host, post):
            answers = await asyncio.gather(*(post(sample) for _ in range(10)))
            assert all(200 <= status < 300 for status, _ in answers)
            assert len(host.store.items) == sample.items

    async def test_who_proves_nothing_stores_nothing(self) -> None:
        """401 with an empty body; also with the proof of another body or with half a proof."""
        async with self._served() as (host, post):
            for sample in self.samples():
                proof = dict(self.authentic(sample.path, sample.body))
                for wrong in ({}, dict.fromkeys(proof, "x"), dict.fromkeys(proof, "ключ")):
                    assert await post(sample, wrong) == (401, b"")
            assert host.store.items == []
            assert host.emitted == []

    async def test_what_cannot_be_stored_is_not_acknowledged(self) -> None:
        """503, so that the platform sends it again; and then it is stored."""
        sample = self.samples()[0]
        async with self._served() as (host, post):
            for failure in (omnigate.StoreError("disk full"), omnigate.Overloaded("too busy")):
                host.store.failure = failure
                assert (await post(sample))[0] == 503
            host.store.failure = None
            assert 200 <= (await post(sample))[0] < 300
            assert len(host.store.items) == sample.items

    async def test_authentic_nonsense_breaks_nothing(self) -> None:
        """No junk is stored, answered with 5xx, or keeps what comes after it from being stored."""
        sample = self.samples()[0]
        async with self._served() as (host, post):
            for junk in (*JUNK, sample.body[:-1], sample.body + b"}"):
                status, _ = await post(Sample(junk, 0, sample.path))
                assert status in self.junk_statuses, f"{junk[:40]!r} was answered with {status}"
            assert host.store.items == []
            assert 200 <= (await post(sample))[0] < 300

    async def test_no_secret_is_in_a_log_line(self) -> None:
        async with self._served() as (host, post):
            for sample in self.samples():
                await post(sample)
                await post(Sample(b"junk", 0, sample.path))
                await post(sample, {})
            self._assert_no_secret(host)

    @asynccontextmanager
    async def _served(
        self, store: MemoryStore | None = None
    ) -> AsyncIterator[tuple[FakeHost, Any]]:
        async with (
            self.channel(store=store) as (channel, host),
            serve(channel, host) as address,
            aiohttp.ClientSession() as session,
        ):

            async def post(
                sample: Sample, headers: Mapping[str, str] | None = None
            ) -> tuple[int, bytes]:
                if headers is None:
                    headers = self.authentic(sample.path, sample.body)
                async with session.post(
                    address + sample.path, data=sample.body, headers=headers
                ) as answer:
                    return answer.status, await answer.read()

            yield host, post


class WebhookChannelConformance(IntakeConformance):
    """The promises of a `WebhookChannel`: those of every intake, and of its pure methods."""

    junk_statuses = frozenset(range(200, 300))
    """A platform would send what it gets no success for again and again: junk is quarantined."""

    async def test_its_pure_methods_raise_only_what_they_may(self) -> None:
        async with self.channel() as (channel, _):
            assert isinstance(channel, omnigate.WebhookChannel)
            for junk in JUNK:
                request = self._request(junk, {})
                with pytest.raises(omnigate.Unauthorized):
                    channel.authenticate(request)
                try:
                    channel.parse(self._request(junk, self.authentic("/hook", junk)))
                except omnigate.BadPayload as error:
                    assert len(str(error)) < 2000, "the error repeats the payload"

    def _request(self, body: bytes, headers: Mapping[str, str]) -> omnigate.Request:
        folded = {name.lower(): value for name, value in headers.items()}
        return omnigate.Request(method="POST", path="/hook", query={}, headers=folded, body=body)
