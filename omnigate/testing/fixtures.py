"""Fixtures for plugin authors: put ``pytest_plugins = ["omnigate.testing.fixtures"]`` in conftest.py."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import pytest

from omnigate.testing.hosts import FakeBackendHost, FakeHost
from omnigate.testing.receiver import LoopbackReceiver, loopback_receiver


@pytest.fixture
def anyio_backend() -> str:
    """Coroutines run on asyncio, as in the daemon."""
    return "asyncio"


@pytest.fixture
async def channel_host(anyio_backend: str) -> AsyncIterator[FakeHost]:
    """A host for a channel, over a store of its own."""
    async with FakeHost() as host:
        yield host


@pytest.fixture
async def backend_host(anyio_backend: str) -> AsyncIterator[FakeBackendHost]:
    """A host for a backend."""
    async with FakeBackendHost() as host:
        yield host


@pytest.fixture
async def receiver(anyio_backend: str) -> AsyncIterator[LoopbackReceiver]:
    """A receiver of webhooks on loopback that answers 204 until told otherwise."""
    async with loopback_receiver() as receiver:
        yield receiver


@pytest.fixture
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections of this process to anywhere but loopback and Unix sockets.

    Sees what goes through Python's sockets, asyncio's own loop included; uvloop has sockets of its own.
    """
    connect = socket.socket.connect

    def guarded(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            pytest.fail(f"a test connects to {address[0]}, which is not loopback")
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
