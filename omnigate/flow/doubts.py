"""What a run of the daemon remembers of calls under way: what is known, in doubt, and when to ask again.

None of it has to survive: what is not remembered is in doubt, and is asked about.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from omnigate.errors import Refused
from omnigate.model.call import WAITING, Call, CallState
from omnigate.store.transaction import CallChanged

HANG_UP: Final = "hang up"
"""What was tried, of tries to end a call."""
_INTERRUPTED: Final = "the daemon ended while it was being dialled"


class Doubts:
    """Remembers attempts until their calls have ended. Times are by the loop's clock."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}
        """The latest attempt of each call that its platform has taken, in this run."""
        self._taken_back: set[str] = set()
        self._latest: dict[str, tuple[CallState, int]] = {}
        """State and attempt of each call as they were last heard of, in this run."""
        self._doubted: dict[str, tuple[float, str]] = {}
        self._again_at: dict[str, float] = {}
        self._tries: Counter[tuple[str, str]] = Counter()
        self._going_on: dict[str, Refused] = {}
        """Calls that were taken back and that the platform cannot end: why."""
        self._asked_to_end: dict[str, float] = {}
        """Since when the platforms of calls are asked to end them, in this run."""
        self._waiting: dict[str, asyncio.Event] = {}
        """Set once that call's platform was asked, or the call has ended."""

    def hear(self, changed: CallChanged) -> None:
        """Hear how a call stands now, before anybody else does."""
        call_id = changed.call.id
        self._latest[call_id] = (changed.call.state, changed.call.attempt)
        if changed.is_cancelled:
            self._taken_back.add(call_id)
        if changed.call.state != "dialling":
            self._doubted.pop(call_id, None)
        if changed.call.state in WAITING:
            # What was tried to end it was about an attempt that is over.
            self._forget_ending(call_id)
        if changed.has_ended:
            self.forget(call_id)

    def forget(self, call_id: str) -> None:
        """Remember nothing more of a call: it has ended."""
        for known in (self._latest, self._taken, self._doubted, self._again_at):
            known.pop(call_id, None)
        self._taken_back.discard(call_id)
        self._forget_ending(call_id)
        self._wake(call_id)
        for key in [key for key in self._tries if key[0] == call_id]:
            del self._tries[key]

    def _forget_ending(self, call_id: str) -> None:
        self._going_on.pop(call_id, None)
        self._asked_to_end.pop(call_id, None)
        self._tries.pop((call_id, HANG_UP), None)

    def take(self, call: Call) -> None:
        """Note that the platform has an attempt, and will tell what becomes of it."""
        self._taken[call.id] = max(call.attempt, self._taken.get(call.id, 0))

    def is_taken(self, call: Call) -> bool:
        """Tell whether the platform is known to have this attempt."""
        return self._taken.get(call.id) == call.attempt

    def is_outdated(self, call: Call) -> bool:
        """Tell whether a call was read before its latest change, of which this has heard since.

        To ask about it then would be to ask about an attempt that may just be begun anew.
        """
        now = (call.state, call.attempt)
        return self._latest.get(call.id, now) != now

    def is_taken_back(self, call: Call) -> bool:
        """Tell whether somebody has taken the call back while it was under way."""
        return call.id in self._taken_back

    def doubt(self, call: Call, why: str) -> None:
        """Note that nobody knows whether an attempt was begun."""
        self._doubted[call.id] = (_now(), why)

    def of(self, call: Call) -> tuple[float, str]:
        """Return for how many seconds an attempt is in doubt, and why."""
        since, why = self._doubted.setdefault(call.id, (_now(), _INTERRUPTED))
        return _now() - since, why

    def let_go_on(self, call: Call, why: Refused) -> None:
        """Note that the platform cannot end a call."""
        self._going_on[call.id] = why

    def why_going_on(self, call_id: str) -> Refused | None:
        """Return why a call that was taken back is not ended; None for any other."""
        return self._going_on.get(call_id)

    def ask_to_end(self, call: Call) -> None:
        """Note that the platform of a call has been asked to end it."""
        self._asked_to_end.setdefault(call.id, _now())
        self._wake(call.id)

    def ending_seconds(self, call: Call) -> float | None:
        """Return for how long the platform has been asked to end a call; None if it was not yet."""
        since = self._asked_to_end.get(call.id)
        return _now() - since if since is not None else None

    async def wait_asked_to_end(self, call_id: str) -> None:
        """Wait until the platform of a call that was taken back was asked to end it, or it has ended."""
        if call_id not in self._asked_to_end:
            await self._waiting.setdefault(call_id, asyncio.Event()).wait()

    def wake_all(self) -> None:
        """Have nobody wait any longer: no platform is asked any more."""
        for call_id in list(self._waiting):
            self._wake(call_id)

    def _wake(self, call_id: str) -> None:
        if (waiting := self._waiting.pop(call_id, None)) is not None:
            waiting.set()

    def delay_seconds(self, call: Call, what: str, schedule: Sequence[float]) -> float:
        """Count a try that came to nothing; return how long to wait before the next, by the schedule."""
        self._tries[call.id, what] += 1
        return schedule[min(self._tries[call.id, what], len(schedule)) - 1]

    def has_tried(self, call: Call, what: str) -> bool:
        """Tell whether a try that came to nothing was counted already."""
        return self._tries[call.id, what] > 0

    def rest(self, call: Call, seconds: float) -> None:
        """Let a call be for so long."""
        self._again_at[call.id] = _now() + seconds

    def rest_seconds(self, call: Call) -> float:
        """Return how much longer a call is to be let be; 0 when no longer."""
        return max(0.0, self._again_at.get(call.id, 0.0) - _now())


def _now() -> float:
    return asyncio.get_running_loop().time()
