"""Scriptable SMSCs of another make, and links that are bound to them."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from omnigate_sms.link import Incoming, Report, Said, Text
from omnigate_sms.smpp import SmppConfig, SmppLink

import omnigate
from omnigate.testing import FakeHost
from tests.ports import free_port

T = TypeVar("T")
SECONDS = 20.0
ROOT = Path(__file__).parents[4]
LATIN = "The quick brown fox [jumps] over {the} lazy dog € " * 5
"""A text of two segments."""


async def until(holds: Callable[[], T], what: Callable[[], object] = lambda: "") -> T:
    """Return what a condition gives once it is true."""
    try:
        async with asyncio.timeout(SECONDS):
            while not (given := holds()):  # noqa: ASYNC110  # what changes tells nobody
                await asyncio.sleep(0.005)
            return given
    except TimeoutError:
        raise AssertionError(f"it never came to that: {what()!r}") from None


class Exchange:
    """The process in which all SMSCs of a test run live."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(Path(__file__).with_name("smsc.cjs"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._heard: dict[str, list[dict[str, Any]]] = {}
        self._names = itertools.count(1)
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def smsc(self, tls: dict[str, str] | None = None) -> Smsc:
        """Return a new SMSC that listens soon."""
        smsc = Smsc(self, f"smsc-{next(self._names)}", free_port(), [])
        self._heard[smsc.name] = smsc.events
        self.tell(smsc.name, {"port": smsc.port, "tls": tls, "listen": True})
        return smsc

    def tell(self, name: str, order: dict[str, Any]) -> None:
        """Have an SMSC do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"smsc": name, **order}).encode() + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._listening.join(SECONDS)
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            self._heard[event["smsc"]].append(event)


@dataclass
class Smsc:
    """One SMSC, seen from outside."""

    exchange: Exchange
    name: str
    port: int
    events: list[dict[str, Any]]

    def tell(self, **order: Any) -> None:
        """Have it do something; see ``obey`` in smsc.cjs."""
        self.exchange.tell(self.name, order)

    async def set(self, **values: Any) -> None:
        """Have it be otherwise from now on."""
        known = len(self.all("set"))
        self.tell(set=values)
        await self.until("set", known + 1)

    async def so_far(self, event: str) -> list[dict[str, Any]]:
        """Return all that has happened of a kind until now."""
        await self.report()  # it comes after what happened before it
        return self.all(event)

    def all(self, event: str) -> list[dict[str, Any]]:
        """Return all that is known to have happened of a kind."""
        return [one for one in list(self.events) if one["event"] == event]

    async def until(self, event: str, number: int = 1) -> dict[str, Any]:
        """Return the ``number``-th event of a kind once it has happened."""
        await until(lambda: len(self.all(event)) >= number, lambda: (event, self.events))
        return self.all(event)[number - 1]

    async def report(self) -> dict[str, Any]:
        """Return what it has counted."""
        known = len(self.all("report"))
        self.tell(report=True)
        return await self.until("report", known + 1)


Bind = Callable[..., Coroutine[Any, Any, "Bound"]]
"""The fixture ``bind``: a link with options."""


@dataclass
class Bound:
    """A link at work, and both sides of it."""

    smsc: Smsc
    host: FakeHost
    link: SmppLink
    running: asyncio.Task[None]
    said: list[Said] = field(default_factory=list)
    failure: Exception | None = None
    """What keeping raises, if it is set."""
    batches: list[Sequence[Said]] = field(default_factory=list)

    async def deliver(self, said: Sequence[Said], notes: omnigate.Notes | None = None) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        await self.host.put(notes=notes)
        self.batches.append(said)
        self.said += said

    async def up(self, number: int = 1) -> None:
        """Wait until the link was up so many times."""
        states = self.host.states
        await until(lambda: [state for state, _ in states].count("up") >= number, lambda: states)

    async def incoming(self, number: int = 0) -> Incoming:
        return await self.kept(Incoming, number)

    async def report(self, number: int = 0) -> Report:
        return await self.kept(Report, number)

    async def kept(self, kind: type[T], number: int) -> T:
        def found() -> Sequence[T]:
            return [one for one in self.said if isinstance(one, kind)][number:]

        return (await until(found, lambda: (self.said, self.smsc.events)))[0]

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.wait({self.running}, timeout=SECONDS)
        assert self.running.done()


def config(smsc: Smsc, **options: Any) -> SmppConfig:
    """Return how to bind to an SMSC, at a rate that is not in the way."""
    given = {
        "host": "127.0.0.1",
        "port": smsc.port,
        "system_id": "shop",
        "password": "secret",
        "rate_per_second": 5000,
    }
    return SmppConfig.model_validate({**given, **options})


@asynccontextmanager
async def running(smsc: Smsc, **options: Any) -> AsyncIterator[Bound]:
    """Run a link to an SMSC, whatever comes of it."""
    async with FakeHost("sms") as host:
        bounds: list[Bound] = []

        async def deliver(said: Sequence[Said], notes: omnigate.Notes | None = None) -> None:
            await bounds[0].deliver(said, notes)

        link = SmppLink(config(smsc, **options), host, deliver)
        bound = Bound(smsc, host, link, asyncio.create_task(link.run()))
        bounds.append(bound)
        try:
            yield bound
        finally:
            await bound.stop()
            if not bound.running.cancelled():
                bound.running.exception()


def text(said: str = "hello", **more: Any) -> Text:
    """Return a text to be sent."""
    given = {"id": "prt_1", "to": "79161234567", "sender": "1234567890", "text": said}
    return Text(**{**given, **more})


async def pause_is_over(link: Bound) -> None:
    """Wait until the operator no longer wants the link to pause."""
    await until(lambda: link.link._throttle.left_seconds() == 0)
