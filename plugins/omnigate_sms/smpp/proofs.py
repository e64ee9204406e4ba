"""Which answers of ours the other side has surely read: those before a request that it answered."""

from __future__ import annotations

import asyncio
from typing import Final

PROOF_SECONDS: Final = 5.0
"""So long after an answer the other side is asked whether it is there, unless it was asked something."""


class Proofs:
    """The answers of one session, counted."""

    def __init__(self) -> None:
        self.answers = 0
        """How many were written."""
        self.proven = 0
        """How many of them have surely been read."""
        self._since: float | None = None
        """When the first was written of those that are asked about next."""
        self._stir = asyncio.Event()

    def answered(self) -> int:
        """Count an answer; return how many there are with it."""
        self.answers += 1
        if self._since is None:
            self._since = asyncio.get_running_loop().time()
            self._stir.set()
        return self.answers

    def prove(self, answers: int) -> None:
        """Hear that so many answers have been read: what was asked after them is answered."""
        if answers <= self.proven:
            return
        self.proven = answers
        is_all = answers == self.answers
        self._since = None if is_all else asyncio.get_running_loop().time()

    async def wait_due(self, latest_at: float) -> bool:
        """Wait until it is time to ask, but not longer than so; tell whether it is that time already."""
        due_at = latest_at if self._since is None else min(latest_at, self._since + PROOF_SECONDS)
        if due_at <= asyncio.get_running_loop().time():
            return True
        try:
            async with asyncio.timeout_at(due_at):
                await self._stir.wait()
        except TimeoutError:
            return False  # what is due may have changed meanwhile
        self._stir.clear()
        return False
