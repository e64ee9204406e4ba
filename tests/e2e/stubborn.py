"""Somebody who asks until there is an answer, whatever dies meanwhile."""

from __future__ import annotations

import http.client
import threading
from typing import Any

PAUSE_SECONDS = 0.05
MOST_ATTEMPTS = 600


class Stubborn:
    """Repeats its calls of a daemon, as somebody does who has had no answer; for a thread of its own."""

    def __init__(self, daemon: Any) -> None:
        self._daemon = daemon
        self.problems: list[str] = []
        """What was refused, or never succeeded: a thread's own exceptions fail no test."""

    def persist(
        self, method: str, path: str, body: object, wanted: int, token: str | None = None
    ) -> Any:
        """Return the answer once it has the status that is wanted."""
        pause = threading.Event()
        more = {"token": token} if token else {}
        for _ in range(MOST_ATTEMPTS):
            try:
                status, answer = self._daemon.request(method, path, body, **more)
            except (OSError, http.client.HTTPException):
                status, answer = 503, None  # it is dead, or was while it was asked
            if status == wanted:
                return answer
            if status != 503:
                self.problems.append(f"{method} {path}: {status} {answer}")
                break
            pause.wait(PAUSE_SECONDS)
        self.problems.append(f"{method} {path} never succeeded")
        raise AssertionError(self.problems[-1])
