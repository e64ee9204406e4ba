"""Bots Long Poll: a numbered history, a key that expires, and the failures 1 to 3.

Source: vendor documentation of Bots Long Poll (steps, ``failed`` codes, types of ``ts``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from omnigate.emulators.changes import Changes
from omnigate.emulators.vk import limits
from omnigate.emulators.vk.journal import Event
from omnigate.emulators.vk.settings import Subscription


class LongPoll:
    """The long poll of one community."""

    def __init__(
        self, random: Random, clock: Callable[[], float], bell: Changes, speed: float = 1.0
    ) -> None:
        self._random = random
        self._clock = clock
        self._bell = bell
        self._speed = speed
        self._kept: deque[tuple[int, Event]] = deque()
        self._keys: dict[str, float] = {}
        self._lost: set[str] = set()
        self._failures: deque[int] = deque()
        self.enabled = False
        self.subscription = Subscription()
        self.ts = random.randrange(1, 1000)
        """Number of the newest event."""
        self.history_limit = 10_000
        """Events kept; who asks for older ones gets failure 1. The figure is unverified."""
        self.key_seconds = 3600.0 * 12
        """Life of a key; then failure 2. The figure is unverified."""
        self.silent = False
        """Answer nothing any more, as some sites saw it happen after hours."""
        self.closed = False
        self.waiting = 0
        """Calls that wait for an event now."""

    def receive(self, event: Event) -> None:
        """Keep an event, if it was asked for."""
        if not self.enabled or not self.subscription.wants(event.type):
            return
        self.ts += 1
        self._kept.append((self.ts, event))
        while len(self._kept) > self.history_limit:
            self._kept.popleft()
        self._bell.ring()

    def new_key(self) -> str:
        """Return a key that lives from now on."""
        key = f"{self._random.getrandbits(160):040x}"
        self._keys[key] = self._clock()
        return key

    def fail(self, code: int, times: int = 1) -> None:
        """Answer the next calls with a failure: 1, 2 or 3; 4 is a wrong version.

        After 2 and 3 the key is really gone; after 3 the history is, too.
        """
        self._failures.extend([code] * times)
        self._bell.ring()

    @property
    def failing(self) -> bool:
        """Whether a failure that was asked for has not been given yet."""
        return bool(self._failures)

    def expire_keys(self) -> None:
        """Let every key have expired: failure 2 until a new one is fetched."""
        self._keys.clear()
        self._bell.ring()

    def lose_history(self) -> None:
        """Forget what was not fetched: failure 3 for the keys that are out, then new numbers."""
        self._lost |= self._keys.keys()
        self._keys.clear()
        self._kept.clear()
        self.ts += self._random.randrange(1000, 2000)
        self._bell.ring()

    async def check(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer one ``a_check``, at once if there is something, else when the wait is over."""
        key = query.get("key", "")
        if (failed := self._failed(key, query.get("ts", ""))) is not None:
            return failed
        ts = int(query["ts"])
        wait = min(_number(query.get("wait", ""), 25), limits.WAIT_SECONDS) / self._speed
        self.waiting += 1
        self._bell.ring()
        try:
            await self._bell.wait_for(lambda: self._ready(key, ts), max(wait, 0.001))
        except TimeoutError:
            if self.silent:
                await self._bell.wait_for(lambda: self.closed, 86400)
            return {"ts": str(ts), "updates": []}
        finally:
            self.waiting -= 1
        return self._failed(key, str(ts)) or self._answer(ts)

    def _ready(self, key: str, ts: int) -> bool:
        if self.closed:
            return True
        if self.silent:
            return False
        return self.ts > ts or bool(self._failures) or key not in self._keys

    def _answer(self, ts: int) -> dict[str, Any]:
        news = [one for one in self._kept if one[0] > ts][: limits.UPDATES_PER_ANSWER]
        last = news[-1][0] if news else ts
        version = self.subscription.api_version
        return {"ts": str(last), "updates": [event.envelope(version) for _, event in news]}

    def _failed(self, key: str, ts: str) -> dict[str, Any] | None:
        if self._failures:
            return self._fail_now(self._failures.popleft())
        if key in self._lost:
            return {"failed": 3}
        if key not in self._keys or self._clock() - self._keys[key] > self.key_seconds:
            return {"failed": 2}
        number = _number(ts, -1)
        oldest = self._kept[0][0] - 1 if self._kept else self.ts
        if not min(oldest, self.ts) <= number <= self.ts:
            return {"failed": 1, "ts": self.ts}  # a number here, a text elsewhere
        return None

    def _fail_now(self, code: int) -> dict[str, Any]:
        self._bell.ring()
        if code == 2:
            self.expire_keys()
        if code == 3:
            self.lose_history()
        return {"failed": 1, "ts": self.ts} if code == 1 else {"failed": code}


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else default
