"""A simulated switchboard behind the real desk for calls: who is rung, and how often, is noted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import omnigate
from omnigate.flow.calling import CallDesk
from omnigate.flow.inbox import Inbox
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.callreads import read_call
from omnigate.store.destinations import Health
from omnigate.store.threads import ChannelKey
from tests.flow.simulation.world import BEGIN, DAY, HOUR, MINUTE, World, simulate

PHONE = ChannelKey("phone", "call", 10)
NUMBER = "+79161234567"

ResultT = TypeVar("ResultT")

Answer = Literal["taken", "lost", "never came", "hangs", "later", "down", "refused", "breaks"]
"""What becomes of being told to dial. ``lost``: it rings, the answer does not come; ``never came``: nor
does it ring; ``hangs``: it rings and the answer takes for ever."""
_RINGS: frozenset[Answer] = frozenset({"taken", "lost", "hangs", "breaks"})


@dataclass(eq=False)
class Switchboard:
    """A platform that rings phones; it outlives the daemon."""

    answers: Callable[[], Answer] = lambda: "taken"
    lines: int | None = 10
    quiet_seconds: float | None = None
    """What its channel says; None: what any does."""
    longest_seconds: Any = None
    """What its channel says of how long a call lasts; None: what any does."""
    knows: bool = True
    """It can say what became of an attempt."""
    ends: bool = True
    """It can end what it has begun."""
    end_asked: int = 0
    unreachable: bool = False
    """It can be asked nothing just now."""
    rung: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often phones were rung for an attempt of a call."""
    told: list[tuple[str, int]] = field(default_factory=list)
    """What it was told to dial, in order."""
    hung_up: list[str] = field(default_factory=list)
    ended_by: list[Mapping[str, str]] = field(default_factory=list)
    """What it called the calls that it was told to end."""
    asked: list[str] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    admitted: int = 0
    refusal: omnigate.Refused | None = None
    expiry: timedelta = timedelta(hours=1)


class Phone(omnigate.CallChannel):
    """The channel of a switchboard, as one run of the daemon has it."""

    kind = "call"

    def __init__(self, board: Switchboard, world: World) -> None:
        self.board = board
        self.world = world

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        await asyncio.sleep(0.01)
        self.board.admitted += 1
        if self.board.refusal is not None:
            raise self.board.refusal
        now = datetime.fromtimestamp(self.world.calendar(), UTC)
        return omnigate.Admission(
            customer=omnigate.tel(wanted.number),
            callback_at=wanted.callback_at,
            expires_at=now + self.board.expiry,
            agent=wanted.agent,
        )

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        board = self.board
        board.told.append((call.id, call.attempt))
        board.at_once += 1
        board.most_at_once = max(board.most_at_once, board.at_once)
        await asyncio.sleep(0.1)
        board.at_once -= 1
        answer = board.answers()
        if answer in _RINGS:
            board.rung[call.id, call.attempt] += 1
        if answer == "taken":
            return {"leg_a": f"a-{call.id}-{call.attempt}"}
        if answer == "hangs":
            await asyncio.sleep(DAY)
        raise ERRORS[answer]

    async def hang_up(self, call: omnigate.Call) -> None:
        self._reached()
        self.board.end_asked += 1
        if not self.board.ends:
            raise omnigate.Refused("not_supported", "calls end by themselves here")
        self.board.ended_by.append(call.provider_ids)
        self.board.hung_up.append(call.id)

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        self._reached()
        self.board.asked.append(call.id)
        if not self.board.knows:
            raise omnigate.Uncertain("it keeps no list of calls")
        if not self.board.rung[call.id, call.attempt]:
            return None
        return update(call, "agent_ringing", name=f"asked-{call.id}-{call.attempt}")

    def capacity(self) -> int | None:
        return self.board.lines

    def quiet_seconds(self, call: omnigate.Call) -> float:
        return self.board.quiet_seconds or super().quiet_seconds(call)

    def longest_seconds(self, call: omnigate.Call) -> float:
        said: float = self.board.longest_seconds or super().longest_seconds(call)
        return said

    def offer(self) -> omnigate.CallOffer:
        return omnigate.CallOffer(is_open=True, region="RU")

    def _reached(self) -> None:
        if self.board.unreachable:
            raise omnigate.DestinationUnavailable("no connection")


