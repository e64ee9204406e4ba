"""The fixtures of the kit."""

from __future__ import annotations

import asyncio
import socket

import pytest
from omnigate_webhook import Webhook

import omnigate
from omnigate.testing import sample_event

pytest_plugins = ["omnigate.testing.fixtures"]
pytestmark = pytest.mark.anyio


async def test_a_backend_is_tried_with_a_host_and_a_receiver(backend_host, receiver, loopback_only):
    given = {"url": receiver.url, "secret": omnigate.new_secret(), "allow_private": ["127.0.0.0/8"]}
    await Webhook(Webhook.Config.model_validate(given), backend_host).deliver(sample_event())
    assert len(receiver.requests) == 1


async def test_a_channel_host_remembers_what_a_channel_tells(channel_host):
    channel_host.status("degraded", "slow")
    channel_host.log.info("hello", who="you")
    assert channel_host.states == [("degraded", "slow")]
    assert channel_host.log_lines == [{"level": "info", "event": "hello", "who": "you"}]


async def test_a_connection_off_loopback_fails_the_test(loopback_only):
    for attempt in (_by_socket, _by_asyncio):
        with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1, which is not loopback"):
            await attempt()


async def _by_socket() -> None:
    with socket.socket() as sock:
        sock.settimeout(1)
        sock.connect(("192.0.2.1", 9))


async def _by_asyncio() -> None:
    await asyncio.wait_for(asyncio.open_connection("192.0.2.1", 9), 1)
