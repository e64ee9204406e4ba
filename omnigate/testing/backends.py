"""What every backend must keep, as test classes to inherit; see `omnigate.testing.channels`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from aiohttp import web

import omnigate
from omnigate.testing.canaries import (
    assert_asked_for,
    assert_described,
    assert_refuses_unknown_keys,
    shown,
    values,
)
from omnigate.testing.hosts import LOOPBACK, FakeBackendHost
from omnigate.testing.junk import JUNK
from omnigate.testing.receiver import loopback_receiver

NOBODY = "http://127.0.0.1:9/"


def sample_event(number: int = 1, *, attempt: int = 1) -> omnigate.Event:
    """Return an event as the daemon would hand it over."""
    event_id = f"evt_{number:026d}"
    envelope = {
        "id": event_id,
        "type": "message.received",
        "timestamp": "2026-11-21T10:00:00.000Z",
        "recorded_at": "2026-11-21T10:00:00.100Z",
        "sequence": number,
        "gap": [],
        "channel": {"name": "site", "kind": "webchat"},
        "conversation": {"id": "cnv_00000000000000000000000000", "external_id": "1"},
        "contact": {"id": "ctc_00000000000000000000000000", "display_name": "Анна"},
        "data": {"message": {"text": "Здравствуйте\x1b[2J", "attachments": []}},
    }
    return omnigate.Event(
        id=event_id,
        type=omnigate.EventType.MESSAGE_RECEIVED,
        body=json.dumps(envelope, ensure_ascii=False).encode(),
        sequence=number,
        attempt=attempt,
    )


class BackendConformance:
    """The promises of every backend. Coroutines run under the pytest plugin of anyio."""

    pytestmark = pytest.mark.anyio

    backend_class: ClassVar[type[omnigate.Backend]]

    def config(self, receiver_url: str) -> Mapping[str, Any]:
        """Return the section of the configuration, with made-up secrets in it."""
        raise NotImplementedError

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @asynccontextmanager
    async def backend(
        self, receiver_url: str = NOBODY
    ) -> AsyncIterator[tuple[omnigate.Backend, FakeBackendHost]]:
        """Give a configured backend and its host; the backend is closed at the end."""
        given = dict(self.config(receiver_url))
        if "allow_private" in self.backend_class.Config.model_fields:
            given.setdefault("allow_private", list(LOOPBACK))
        config = self.backend_class.Config.model_validate(given)
        async with FakeBackendHost() as host:
            backend = self.backend_class(config, host)
            try:
                yield backend, host
            finally:
                await backend.close()

    def test_it_says_what_it_is(self) -> None:
        assert self.backend_class.kind
        assert self.backend_class.summary, "one line for listings is missing"

    def test_every_key_of_its_configuration_is_described(self) -> None:
        assert_described(self.backend_class.Config)

    def test_an_unknown_key_is_refused_and_no_error_shows_a_secret(self) -> None:
        assert_refuses_unknown_keys(self.backend_class.Config, self.config(NOBODY))

    def test_whoever_answers_all_that_is_asked_has_a_good_section(self) -> None:
        """What ``omnigate backend add`` asks for is enough; see `omnigate.Asked`."""
        assert_asked_for(self.backend_class.Config, self.config(NOBODY))

    async def test_check_tells_of_trouble_instead_of_raising(self) -> None:
        async with self.backend() as (backend, host):
            health = await asyncio.wait_for(backend.check(), 25)
            assert isinstance(health, omnigate.Health)
            self._assert_no_secret(host, health.message)

    async def test_it_can_be_closed_without_having_delivered(self) -> None:
        async with self.backend():
            pass

    def _assert_no_secret(self, host: FakeBackendHost, *texts: str) -> None:
        config = self.backend_class.Config.model_validate(dict(self.config(NOBODY)))
        for secret in values(config):
            for text in (*texts, repr(config), shown(host.log_lines)):
                assert secret not in text, "a secret is shown"


class HttpBackendConformance(BackendConformance):
    """The promises of a backend whose receiver is an HTTP endpoint."""

    async def test_every_event_arrives_and_the_receiver_can_tell_repetitions(self) -> None:
        async with loopback_receiver() as receiver, self.backend(receiver.url) as (backend, _):
            for event in (sample_event(1), sample_event(2), sample_event(2, attempt=2)):
                await backend.deliver(event)
            requests = await receiver.wait_for(3)
            assert requests[1].body == requests[2].body, "an event that comes again looks different"
            for number, request in ((1, requests[0]), (2, requests[1])):
                told = (request.body.decode(), *request.headers.values())
                assert any(sample_event(number).id in text for text in told), (
                    "the event's id is neither in the body nor in a header"
                )

    @pytest.mark.parametrize("status", [301, 400, 401, 404, 409, 410, 422, 429, 500, 503])
    async def test_what_the_receiver_did_not_take_is_not_delivered(self, status: int) -> None:
        async with loopback_receiver() as receiver, self.backend(receiver.url) as (backend, host):
            receiver.answer(status, b"echo", {"location": "/x", "retry-after": "nonsense"})
            with pytest.raises(
                (omnigate.DestinationUnavailable, omnigate.RetryLater, omnigate.Refused)
            ) as caught:
                await backend.deliver(sample_event())
            self._assert_no_secret(host, str(caught.value))

    async def test_a_receiver_that_is_down_is_a_destination_that_is_down(self) -> None:
        async with self.backend() as (backend, host):
            with pytest.raises(omnigate.DestinationUnavailable) as caught:
                await asyncio.wait_for(backend.deliver(sample_event()), 25)
            self._assert_no_secret(host, str(caught.value))

    async def test_an_attempt_that_is_cancelled_stops_within_a_second(self) -> None:
        async def silence(request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            return web.Response()

        async with loopback_receiver() as receiver, self.backend(receiver.url) as (backend, _):
            receiver.answer_with(silence)
            attempt = asyncio.create_task(backend.deliver(sample_event()))
            await receiver.wait_for(1)
            attempt.cancel()
            await asyncio.wait_for(asyncio.wait([attempt]), 1)
            assert attempt.cancelled()

    async def test_a_hostile_answer_does_not_undo_the_delivery(self) -> None:
        hostile = (
            *JUNK,
            b'{"messages":[{"text":7}]}',
            b'{"messages":' + b"[" * 60_000,
            bytes(1 << 20),
        )
        async with loopback_receiver() as receiver, self.backend(receiver.url) as (backend, host):
            for body in hostile:
                receiver.answer(200, body)
                assert await backend.deliver(sample_event()) is None
            self._assert_no_secret(host)

    async def test_conversations_are_delivered_side_by_side(self) -> None:
        """One slow answer must not hold up the others."""
        async with loopback_receiver() as receiver, self.backend(receiver.url) as (backend, _):
            gate = asyncio.Event()

            async def wait_at_the_gate(request: web.Request) -> web.StreamResponse:
                await gate.wait()
                return web.Response(status=204)

            receiver.answer_with(wait_at_the_gate)
            attempts = [asyncio.create_task(backend.deliver(sample_event(n))) for n in range(5)]
            try:
                await receiver.wait_for(5)
            finally:
                gate.set()
                await asyncio.gather(*attempts)