class BrokenPlatform(Exception):
    """What no plugin should raise."""


ERRORS: dict[str, Exception] = {
    "lost": omnigate.Uncertain("the connection broke"),
    "never came": omnigate.Uncertain("the connection broke"),
    "later": omnigate.RetryLater("all lines are taken"),
    "down": omnigate.DestinationUnavailable("no connection"),
    "refused": omnigate.Refused("bad_number", "nobody has this number"),
    "breaks": BrokenPlatform("list index out of range"),
}


def update(call: omnigate.Call, state: Any, *, name: str = "", **more: Any) -> omnigate.CallUpdate:
    """Return a step of an attempt."""
    return omnigate.CallUpdate(
        external_id=name or f"{call.id}-{call.attempt}-{state}",
        conversation=call.id,
        occurred_at=more.pop("occurred_at", call.requested_at),
        call=call.id,
        attempt=call.attempt,
        state=state,
        **more,
    )


@dataclass(eq=False)
class Office:
    """A desk at work in a world: one run of the daemon."""

    world: World
    desk: CallDesk
    inbox: Inbox
    runner: ChannelRunner
    channels: dict[str, ChannelRunner]
    """What the configuration has by now."""

    async def ask(self, number: str = NUMBER, **more: Any) -> omnigate.Call:
        """Be somebody who wants a customer called."""
        return await self.desk.request("phone", omnigate.CallWanted(number=number, **more))

    async def tell(self, call: omnigate.Call, state: Any, **more: Any) -> None:
        """Be the platform that says what becomes of a call."""
        now = await self.now(call)
        await self.inbox.put(PHONE, [update(now, state, **more)])

    async def now(self, call: omnigate.Call) -> omnigate.Call:
        """Return a call as it is now."""
        found = await self.world.store.read(read_call, call.id)
        assert found is not None
        return found.call

    async def until(self, call: omnigate.Call, state: str, seconds: float = HOUR) -> omnigate.Call:
        """Wait until a call is in a state."""
        began = self.world.now
        while (now := await self.now(call)).state != state:
            assert self.world.now - began < seconds, f"it is {now.state} for {seconds} s"
            await asyncio.sleep(0.5)
        return now

    async def events(self) -> list[str]:
        """Return what was told of calls."""
        rows = await self.world.rows(
            "SELECT type FROM event WHERE type LIKE 'call.%' ORDER BY position"
        )
        return [row[0] for row in rows]


@asynccontextmanager
async def at_work(
    world: World,
    board: Switchboard,
    *,
    is_cut: bool = False,
    is_configured: bool = True,
    desk_type: type[CallDesk] = CallDesk,
) -> AsyncIterator[Office]:
    """Run a desk over the world's store; with ``is_cut`` the power goes at the end.

    Without ``is_configured`` there is no channel that calls.
    """
    world.heartbeat_seconds = HOUR
    async with world.living(drain=not is_cut):
        runner = ChannelRunner(PHONE, None, Health(0), lambda runner: None)
        runner.channel = Phone(board, world)
        runner.reported = "up"
        inbox = Inbox(world.store, min_free_bytes=0)
        channels = {"phone": runner} if is_configured else {}
        desk = desk_type(world.store, inbox, lambda: channels)
        running = asyncio.create_task(desk.run())
        try:
            yield Office(world, desk, inbox, runner, channels)
        finally:
            desk.stop()
            if not is_cut:
                await desk.drain(10)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            if is_cut:
                # Nobody waits for what was under way when the power went.
                await desk.drain(0)


def office(
    folder: Path,
    board: Switchboard,
    scenario: Callable[[Office], Coroutine[Any, Any, ResultT]],
) -> ResultT:
    """Play a scenario within one run of the daemon."""

    async def whole(world: World) -> ResultT:
        async with at_work(world, board) as desk:
            return await scenario(desk)

    return simulate(folder, whole)


def in_turn(*answers: Answer) -> Callable[[], Answer]:
    """Answer so in turn, and take every call after that."""
    left = list(answers)
    return lambda: left.pop(0) if left else "taken"


def after(seconds: float) -> datetime:
    """Return the moment so long after the world began."""
    return datetime.fromtimestamp(BEGIN + seconds, UTC)


def settled() -> Any:
    """Wait until all has come of something that comes of it at once."""
    return asyncio.sleep(MINUTE)
