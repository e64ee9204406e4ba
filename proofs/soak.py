"""Run the real daemon under constant load, and see that nothing grows that should not.

usage: python -m proofs.soak [--minutes N] [--rate N] [--seed N]

Customers write (new ones all the time), visitors open and close web chats, the CRM answers through the
API, receivers misbehave a little. The housekeeping of the daemon goes round every few seconds, and takes
a moment for a day, so that what it forgets is forgotten many times over. The last line is the verdict;
the exit code is 1 when memory, file handles, the log of the database or a table grew, or anything was
lost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import aiohttp

from proofs.customers import Writers, message
from proofs.daemon import Daemon, wait_until
from proofs.gauge import Gauge, Trend
from proofs.receiver import FATES, Receiver
from proofs.verdict import Verdict, judge, owed

WORKERS: Final = 20
MESSAGES_EACH: Final = 20
"""What a customer says before the next one comes."""
ANSWERED: Final = 10
"""The CRM answers every so many messages through the API."""
VISITORS: Final = 10
READINGS: Final = 120
TOLD: Final = 10
ORIGIN: Final = "https://shop.example.org"
SITE: Final = f"""
[channels.site]
kind = "webchat"
allowed_origins = ["{ORIGIN}"]
[channels.site.limits]
sessions_per_minute = 10000
messages_per_10_seconds_per_network = 10000
"""
HASTY: Final = """
import omnigate.flow.housekeeping as housekeeping
housekeeping.ROUND_SECONDS = 5.0
housekeeping._DAY = 400  # milliseconds
"""
"""Housekeeping by a faster calendar; the daemon is otherwise as it is."""


@dataclass
class Soaked:
    """What a soak came to."""

    minutes: float
    rate: float
    trends: list[Trend]
    wal_mib: float
    verdict: Verdict
    grown: dict[str, int] = field(default_factory=dict)
    """Rows of the tables that keep what was said."""

    @property
    def is_flat(self) -> bool:
        """Whether nothing grew."""
        return all(trend.is_level for trend in self.trends)

    def __str__(self) -> str:
        memory, handles = self.trends[:2]
        return (
            f"soak {self.minutes:g} min at {self.rate:.0f}/s: memory {memory.first:.0f}→{memory.last:.0f}"
            f" MiB, handles {handles.first:.0f}→{handles.last:.0f}, wal {self.wal_mib:.1f} MiB:"
            f" {'flat' if self.is_flat else 'growing'}"
        )


class Crowd:
    """Everybody who writes to a daemon, at an even pace."""

    def __init__(self, daemon: Daemon, writers: Writers, rate: float) -> None:
        self._daemon, self._writers = daemon, writers
        self._pause_seconds = WORKERS / rate
        self._numbers = count()
        self.cut_off = Counter[int | None]()
        """How often a web chat ended before its visitor left, by the code it was closed with."""
        self._ended = False

    async def write(self, seconds: float) -> None:
        """Write for so long."""
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            for number in range(WORKERS):
                tasks.create_task(self._customers(number))
            for _ in range(VISITORS):
                tasks.create_task(self._visitors(http))
            tasks.create_task(self._uploads())
            await asyncio.sleep(seconds)
            self._ended = True

    async def _customers(self, number: int) -> None:
        """Be one customer after another, at an even pace however long an answer takes."""
        loop = asyncio.get_running_loop()
        turn = loop.time() + self._pause_seconds * number / WORKERS
        while not self._ended:
            conversation = f"s{next(self._numbers)}"
            for said in range(MESSAGES_EACH):
                await asyncio.sleep(max(0.0, turn - loop.time()))
                turn += self._pause_seconds
                await self._writers.say([message(conversation, said)])
                if said % ANSWERED == ANSWERED - 1:
                    to = {"channel": "app", "address": f"app:{conversation}"}
                    await self._writers.send(to, f"t{conversation}-{said // ANSWERED}")

    async def _visitors(self, http: aiohttp.ClientSession) -> None:
        """Be one visitor of the site after another; who is cut off says it again, as widgets do."""
        base, headers = f"{self._daemon.address}/channels/site", {"Origin": ORIGIN}
        while not self._ended:
            async with http.post(f"{base}/session", json={}, headers=headers) as answer:
                session = await answer.json()
            number = next(self._numbers)
            while not await self._visit(http, session["connection_token"], number):
                if not self._daemon.alive:
                    raise RuntimeError(f"the daemon ended: {self._daemon.log()}")

    async def _visit(self, http: aiohttp.ClientSession, token: str, number: int) -> bool:
        """Look at the site, say something, leave; False when the connection ended before."""
        said = {"t": "msg.send", "cid": f"cid-{number:08}", "d": {"text": f"w{number}-0"}}
        async with http.ws_connect(
            f"{self._daemon.address}/channels/site/socket",
            protocols=("omni.v1",),
            headers={"Origin": ORIGIN},
        ) as tab:
            await tab.send_json({"t": "hello", "d": {"connection_token": token, "after": 0}})
            await tab.send_json(said)
            async for frame in tab:
                if frame.type == aiohttp.WSMsgType.TEXT and frame.json()["t"] == "ack":
                    await asyncio.sleep(1)
                    return True
            self.cut_off[tab.close_code] += 1
        return False

    async def _uploads(self) -> None:
        while not self._ended:
            await self._writers.upload(os.urandom(10_000))
            await asyncio.sleep(1)


async def soak(
    folder: Path,
    minutes: float,
    rate: float,
    seed: int,
    tell: Callable[[str], None],
    prelude: str = "",
) -> Soaked:
    """Run the load and return what came of it; ``prelude`` is Python that breaks the daemon on purpose."""
    chance = random.Random(seed)
    receiver = Receiver(chance)
    receiver.fates = {fate: share / 5 for fate, share in FATES.items()}
    await receiver.start()
    daemon = Daemon(folder, receiver.url, more=SITE)
    writers = Writers(daemon, await daemon.new_token(), chance, lambda: True)
    try:
        await daemon.start(prelude=HASTY + prelude)
        await daemon.ready()
        gauge = Gauge(daemon.pid, folder / "store.db")
        watching = asyncio.create_task(_watch(gauge, minutes * 60, writers, tell))
        began = time.monotonic()
        crowd = Crowd(daemon, writers, rate)
        await crowd.write(minutes * 60)
        reached = len(writers.book.messages) / (time.monotonic() - began)
        await watching
        tell(f"web chats cut off, by code: {dict(crowd.cut_off) or 'none'}")
        receiver.calm_down()
        await wait_until(lambda: not owed(folder), "all is delivered", daemon.log, 600)
        code = await daemon.stop()
        verdict = await judge(daemon, writers.book, receiver)
        if code != 0:
            verdict.problems.append(f"the daemon ended with {code}: {daemon.log()}")
        if reached < 0.9 * rate:
            verdict.problems.append(f"only {reached:.0f} messages/s were taken in")
        return _soaked(gauge, minutes, reached, verdict)
    finally:
        await writers.leave()
        await daemon.kill()
        await receiver.end()


async def _watch(
    gauge: Gauge, seconds: float, writers: Writers, tell: Callable[[str], None]
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(1, READINGS + 1):
        await asyncio.sleep(max(0.0, began + seconds * number / READINGS - loop.time()))
        reading = await asyncio.to_thread(gauge.read)
        if number % (READINGS // TOLD) == 0:
            tell(
                f"{(loop.time() - began) / 60:5.1f} min  memory {reading.memory_mib:6.1f} MiB"
                f"  handles {reading.handles:4}  wal {reading.wal_mib:5.1f} MiB"
                f"  acknowledged {writers.book.acknowledged:7}  owed {reading.rows['outbox']:5}"
            )


def _soaked(gauge: Gauge, minutes: float, rate: float, verdict: Verdict) -> Soaked:
    wal_mib = max(reading.wal_mib for reading in gauge.readings)
    rows = gauge.readings[-1].rows
    trends = list(gauge.trends())
    level = {trend.name.removeprefix("rows of ") for trend in trends}
    grown = {table: number for table, number in rows.items() if table not in level}
    return Soaked(minutes, rate, trends, wal_mib, verdict, grown)


def _table(soaked: Soaked) -> str:
    lines = [f"{'':24}{'first third':>12}{'last third':>12}{'limit':>12}"]
    lines += [
        f"{trend.name:24}{trend.first:12.1f}{trend.last:12.1f}{trend.limit:12.1f}"
        f"{'' if trend.is_level else '  grows'}"
        for trend in soaked.trends
    ]
    lines.append("grow by design: " + ", ".join(f"{name} {n}" for name, n in soaked.grown.items()))
    return "\n".join(lines)


def main() -> None:
    """Run the proof and print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}, {options.minutes:g} minutes at {options.rate:g}/s", flush=True)

    def tell(line: str) -> None:
        print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="omnigate-soak-") as folder:
        soaked = asyncio.run(soak(Path(folder), options.minutes, options.rate, seed, tell))
    print(_table(soaked))
    for line in soaked.verdict.complaints():
        print(line)
    print(soaked.verdict)
    print(soaked)
    sys.exit(0 if soaked.is_flat and soaked.verdict.is_good else 1)


if __name__ == "__main__":
    main()
