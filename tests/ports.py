"""Ports for daemons under test, of none that the system gives to whoever asks for any.

A port that was free a moment ago may be somebody else's when the daemon asks for it: tests that run beside
each other open hundreds. So each worker has ports of its own, below those that the system chooses from.
"""

from __future__ import annotations

import os
import random
import socket

FIRST, EACH, WORKERS = 15_000, 2_000, 8
_chance = random.SystemRandom()


def free_port() -> int:
    """Return a port on loopback that nobody has and nobody gets by chance."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    while True:
        port = FIRST + worker * EACH + _chance.randrange(EACH)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
