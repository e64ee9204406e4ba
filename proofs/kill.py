"""Kill the real daemon at random moments under load; then see that nothing is lost or doubled.

usage: python -m proofs.kill [--loops N] [--seed N]

In every loop the daemon starts, customers write and the CRM answers, the receivers verify and misbehave,
and a SIGKILL comes at a random moment: mostly under load, sometimes while it starts or stops. In the end
it runs undisturbed until everything is delivered. The last line is the verdict; the exit code is 1 when
anything was lost, doubled, out of order or damaged.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from proofs.customers import Writers
from proofs.daemon import Daemon, wait_until
from proofs.receiver import Receiver
from proofs.verdict import Verdict, judge, owed

CUSTOMERS: Final = 6
AGENTS: Final = 3
UPLOADERS: Final = 1
BACKLOG: Final = 300
"""With more than this yet to arrive, only `AT_LEAST` are written a loop: receivers shall keep up."""
AT_LEAST: Final = 40
STEPS: Final = 150
"""A kill comes within so many acknowledgements and arrivals."""
LOAD_SECONDS: Final = 2.0
"""It comes even if there is hardly any progress, because a receiver is left alone for a while."""
STARTING: Final = 0.1
STOPPING: Final = 0.1
START_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 600.0
"""A receiver that misbehaved five times in a row is left alone for half a minute, or minutes."""


class Run:
    """A daemon under load, to be ended and started again."""

    def __init__(
        self, daemon: Daemon, receiver: Receiver, token: str, chance: random.Random
    ) -> None:
        self.daemon, self.receiver, self.chance = daemon, receiver, chance
        self.prelude = ""
        self._acknowledged_before = 0
        self.writers = Writers(daemon, token, chance, self._may_write)

    def _may_write(self) -> bool:
        receiver, acknowledged = self.receiver, self.writers.book.acknowledged
        if acknowledged < self._acknowledged_before + AT_LEAST:
            return True
        arrived = min(len(receiver.crm.texts), len(receiver.books.texts))
        return acknowledged - arrived - len(receiver.answers.texts) < BACKLOG

    def _steps(self) -> int:
        """Return how much has happened so far, on either side of the daemon."""
        receiver = self.receiver
        return self.writers.book.acknowledged + sum(
            len(inbox.ids) for inbox in (receiver.crm, receiver.books, receiver.answers)
        )

    async def _load(self) -> None:
        """Wait until a random moment under load."""
        wanted = self._steps() + self.chance.randrange(STEPS)
        with suppress(TimeoutError):
            await wait_until(lambda: self._steps() >= wanted, "", seconds=LOAD_SECONDS)
        await asyncio.sleep(self.chance.uniform(0, 0.03))  # any moment will do

    async def kill_once(self) -> None:
        """Start the daemon and kill it at a random moment."""
        dice = self.chance.random()
        self._acknowledged_before = self.writers.book.acknowledged
        await self.daemon.start(prelude=self.prelude)
        if dice < STARTING:
            await asyncio.sleep(self.chance.uniform(0, START_SECONDS))  # any moment will do
        elif await self.daemon.ready():
            await self._load()
            if dice < STARTING + STOPPING:
                self.daemon.signal(signal.SIGTERM)
                await asyncio.sleep(self.chance.uniform(0, 0.1))  # as above
        await self.daemon.kill()

    async def finish(self) -> Verdict:
        """Let everything that was begun be acknowledged and delivered; stop, and judge."""
        self.receiver.calm_down()
        await self.daemon.start(prelude=self.prelude)
        await self.daemon.ready()
        await self.writers.end()
        folder, log = self.daemon.folder, self.daemon.log
        await wait_until(lambda: not owed(folder), "all is delivered", log, DRAIN_SECONDS)
        code = await self.daemon.stop()
        verdict = await judge(self.daemon, self.writers.book, self.receiver)
        if code != 0:
            verdict.problems.append(f"the daemon ended with {code}: {log()}")
        return verdict


@asynccontextmanager
async def running(folder: Path, chance: random.Random, **options: Any) -> AsyncIterator[Run]:
    """Give a daemon that is not started yet, its receiver, and writers who have begun."""
    receiver = Receiver(chance)
    await receiver.start()
    daemon = Daemon(folder, receiver.url, **options)
    run = Run(daemon, receiver, await daemon.new_token(), chance)
    run.writers.begin(CUSTOMERS, AGENTS, UPLOADERS)
    try:
        yield run
    finally:
        await run.writers.leave()
        await daemon.kill()
        await receiver.end()


async def prove(folder: Path, loops: int, seed: int, tell: Callable[[str], None]) -> Verdict:
    """Run the loops; return what they came to."""
    began = time.monotonic()
    async with running(folder, random.Random(seed)) as run:
        for number in range(1, loops + 1):
            await run.kill_once()
            if number % 25 == 0 or number == loops:
                book, crm = run.writers.book, run.receiver.crm
                tell(
                    f"loop {number}, {time.monotonic() - began:.0f} s:"
                    f" acknowledged {book.acknowledged}, uploads {len(book.files)},"
                    f" attempts at the CRM {crm.attempts}, repeated {crm.repeated}"
                )
        return await run.finish()


def main() -> None:
    """Run the proof and print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}, {options.loops} loops", flush=True)
    with tempfile.TemporaryDirectory(prefix="omnigate-kill-") as folder:
        verdict = asyncio.run(prove(Path(folder), options.loops, seed, print))
    for line in verdict.complaints():
        print(line)
    print(verdict)
    sys.exit(0 if verdict.is_good else 1)


if __name__ == "__main__":
    main()
