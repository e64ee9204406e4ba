"""Pressed buttons: each must be answered, or it spins on in the customer's hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import omnigate
from omnigate_telegram.api import FAILED, Api, ApiError, Failure

GOOD_FOR_SECONDS: Final = 120.0
"""Soon after the platform takes a press for too old."""
_MOST: Final = 1000
"""Presses that wait; a customer's spinner is not worth more."""
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 8.0


class Presses:
    """Answers pressed buttons, over short outages too."""

    def __init__(
        self, api: Api, host: omnigate.ChannelHost, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._host = host
        self._clock = clock
        self._waiting: asyncio.Queue[tuple[str, float]] = asyncio.Queue(_MOST)

    def note(self, query: Any) -> None:
        """Remember to answer a ``callback_query``; never waits."""
        if isinstance(query, dict) and "id" in query and not self._waiting.full():
            self._waiting.put_nowait((str(query["id"]), self._clock() + GOOD_FOR_SECONDS))

    async def answer(self) -> None:
        """Answer, one after another, until cancelled."""
        while True:
            await self._answer(*await self._waiting.get())

    async def _answer(self, query: str, until: float) -> None:
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._api.call("answerCallbackQuery", {"callback_query_id": query})
            except FAILED as error:
                wait_seconds = max(pause_seconds, getattr(error, "retry_after_seconds", None) or 0)
                if not _passes(error) or self._clock() + wait_seconds > until:
                    self._host.log.info("a pressed button was not answered", error=str(error))
                    return
            else:
                return
            await asyncio.sleep(wait_seconds)
            pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)


def _passes(error: Failure) -> bool:
    return not isinstance(error, ApiError) or error.code == 429 or error.code >= 500
