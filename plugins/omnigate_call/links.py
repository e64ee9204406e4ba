"""A switch of one's own: a connection that is held, and attempts that are followed over it.

Theory of operation. Without the connection nothing is dialled. Each attempt is followed by an object of its
own (`Followed`), which is registered before the switch hears of it and has a task from the moment when it may
have. When the connection was lost, or at the start, the switch is asked what it has (`_catch_up`): what is
followed compares itself with that, and attempts that the daemon has under way and nobody follows are picked
up. What happens between the look and the picking up nobody hears; hence a second look.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

import omnigate
from omnigate_call.driver import Attempt, Desk, Driver, Step
from omnigate_call.followed import Followed, Look
from omnigate_call.names import Names, app_for
from omnigate_call.steps import step_of
from omnigate_call.telling import Telling

RECONNECT_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""How long to wait before the switch is connected again; the last one from then on."""
_UNKNOWN: Final = "the switch does not have it now, and keeps no account of what it had"

Key = tuple[str, int]


L = TypeVar("L", bound=Look)
F = TypeVar("F", bound=Followed[Any])


class SwitchDriver(Driver, Generic[F, L]):
    """A driver that follows attempts over a connection. Derive, and say how the switch is spoken to."""

    def __init__(self, config: BaseModel, desk: Desk) -> None:
        super().__init__(config, desk)
        self._names = Names(self._app())
        self._telling = Telling(desk)
        self._followed: dict[Key, F] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # What the switch's protocol is asked for

    def _app(self) -> str:
        """Return what all our names on the switch begin with."""
        return app_for(self.host.name)

    @property
    @abstractmethod
    def _is_connected(self) -> bool:
        """Whether events of calls come in, and what there is was looked at."""

    @abstractmethod
    async def _hold(self) -> None:
        """Follow one connection to its end, which is told; returns when one that stood was lost.

        Raises `omnigate.NotReady` or `omnigate.DestinationUnavailable` when there is none to be had, and
        `omnigate.CredentialsRejected`.
        """

    @abstractmethod
    def _ids(self, attempt: Attempt) -> Mapping[str, str]:
        """Return the ids that we give the channels of an attempt."""

    @abstractmethod
    def _follow(self, attempt: Attempt) -> F:
        """Return what follows an attempt; nothing is asked of the switch yet."""

    @abstractmethod
    async def _begin(self, followed: F) -> bool:
        """Have the first phone rung; return False where it cannot be, which was told.

        Raises `omnigate.DestinationUnavailable` and `omnigate.CredentialsRejected` if nothing rings, and
        `omnigate.Uncertain` if it may.
        """

    @abstractmethod
    async def _look(self) -> L:
        """Ask the switch what it has; raises `omnigate.DestinationUnavailable` or as `_begin`."""

    async def _attend(self, look: L) -> None:
        """Have events told of channels that a new connection found there; raises as `_look`."""

    # The connection

    async def run(self) -> None:
        """Hold the connection until cancelled; raises `omnigate.CredentialsRejected`."""
        telling = asyncio.create_task(self._telling.run())
        failures = 0
        try:
            while True:
                try:
                    await self._hold()
                    failures = 0
                except (omnigate.NotReady, omnigate.DestinationUnavailable) as error:
                    self.host.status("down", str(error))
                delay = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
                failures += 1
                await asyncio.sleep(delay)
        finally:
            for task in (telling, *self._tasks):
                task.cancel()
            await asyncio.gather(telling, *self._tasks, return_exceptions=True)
            self._followed.clear()

    async def _catch_up(self) -> L:
        """Bring what is followed in line with the switch, and pick up what is under way; return a look."""
        look = await self._look()
        await self._attend(look)
        known = set(self._followed)  # one that ends by this comparison is no longer there below
        self._compare(look)
        for attempt in await self.desk.attempts():
            # What may never have been begun is asked about, see `follow_up`.
            is_begun = self._has(look, attempt) or attempt.state not in ("dialling", "unknown")
            if _key(attempt) not in known and is_begun:
                self._pick_up(attempt, look)
        if set(self._followed) - known:
            look = await self._look()
            self._compare(look)
        return look

    def _compare(self, look: L) -> None:
        for followed in list(self._followed.values()):
            followed.compare(look)

    def _has(self, look: L, attempt: Attempt) -> bool:
        return any(name in look.channels for name in self._ids(attempt).values())

    def _of(self, name: str) -> F | None:
        """Return what follows the attempt to which a name of ours belongs."""
        place = self._names.place(name)
        return self._followed.get((place.call_id, place.number)) if place is not None else None

    def _is_stray(self, name: str) -> bool:
        """Tell whether a name is ours and belongs to nothing that is followed."""
        return self._names.place(name) is not None and self._of(name) is None

    # Attempts

    async def dial(self, attempt: Attempt) -> Mapping[str, str]:
        """Ring the first phone; see `omnigate_call.driver.Driver.dial`."""
        self._require_connection()
        key = _key(attempt)
        if key in self._followed:
            return self._ids(attempt)
        followed = self._followed[key] = self._follow(attempt)
        try:
            may_ring = await self._begin(followed)
        except (omnigate.DestinationUnavailable, omnigate.CredentialsRejected):
            del self._followed[key]
            raise
        except BaseException:
            self._start(followed)  # whatever came of it is heard
            raise
        if may_ring:
            self._start(followed)
        else:
            del self._followed[key]
        return self._ids(attempt)

    async def hang_up(self, attempt: Attempt) -> None:
        """End an attempt; see `omnigate_call.driver.Driver.hang_up`."""
        followed = self._followed.get(_key(attempt))
        if followed is None:
            followed = await self._picked_up(attempt)
        if followed is not None:
            followed.hang_up()
            return
        self._telling.put(step_of(attempt, "completed" if attempt.is_bridged else "cancelled"))

    async def follow_up(self, attempt: Attempt) -> Step | None:
        """Look whether the switch has an attempt; see `omnigate_call.driver.Driver.follow_up`."""
        followed = self._followed.get(_key(attempt))
        if followed is None or not followed.is_known:
            followed = await self._picked_up(attempt)
        if followed is None:
            # Should it come up yet, it is a stray one and is hung up.
            self._followed.pop(_key(attempt), None)
            raise omnigate.Uncertain(_UNKNOWN)
        return step_of(attempt, "dialling", provider_ids=self._ids(attempt))

    async def _picked_up(self, attempt: Attempt) -> F | None:
        """Return what follows an attempt that the switch has, or None; raises as `Driver.dial`."""
        self._require_connection()
        look = await self._look()
        known = self._followed.get(_key(attempt))
        if known is not None and known.is_known:
            return known
        if not self._has(look, attempt):
            return None
        if known is not None:
            known.compare(look)
            return known
        return self._pick_up(attempt, look)

    def _pick_up(self, attempt: Attempt, look: L) -> F:
        followed = self._followed[_key(attempt)] = self._follow(attempt)
        followed.pick_up(look)
        self.host.log.info("a call is picked up", call=attempt.call_id, state=attempt.state)
        self._start(followed)
        return followed

    def _require_connection(self) -> None:
        if not self._is_connected:
            raise omnigate.DestinationUnavailable(
                "the switch is not connected", retry_after_seconds=RECONNECT_SECONDS[-1]
            )

    # Tasks

    def _start(self, followed: F) -> None:
        self._spawn(self._see_to(followed))

    async def _see_to(self, followed: F) -> None:
        key = _key(followed.attempt)
        try:
            await followed.run()
        finally:
            if self._followed.get(key) is followed:
                del self._followed[key]

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        """Have work done beside the connection; it ends with `run`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.host.log.error("seeing to a call failed", exc_info=error)


def _key(attempt: Attempt) -> Key:
    return (attempt.call_id, attempt.number)
