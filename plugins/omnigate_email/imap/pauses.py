"""How fast a mailbox is tried again, and in whose threads its server is waited for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from omnigate_email.imap.session import Session

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things are tried again. Seconds."""

    first_seconds: float = 1.0
    """First pause after a connection is lost; each further one is twice as long, less some chance."""
    longest_seconds: float = 300.0
    settled_seconds: float = 30.0
    """A connection that held so long was good: the pauses begin anew."""
    folder_again_seconds: float = 60.0
    """A folder that is missing is looked for again after this."""
    left_again_seconds: float = 3600.0
    """What was set aside is tried again after this."""

    def pause(self, failures: int) -> float:
        """Return the pause after so many failures, the first being 1."""
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)


class Threads:
    """Threads in which servers are waited for: none of the event loop's own."""

    def __init__(self, sessions: int) -> None:
        # One more closes what has ended.
        self._pool = ThreadPoolExecutor(sessions + 1, thread_name_prefix="imap")

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do in a thread what blocks. Who is cancelled leaves at once, and has the session ended."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(function, *args, **kwargs))

    def leave(self, session: Session) -> None:
        """End a session; within a moment also when one of its calls is under way."""
        session.abort()
        self._pool.submit(session.close)

    def end(self) -> None:
        """Take no more calls; those under way end by themselves."""
        self._pool.shutdown(wait=False)
