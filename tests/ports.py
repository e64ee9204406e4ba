"""Ports for daemons under test, of none that the system gives to whoever asks for any.

A port that was free a moment ago may be somebody else's when the daemon asks for it: tests that run beside
each other open hundreds. So each process has a block of ports of its own for as long as it lives, below
those that the system chooses from: the other workers of its run have others, and so have other runs on the
machine. Within a block no port is given twice while there are more.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
from functools import cache
from pathlib import Path
from tempfile import gettempdir

FIRST, EACH, BLOCKS = 15_000, 1_000, 16
_chance = random.SystemRandom()
_left: list[int] = []


def free_port() -> int:
    """Return a port on loopback that nobody has and nobody gets by chance."""
    while True:
        if not _left:
            first = FIRST + _block() * EACH
            _left.extend(_chance.sample(range(first, first + EACH), EACH))
        port = _left.pop()
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


@cache
def _block() -> int:
    """Return the number of a block, held until this process ends; any when all of them are."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for number in range(BLOCKS):
        block = (worker + number) % BLOCKS
        path = Path(gettempdir()) / f"omnigate-tests-ports-{block}"
        try:
            held = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except PermissionError:  # another user's, who runs them too
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
        else:
            return block
    return _chance.randrange(BLOCKS)
