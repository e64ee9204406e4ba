"""The real daemon as a process, a CRM that verifies and misbehaves, the customer's site, a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser import OPEN_ROOTS
from tests.e2e.bots import Platform
from tests.e2e.daemon import Daemon
from tests.e2e.deadline import wait_until
from tests.e2e.forked import Forked
from tests.e2e.phones import Phones
from tests.e2e.receiver import Answer, Receiver
from tests.plugins.sms.smpp.links import ROOT, Exchange

LOG_SHOWN = 10_000
"""So many of the last characters of a daemon's log are shown with a test that failed."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.end()
    assert [endpoint.forged for endpoint in receiver.endpoints.values() if endpoint.forged] == []


@pytest.fixture
def new_daemon(
    tmp_path: Path, receiver: Receiver, forked: Forked | None
) -> Iterator[Callable[..., Daemon]]:
    """Make daemons; those that still run at the end must end in order, without a traceback."""
    made: list[Daemon] = []

    def make(**options: Any) -> Daemon:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Daemon(folder, receiver, forked=forked, **options))
        return made[-1]

    yield make
    try:
        for daemon in made:
            if daemon.process is not None:
                daemon.stop()
            assert "Traceback" not in daemon.log(), daemon.log()
    finally:
        for daemon in made:
            if daemon.process is not None:
                daemon.kill()
            print(daemon.log()[-LOG_SHOWN:])  # of a test that fails


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    """Starts processes without loading everything for each; modules that need it loaded override this."""
    forked = Forked(tmp_path_factory.mktemp("forked"))
    yield forked
    forked.end()


@pytest.fixture
def daemon(new_daemon: Callable[..., Daemon]) -> Daemon:
    """One daemon with the defaults, running."""
    return new_daemon().start()


@pytest.fixture
def new_platform() -> Iterator[Callable[..., Platform]]:
    """Make emulated platforms."""
    made: list[Platform] = []

    def make(**options: Any) -> Platform:
        made.append(Platform(**options))
        return made[-1]

    yield make
    for platform in made:
        platform.end()


@pytest.fixture
def platform(new_platform: Callable[..., Platform]) -> Platform:
    return new_platform()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition."""
    return wait_until


@pytest.fixture
def answer() -> type[Answer]:
    """What an endpoint's ``behave`` returns."""
    return Answer


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1000, "height": 800})
    context.set_default_timeout(10_000)
    context.add_init_script(OPEN_ROOTS)
    yield context
    context.close()


@pytest.fixture(scope="session")
def exchange() -> Iterator[Exchange]:
    """The SMSCs of the npm package ``smpp``."""
    if shutil.which("node") is None or not (ROOT / "node_modules" / "smpp").is_dir():
        pytest.skip("not run: node and the npm package smpp are not installed")
    made = Exchange()
    yield made
    made.close()


@pytest.fixture
def phones(exchange: Exchange, until: Any) -> Phones:
    """The phones of an operator of its own."""
    smsc = exchange.smsc()
    until(lambda: smsc.all("listening"), "the SMSC listens")
    return Phones(smsc, until)
