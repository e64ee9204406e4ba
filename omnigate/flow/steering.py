"""What operators do with channels and backends while they work: pause, drain, resume, test.

A channel is *paused* both ways: it does not run, its endpoints answer 503 and what is owed to customers
waits. *Draining*, it lets nothing more in and still sends what is owed; once nothing is, it is paused.
Calls that have begun go on either way, whatever anybody does: until the last of them has ended their channel
runs, so that they are followed and can be ended. It begins no more, and is drained only then.
All of it stands in the destination's row and holds over restarts.

What is asked of one channel or backend is carried out one after another. A reload may exchange a member
at every ``await``: who goes by the name is looked up anew after each.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Final, Literal, NamedTuple

import structlog

from omnigate.calling import CallChannel
from omnigate.errors import OmnigateError, Refused, StoreError
from omnigate.flow.contained import contained
from omnigate.flow.dispatcher import Dispatcher
from omnigate.flow.member import BY_OPERATOR, DRAINED, Key, Member
from omnigate.flow.roster import Roster
from omnigate.flow.supervisor import ChannelRunner
from omnigate.model.event import Event, EventType
from omnigate.model.samples import sample
from omnigate.store import destinations
from omnigate.store.callreads import NO_CALLS, count_calls
from omnigate.store.destinations import Direction
from omnigate.store.store import Store

LOOK_SECONDS: Final = 1.0
TEST_SECONDS: Final = 30.0

log = structlog.get_logger("gateway")


Before = Literal["running", "paused", "draining", "stopped", "broken", "disabled"]
"""``stopped`` is a channel that ended by itself, over its credentials, say."""


class Steered(NamedTuple):
    """A channel or backend as it is now, and how it was before."""

    member: Member
    before: Before


class TestOutcome(NamedTuple):
    """What a backend made of a sample event."""

    ok: bool
    message: str
    duration_seconds: float


class Steering:
    """Carries out what operators ask for. Every method raises `Refused` (``not_found``)."""

    def __init__(self, store: Store, roster: Roster, dispatcher: Dispatcher) -> None:
        self._store = store
        self._roster = roster
        self._dispatcher = dispatcher
        self._locks: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Only of names that somebody had, so they do not grow with what is asked for."""

    async def pause(self, direction: Direction, name: str) -> Steered:
        """Stop a channel both ways, or the deliveries to a backend, until `resume`."""
        self._roster.member(direction, name)
        async with self._locks[direction, name]:
            before = _standing(self._roster.member(direction, name))
            if direction == "channel":
                await self._close_intake(name)
                # Before it is paused: whoever tells of a call just then is not turned away.
                await self._look_at_calls(name)
            await self._pause(self._roster.member(direction, name), BY_OPERATOR)
            if direction == "channel":
                await self._stop_if_paused(name)
            return Steered(self._roster.member(direction, name), before)

    async def drain(self, name: str) -> Steered:
        """Let nothing more in from a channel; once all that is owed to it is sent, it is paused."""
        self._roster.member("channel", name)
        async with self._locks["channel", name]:
            before = _standing(self._roster.member("channel", name))
            await self._close_intake(name)
            log.info("channel drains", channel=name)
            member = self._roster.member("channel", name)
            if member.health.paused in (BY_OPERATOR, DRAINED):
                await self._end_pause(member)
                self._roster.run(self._roster.member("channel", name))
            await self._stop_if_paused(name)
            return Steered(self._roster.member("channel", name), before)

    async def resume(self, direction: Direction, name: str) -> Steered:
        """Go on after a pause or a drain; a channel that does not run for whatever reason runs.

        What failed and waits is tried at once: who resumes it knows that it is mended.
        """
        self._roster.member(direction, name)
        async with self._locks[direction, name]:
            member = self._roster.member(direction, name)
            before = _standing(member)
            member.health.intake_closed = False
            if member.runner is not None:
                member.runner.goes_on = False
            await self._end_pause(member)
            member = self._roster.member(direction, name)
            self._roster.run(member)
            if member.destination is not None:
                self._dispatcher.hope(member.destination, insisted=True)
            if before in ("paused", "draining"):
                log.info(f"{direction} resumed", **{direction: name})
            elif before == "stopped":
                log.info("channel started again", channel=name)
            return Steered(member, before)

    async def test(self, name: str) -> TestOutcome:
        """Send a sample event straight to a backend; if it takes it, what held it back is over.

        An operator's own pause stays.
        """
        member = self._roster.member("backend", name)
        backend = self._roster.backends.get(name)
        if backend is None:
            reason = member.failure or "it is not enabled"
            return TestOutcome(False, f"there is nothing to test: {reason}", 0.0)
        envelope = sample(EventType.MESSAGE_RECEIVED)
        event = Event(
            id=envelope.id,
            type=envelope.type,
            body=envelope.model_dump_json().encode(),
            sequence=envelope.sequence,
        )
        started = time.monotonic()
        try:
            async with asyncio.timeout(TEST_SECONDS):
                with contained:
                    await backend.deliver(event)
        except (OmnigateError, TimeoutError) as error:
            return TestOutcome(False, str(error) or "no answer", time.monotonic() - started)
        except Exception as error:
            log.error("backend raised", backend=name, exc_info=error)
            reason = f"the plugin raised {type(error).__name__}"
            return TestOutcome(False, reason, time.monotonic() - started)
        spent_seconds = time.monotonic() - started
        if member.destination is None:
            return TestOutcome(True, "", spent_seconds)
        if member.health.paused == BY_OPERATOR:
            stays = f"it stays {BY_OPERATOR}; to go on: omnigate backend resume {name}"
            return TestOutcome(True, stays, spent_seconds)
        resumed = await self._dispatcher.proven(member.destination)
        if resumed:
            log.info("backend passed a test and goes on", backend=name)
        return TestOutcome(True, "what waits for it goes out now" if resumed else "", spent_seconds)

    async def watch_drains(self) -> None:
        """Pause each draining channel once it owes nothing; until cancelled."""
        troubles: dict[str, str] = {}
        while True:
            known, troubles = troubles, {}
            for name, runner in self._roster.channels.items():
                if runner.health.intake_closed and _is_watched(runner):
                    try:
                        await self._end_drain(name)
                    except (StoreError, Refused) as error:
                        # A full disk, or a reload took it away: neither ends the watch over the others.
                        troubles[name] = str(error)
                        if known.get(name) != troubles[name]:
                            log.warning("drain waits", channel=name, error=troubles[name])
            await asyncio.sleep(LOOK_SECONDS)

    async def _end_drain(self, name: str) -> None:
        async with self._locks["channel", name]:
            health = self._roster.member("channel", name).health
            if health.intake_closed and health.paused is None:
                owed = await self._store.read(destinations.owed_to, health.destination_id)
                in_progress = await self._calls_in_progress(name)
                member = self._roster.member("channel", name)
                if (
                    not owed
                    and not in_progress
                    and not (member.destination is not None and member.destination.busy)
                ):
                    await self._pause(member, DRAINED)
            await self._stop_if_paused(name)

    async def _stop_if_paused(self, name: str) -> None:
        """End a channel that is paused by now, whoever paused it: its destination can do so too.

        Not while calls of it go on: then it runs, also after a restart.
        """
        await self._look_at_calls(name)
        runner = self._roster.channel(name)
        if runner is None or not runner.is_paused:
            return
        if not runner.goes_on:
            await runner.stop()
        elif runner.is_ended:
            self._roster.run(self._roster.member("channel", name))

    async def _look_at_calls(self, name: str) -> None:
        """Look whether calls of a channel that lets nothing in go on."""
        in_progress = await self._calls_in_progress(name)
        runner = self._roster.channel(name)
        if runner is not None and runner.health.intake_closed:
            runner.goes_on = bool(in_progress)

    async def _calls_in_progress(self, name: str) -> int:
        runner = self._roster.channel(name)
        if runner is None or not isinstance(runner.channel, CallChannel):
            return 0
        counts = await self._store.read(count_calls)
        return counts.get(name, NO_CALLS).in_progress

    async def _close_intake(self, name: str) -> None:
        health = self._roster.member("channel", name).health
        health.intake_closed = True
        await self._store.writer.do(destinations.note, health)

    async def _end_pause(self, member: Member) -> None:
        if member.destination is None:
            member.health.paused = None
        elif await self._dispatcher.resume(member.destination):
            return
        await self._store.writer.do(destinations.note, member.health)

    async def _pause(self, member: Member, reason: str) -> None:
        is_news = member.health.paused != reason
        if member.destination is not None:
            await self._dispatcher.pause(member.destination, reason)
        else:
            member.health.paused = reason
            await self._store.writer.do(destinations.note, member.health)
        if is_news:
            did = "drained" if reason == DRAINED else "paused"
            log.info(f"{member.direction} {did}", **{member.direction: member.name})


def _is_watched(runner: ChannelRunner) -> bool:
    """Tell whether anything is still to be done about a channel that lets nothing in."""
    calls = isinstance(runner.channel, CallChannel)
    return calls or runner.is_running or not runner.is_paused


def _standing(member: Member) -> Before:
    """Return how a member is, as far as pausing and resuming go."""
    if member.health.paused is not None:
        return "paused"
    if member.health.intake_closed:
        return "draining"
    if member.outfit is None:
        return "broken" if member.enabled else "disabled"
    # One that has nothing to do beside its endpoints does not run, and is up.
    if member.runner is not None and member.runner.reported == "stopped":
        return "stopped"
    return "running"
