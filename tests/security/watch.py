"""Who watches what an attack costs everybody else, and whom the attacks are tried on."""

from __future__ import annotations

import threading
import time
from typing import Any

from omnigate.server.app import PUBLIC
from tests.security.daemon import ORIGIN, TOKEN

MEGABYTE = 1024 * 1024
NOBODY = "00000000000000000000000000"
API = [
    (operation.method, operation.path.replace("{id}", f"cnv_{NOBODY}"))
    for operation in PUBLIC
    if operation.body is not None
]
APPLICATION = [("POST", f"/channels/app/{path}") for path in ("messages", "receipts", "typing")]
WIDGET = [("POST", f"/channels/site/{path}") for path in ("session", "commands")]
SLOWEST_SECONDS = 8.0
"""How long anybody else may wait meanwhile: the machine may be busy, a bomb takes for ever."""


class Watchman:
    """Asks, while something else happens, whether others are answered; remembers the longest wait."""

    def __init__(self, daemon: Any) -> None:
        self._daemon = daemon
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.longest_seconds = 0.0
        self.before_bytes = self.most_bytes = 0

    def __enter__(self) -> Watchman:
        self.before_bytes = self._daemon.memory_bytes()
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            answer = self._daemon.call("GET", "/healthz")
            assert answer.status == 200, f"others are answered {answer.raw[:500]!r}"
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            self.most_bytes = max(self.most_bytes, self._daemon.memory_bytes())
            self._stop.wait(0.02)

    @property
    def grown_bytes(self) -> int:
        """How much more memory the daemon had at most."""
        grown: int = self.most_bytes - self.before_bytes
        return grown


def proven(path: str, daemon: Any) -> dict[str, str]:
    """Return the headers of a caller who may."""
    if path.startswith("/channels/app"):
        return {"Authorization": f"Bearer {TOKEN}"}
    if path.startswith("/channels/site"):
        return {"Origin": ORIGIN, "Authorization": f"Bearer {daemon.visit}"}
    return {"Authorization": f"Bearer {daemon.token}"}


def with_visit(daemon: Any) -> Any:
    """Open a visit of the site on a daemon, for its endpoints."""
    opened = daemon.post("/channels/site/session", {}, Origin=ORIGIN)
    daemon.visit = opened.json()["connection_token"]
    return daemon
