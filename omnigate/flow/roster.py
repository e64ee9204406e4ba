"""The channels and backends at work: made from the configuration, exchanged when it changes.

What a change does not name is not touched: its sockets, polls and attempts go on. What it names is made
anew before anything old is let go, so that a configuration that cannot work changes nothing at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import structlog
from anyio.abc import TaskGroup

from omnigate.backend import Backend
from omnigate.calling import CallChannel
from omnigate.channel import Channel, ChannelConfig
from omnigate.config import BackendSection, BrokenSection, ChannelSection, Config
from omnigate.errors import ConfigError, Problem, Refused
from omnigate.flow.breaker import Breaker
from omnigate.flow.changes import Changes, changes
from omnigate.flow.channel_alerts import ChannelAlerts
from omnigate.flow.destination import Destination
from omnigate.flow.dispatcher import Dispatcher
from omnigate.flow.followers import Followers
from omnigate.flow.member import Absentee, Key, Member, Section, called, wanted_members
from omnigate.flow.outfit import Outfitter
from omnigate.flow.router import RoutingTable, routing_table
from omnigate.flow.supervisor import DOWN, ChannelRunner
from omnigate.store.backlog import Backlog
from omnigate.store.callreads import NO_CALLS, CallCount, count_calls
from omnigate.store.destinations import Direction, Health, Name, register
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import ONE_EACH

CHANNEL_CONCURRENCY: Final = 20

log = structlog.get_logger("gateway")


class Roster:
    """Knows who is at work, and exchanges them."""

    def __init__(
        self, store: Store, dispatcher: Dispatcher, followers: Followers, outfitter: Outfitter
    ) -> None:
        self.members: dict[Key, Member] = {}
        self.routing = RoutingTable({}, {})
        self._store = store
        self._dispatcher = dispatcher
        self._followers = followers
        self._outfitter = outfitter
        self._running: TaskGroup | None = None
        self._alerts = ChannelAlerts(store)
        self._down: set[str] = set()
        """Names of the channels that say they are down."""
        self._disabled: frozenset[Key] = frozenset()

    @property
    def channels(self) -> dict[str, ChannelRunner]:
        """The channels by name, broken ones too."""
        return {known.name: known.runner for known in self._of("channel") if known.runner}

    def channel(self, name: str) -> ChannelRunner | None:
        """Return a channel by name, also a broken one; None when there is none."""
        member = self.members.get(("channel", name))
        return member.runner if member else None

    @property
    def backends(self) -> dict[str, Backend]:
        """The backends at work by name."""
        return {
            known.name: known.outfit.plugin
            for known in self._of("backend")
            if known.outfit and isinstance(known.outfit.plugin, Backend)
        }

    def member(self, direction: Direction, name: str) -> Member:
        """Return who goes by a name; raises `Refused` (``not_found``) when nobody does."""
        known = self.members.get((direction, name))
        if known is None:
            raise Refused("not_found", f"there is no {direction} {name!r}")
        return known

    def worked_on(self) -> list[int]:
        """Return the destinations that somebody works on: what others are owed nobody will claim."""
        return [
            known.health.destination_id
            for known in self.members.values()
            if known.destination is not None
        ]

    def absent(self, backlog: Backlog) -> list[Absentee]:
        """Return who of a backlog is owed something, or left dead letters, and is not a member."""
        known = {member.health.destination_id for member in self.members.values()}
        return [
            Absentee(*name, Health(number), "disabled" if name in self._disabled else "absent")
            for number, name in backlog.names.items()
            if number not in known and ((owed := backlog.of(number)).pending or owed.dead)
        ]

    def name_of(self, plugin: object) -> str | None:
        """Return what an instance is called, as ``channel site``; None for a stranger."""
        for key, known in list(self.members.items()):
            if known.outfit is not None and known.outfit.plugin is plugin:
                return called(key)
        return None

    def is_closed(self, channel: str) -> bool:
        """Tell whether the operator lets nothing in from a channel."""
        known = self.members.get(("channel", channel))
        return known is not None and known.health.intake_closed

    async def start(self, config: Config) -> None:
        """Make everybody that the configuration names; a channel that cannot be made costs only itself."""
        await self._take(config, strict=False)

    async def change(self, config: Config) -> Changes:
        """Bring who is at work in line with another configuration.

        Raises `ConfigError` when a plugin cannot be made, and then nothing has changed.
        """
        return await self._take(config, strict=True)

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[TaskGroup]:
        """Run the channels, all but those that the operator has paused; yield the group they run in."""
        async with anyio.create_task_group() as running:
            self._running = running
            self._alerts.open(self.channels.values())
            for known in self._of("channel"):
                self.run(known)
            try:
                yield running
            finally:
                self._running = None
                self._alerts.close()
                running.cancel_scope.cancel()

    def run(self, member: Member) -> None:
        """Have a channel run, if it may."""
        runner = member.runner
        if self._running is not None and runner is not None and not runner.is_at_rest:
            self._running.start_soon(runner.run)

    async def close(self) -> None:
        """Let go of what everybody holds; after the last attempt."""
        for known in self.members.values():
            if known.outfit is not None:
                await known.outfit.close()

    # Exchanging

    async def _take(self, config: Config, *, strict: bool) -> Changes:
        wanted = dict(wanted_members(config))
        changed = {key: section for key, section in wanted.items() if self._differs(key, section)}
        made = await self._make(changed, strict=strict)
        done = changes(self.members, wanted, made)
        self._disabled = frozenset(
            ("channel", name) for name, known in config.channels.items() if not known.config.enabled
        )
        # From here on nothing is owed to who goes, and those who come are owed what they should be.
        self.routing = routing_table(
            config,
            {
                known.name: known.health.destination_id
                for (_, name), known in {**self.members, **made}.items()
                if known.direction == "backend" and (("backend", name) in wanted)
            },
        )
        self._store.routing = self.routing
        self._store.one_each = ONE_EACH.union(
            *(section.plugin.capabilities.one_each for section in config.channels.values())
        )
        # Who is new comes first: letting others go may take a while, and events are owed already.
        for key in sorted(made, key=lambda key: key in self.members):
            await self._engage(key, made[key])
        for key in [key for key in self.members if key not in wanted]:
            await self._dismiss(self.members.pop(key))
        return done

    def _differs(self, key: Key, section: Section | BrokenSection) -> bool:
        known = self.members.get(key)
        if known is None or isinstance(section, BrokenSection):
            return True
        return known.section != section or known.failure is not None

    async def _make(
        self, sections: dict[Key, Section | BrokenSection], *, strict: bool
    ) -> dict[Key, Member]:
        made: dict[Key, Member] = {}
        problems: list[Problem] = []
        calls = await self._store.read(count_calls)
        for (direction, name), section in sections.items():
            known = self.members.get((direction, name))
            health = (
                known.health
                if known is not None
                else await self._store.writer.do(register, Name(direction, name))
            )
            member = made[direction, name] = Member(direction, name, section.kind, health)
            try:
                self._equip(member, section)
            except Exception as error:
                # One that did not work before need not work now, for others to be exchanged.
                if strict and (known is None or known.section != section):
                    problems.append(_refused(member, f"cannot be made: {error}"))
                    continue
                log.exception(f"{direction} could not be made", name=name)
                member.failure = f"the plugin failed: {type(error).__name__}: {error}"
            if member.runner is not None:
                # Known before anything listens: nobody who tells of a call is turned away.
                member.runner.goes_on = _goes_on(member, calls.get(name, NO_CALLS))
            is_new = known is None or known.failure is None
            if strict and is_new and isinstance(section, BrokenSection):
                problems.append(_refused(member, f"has a broken plugin: {section.error}"))
        if problems:
            await _close(made.values())
            raise ConfigError(problems)
        return made

    def _equip(self, member: Member, section: Section | BrokenSection) -> None:
        """Make the instance; a channel's runner is there even if that fails."""
        if member.direction == "channel":
            config = section.config if isinstance(section, ChannelSection) else None
            member.runner = ChannelRunner(
                _key(section, config),
                config,
                member.health,
                self._heard,
            )
        if isinstance(section, BrokenSection):
            member.failure = f"the plugin is broken: {section.error}"
            return
        member.section = section
        if isinstance(section, BackendSection):
            member.outfit = self._outfitter.backend(section) if member.enabled else None
        elif member.runner is not None:
            member.outfit = self._outfitter.channel(section, member.runner)

    def _heard(self, runner: ChannelRunner) -> None:
        """Hear that a channel says it is otherwise; what waits for one that is up again waits no longer."""
        self._alerts.changed(runner)
        if runner.reported in DOWN:
            self._down.add(runner.name)
        elif runner.reported == "up" and runner.name in self._down:
            self._down.discard(runner.name)
            member = self.members.get(("channel", runner.name))
            if member is not None and member.destination is not None:
                self._dispatcher.hope(member.destination)

    async def _engage(self, key: Key, member: Member) -> None:
        """Put a new member to work, in the place of an old one if there is one."""
        old = self.members.get(key)
        if old is not None:
            await self._dismiss(old)
        self.members[key] = member
        if member.runner is not None and member.failure is not None:
            member.runner.report("stopped", member.failure)
        if member.outfit is None or member.section is None:
            return
        config = member.section.config
        member.destination = Destination(
            name=member.name,
            direction=member.direction,
            carrier=member.outfit.carrier,
            breaker=Breaker(member.health),
            concurrency=getattr(config, "concurrency", CHANNEL_CONCURRENCY),
            order=getattr(config, "order", "bounded"),
        )
        if member.runner is not None and isinstance(member.outfit.plugin, Channel):
            member.runner.channel = member.outfit.plugin
            self._followers.add(member.name, member.outfit.plugin)
        self._dispatcher.add(member.destination)
        self.run(member)

    async def _dismiss(self, member: Member) -> None:
        """Let a member go: it takes nothing more in, its attempts end, its connections close."""
        member.section = None  # whatever interrupts this, the next change makes it anew
        if member.runner is not None:
            await member.runner.retire()
            self._alerts.forget(member.name)
            self._followers.remove(member.name)
        if member.destination is not None:
            async with self._dispatcher.held(member.destination):
                self._dispatcher.remove(member.destination)
        if member.outfit is not None:
            await member.outfit.close()

    def _of(self, direction: Direction) -> Iterator[Member]:
        return (known for known in list(self.members.values()) if known.direction == direction)


def _key(section: Section | BrokenSection, config: ChannelConfig | None) -> ChannelKey:
    """Return a channel as the store is to know it."""
    if config is None:
        return ChannelKey(section.name, section.kind)
    seconds = config.response_target_seconds
    target_ms = round(seconds * 1000) or None
    return ChannelKey(section.name, section.kind, config.priority, target_ms)


def _goes_on(member: Member, calls: CallCount) -> bool:
    """Tell whether a channel lets nothing in, and has calls to follow all the same."""
    calls_people = member.outfit is not None and isinstance(member.outfit.plugin, CallChannel)
    return member.health.intake_closed and calls_people and calls.in_progress > 0


def _refused(member: Member, why: str) -> Problem:
    return Problem("configuration", "", f"{called((member.direction, member.name))} {why}")


async def _close(members: Iterable[Member]) -> None:
    for member in members:
        if member.outfit is not None:
            await member.outfit.close()
