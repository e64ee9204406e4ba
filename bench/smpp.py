"""How many texts a second leave through one bind, to an SMSC of another make on this machine.

usage: python -m bench.smpp [COUNT]

COUNT texts (10 000) of one segment, with a window of 50 and the highest rate there is: the best of three
rounds counts. Then a second's worth at 500 a second: an operator's limit holds at such a pace too. The SMSC
is the npm package ``smpp``, in a process of its own, and answers every submit_sm at once; what is measured
is the link (`omnigate_sms.smpp`), without store and dispatcher.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

from tests.plugins.sms.smpp.links import Exchange, Smsc, running, text

COUNT: Final = 10_000
ROUNDS: Final = 3
WINDOW: Final = 50
LEAST: Final = 1_000
"""Submits a second that one bind promises."""
HIGHEST_PER_SECOND: Final = 10_000
LIMITED_PER_SECOND: Final = 500
HASTE: Final = 1.1
"""How much faster than its limit a link may be over a second: the first few leave at once."""


async def rate(smsc: Smsc, count: int, rate_per_second: float) -> float:
    """Return submits a second of one round."""
    async with running(smsc, window=WINDOW, rate_per_second=rate_per_second) as bound:
        await bound.up()
        before = (await smsc.report())["taken"]
        numbers = iter(range(count))

        async def send() -> None:
            for number in numbers:
                await bound.link.send(text(id=f"prt_{number}"))

        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WINDOW * 2):
                tasks.create_task(send())
        seconds = time.monotonic() - started
        taken = (await smsc.report())["taken"] - before
    if taken != count:
        raise SystemExit(f"{count} texts were sent and {taken} taken")
    return count / seconds


async def measure(count: int) -> int:
    """Measure and print; return the exit code."""
    exchange = Exchange()
    try:
        smsc = exchange.smsc()
        await smsc.until("listening")
        await smsc.set(quiet=True)
        best = max([await rate(smsc, count, HIGHEST_PER_SECOND) for _ in range(ROUNDS)])
        limited = await rate(smsc, LIMITED_PER_SECOND, LIMITED_PER_SECOND)
    finally:
        exchange.close()
    told = {
        "submits_per_second": round(best),
        "promised": LEAST,
        "limited_to": LIMITED_PER_SECOND,
        "limited_per_second": round(limited),
    }
    print(json.dumps(told))
    return 0 if best >= LEAST and limited <= LIMITED_PER_SECOND * HASTE else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)))
