"""How many updates a second one core makes into items, of every platform that has an emulator.

usage: python bench/parsing.py [COUNT]

The emulators' generators draw COUNT updates (20 000), mostly messages, the same at every run. Each is
parsed as the body of a webhook, by the channel itself. The best of three rounds counts: what else the
machine does only ever takes away.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final

import omnigate
from omnigate.testing import FakeHost

COUNT: Final = 20_000
ROUNDS: Final = 3
LEAST: Final = 10_000
"""Updates a second that every channel promises."""


def telegram(count: int) -> tuple[omnigate.WebhookChannel, Iterator[dict[str, Any]]]:
    """Return a bot and what its customers do."""
    from omnigate_telegram import Telegram  # noqa: PLC0415  # only what is measured is brought in

    from omnigate.emulators.telegram.generate import Generator  # noqa: PLC0415

    config = Telegram.Config.model_validate({"token": f"7000000001:{'x' * 35}"})
    return Telegram(config, FakeHost("bot", kind="telegram")), Generator(0).updates(count)


def vk(count: int) -> tuple[omnigate.WebhookChannel, Iterator[dict[str, Any]]]:
    """Return a community and what its customers do."""
    from omnigate_vk import Vk  # noqa: PLC0415

    from omnigate.emulators.vk.generate import Generator  # noqa: PLC0415

    generator = Generator(0)
    config = Vk.Config.model_validate({"token": "x" * 40, "group_id": generator.group_id})
    return Vk(config, FakeHost("group", kind="vk")), generator.updates(count)


def rate(channel: omnigate.WebhookChannel, bodies: list[bytes]) -> float:
    """Return updates a second of the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for body in bodies:
            channel.parse(omnigate.Request.of(body))
        best = min(best, time.process_time() - started)
    return len(bodies) / best


def main() -> int:
    """Print a line for each channel; exit with 1 if one is slower than it promises."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    worst = float("inf")
    for make in (telegram, vk):
        if find_spec(f"omnigate_{make.__name__}") is None:
            continue
        channel, updates = make(count)
        bodies = [json.dumps(update, ensure_ascii=False).encode() for update in updates]
        per_second = rate(channel, bodies)
        worst = min(worst, per_second)
        size = sum(map(len, bodies)) / len(bodies)
        print(f"{make.__name__:10} {per_second:8,.0f} updates/s a core, {size:,.0f} bytes each")
    print(f"{'promised':10} {LEAST:8,} updates/s a core")
    return 0 if worst >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
