"""SMSCs, and links that are bound to them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from omnigate_sms.smpp import line

from tests.plugins.sms.smpp.links import ROOT, Bound, Exchange, Smsc, running


@pytest.fixture(autouse=True)
def quick_back_off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have links come back sooner than they do where a test waits for it."""
    if "exchange" in request.fixturenames:
        monkeypatch.setattr(line, "FIRST_PAUSE_SECONDS", 0.05)


@pytest.fixture(scope="session")
def exchange() -> Iterator[Exchange]:
    """The SMSCs of the npm package ``smpp``."""
    if shutil.which("node") is None or not (ROOT / "node_modules" / "smpp").is_dir():
        pytest.skip("not run: node and the npm package smpp are not installed")
    exchange = Exchange()
    yield exchange
    exchange.close()


@pytest.fixture
async def smsc(exchange: Exchange, anyio_backend: str) -> Smsc:
    """An SMSC of its own for a test, listening."""
    smsc = exchange.smsc()
    await smsc.until("listening")
    return smsc


@pytest.fixture
async def bind(smsc: Smsc) -> AsyncIterator[Callable[..., Any]]:
    """A link that is bound to the SMSC, with options."""
    async with AsyncExitStack() as stack:

        async def bound(**options: Any) -> Bound:
            link = await stack.enter_async_context(running(smsc, **options))
            await link.up()
            return link

        yield bound
