"""Where metrics are read: in the counters, the backlog and the health of a running daemon."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from omnigate.calling import CallChannel
from omnigate.figures import Histogram
from omnigate.flow.figures import OUTBOUND_STATES, ChannelFigures, DestinationFigures
from omnigate.flow.member import State
from omnigate.hosting import HealthState as ChannelState
from omnigate.model.call import ENDED
from omnigate.server.services import Destination, Services
from omnigate.store.backlog import Backlog, Owed
from omnigate.store.callreads import NO_CALLS, CallCount
from omnigate.store.destinations import BreakerState, Health, HealthState
from omnigate.store.dials import BLOCKED_CODES
from omnigate.store.responses import Queue

Value = float | Histogram
Sample = tuple[tuple[str, ...], Value]
"""The values of the labels, and what was measured."""
DESTINATION_STATES: Final[tuple[State, ...]] = (
    *get_args(HealthState),
    "broken",
    "disabled",
    "absent",
)
CHANNEL_STATES: Final = (*get_args(ChannelState), "paused", "draining")


@dataclass(frozen=True, slots=True)
class Moment:
    """What is read at one scrape."""

    services: Services
    backlog: Backlog
    now: int
    """Milliseconds since 1970."""
    calls: Mapping[str, CallCount]
    """Those that have not ended, by channel."""
    store_bytes: int
    disk_free_bytes: int


def once(read: Callable[[Moment], Value]) -> Callable[[Moment], Iterable[Sample]]:
    """Measure one thing of the daemon as a whole."""
    return lambda moment: [((), read(moment))]


def by_channel(read: Callable[[ChannelFigures], Value]) -> Callable[[Moment], Iterable[Sample]]:
    """Measure something of what came in from each channel."""

    def samples(moment: Moment) -> Iterator[Sample]:
        for name in moment.services.channels():
            yield (name,), read(moment.services.figures.channel(name))

    return samples


def _known(moment: Moment) -> Iterator[tuple[tuple[str, str], Destination]]:
    services = moment.services
    for known in (*services.destinations(), *services.absent(moment.backlog)):
        yield (known.direction, known.name), known


def by_destination(
    read: Callable[[DestinationFigures], Value],
) -> Callable[[Moment], Iterable[Sample]]:
    """Measure something of what went to each destination."""

    def samples(moment: Moment) -> Iterator[Sample]:
        for key, known in _known(moment):
            yield key, read(moment.services.figures.destination(known.direction, known.name))

    return samples


def of_backlog(read: Callable[[Owed, int], Value]) -> Callable[[Moment], Iterable[Sample]]:
    """Measure something of what waits for each destination; the time comes along."""

    def samples(moment: Moment) -> Iterator[Sample]:
        for key, known in _known(moment):
            yield key, read(moment.backlog.of(known.health.destination_id), moment.now)

    return samples


def of_health(read: Callable[[Health, int], Value]) -> Callable[[Moment], Iterable[Sample]]:
    """Measure something of how each destination is; the time comes along."""

    def samples(moment: Moment) -> Iterator[Sample]:
        for key, known in _known(moment):
            yield key, read(known.health, moment.now)

    return samples


def intake(moment: Moment) -> Iterator[Sample]:
    """Return what became of what channels handed over."""
    for name in moment.services.channels():
        figures = moment.services.figures.channel(name)
        yield (name, "stored"), figures.stored
        yield (name, "duplicate"), figures.duplicates
        yield (name, "refused"), figures.refused
        yield (name, "unauthorized"), figures.unauthorized
        yield (name, "quarantined"), figures.quarantined


def events(moment: Moment) -> Iterator[Sample]:
    """Return how many events were recorded; channels that are gone are left out."""
    for (event_type, channel), count in moment.services.figures.events.items():
        if channel is None or channel in moment.services.channels():
            yield (event_type.value, channel or ""), count


def outbound(moment: Moment) -> Iterator[Sample]:
    """Return how many messages came into which state."""
    for name in moment.services.channels():
        for event_type, state in OUTBOUND_STATES.items():
            yield (name, state), moment.services.figures.events[event_type, name]


def deliveries(moment: Moment) -> Iterator[Sample]:
    """Return how attempts ended."""
    for key, known in _known(moment):
        figures = moment.services.figures.destination(known.direction, known.name)
        for (outcome, reason), count in figures.outcomes.items():
            yield (*key, outcome, reason), count


def lanes(moment: Moment) -> Iterator[Sample]:
    """Return how many lanes are in which state."""
    for key, known in _known(moment):
        owed = moment.backlog.of(known.health.destination_id)
        yield (*key, "due"), owed.due
        yield (*key, "retrying"), owed.retrying
        yield (*key, "leased"), owed.leased


def states(moment: Moment) -> Iterator[Sample]:
    """Return 1 for the state of each destination, 0 for the others."""
    for key, known in _known(moment):
        for state in DESTINATION_STATES:
            yield (*key, state), known.state == state


def breakers(moment: Moment) -> Iterator[Sample]:
    """Return 1 for the state of each breaker, 0 for the others."""
    for key, known in _known(moment):
        for state in get_args(BreakerState):
            yield (*key, state), known.health.breaker == state


def channel_states(moment: Moment) -> Iterator[Sample]:
    """Return 1 for the state of each channel, 0 for the others."""
    for name, runner in moment.services.channels().items():
        for state in CHANNEL_STATES:
            yield (name, state), runner.state == state


def quarantined(moment: Moment) -> Iterator[Sample]:
    """Return how much of each channel is in quarantine."""
    for name in moment.services.channels():
        yield (name,), moment.backlog.quarantined.get(name, 0)


def calls_ended(moment: Moment) -> Iterator[Sample]:
    """Return how calls of each channel that calls people ended."""
    for name in _callers(moment):
        for state in sorted(ENDED):
            yield (name, state), moment.services.figures.calls[name, state]


def calls_refused(moment: Moment) -> Iterator[Sample]:
    """Return how many wishes for a call each channel refused, by the reason."""
    refused = moment.services.figures.calls_refused
    for name in _callers(moment):
        # Those that every channel may have are there before the first is refused: an increase shows.
        for code in sorted(BLOCKED_CODES | {code for known, code in refused if known == name}):
            yield (name, code), refused[name, code]


def calls_open(moment: Moment) -> Iterator[Sample]:
    """Return how many calls of each channel that calls people wait, are under way, are held."""
    for name in _callers(moment):
        count = moment.calls.get(name, NO_CALLS)
        yield (name, "waiting"), count.waiting
        yield (name, "in_progress"), count.in_progress
        yield (name, "unknown"), count.unknown


def _callers(moment: Moment) -> list[str]:
    """Return the channels that call people, and those that have left calls behind, also when gone since."""
    there = moment.services.channels().values()
    callers = {known.name for known in there if isinstance(known.channel, CallChannel)}
    return sorted(callers | moment.calls.keys())


def of_queues(read: Callable[[Queue, int], Value]) -> Callable[[Moment], Iterable[Sample]]:
    """Measure something of the customers who wait for an answer on each channel; the time comes along."""

    def samples(moment: Moment) -> Iterator[Sample]:
        for name in moment.services.channels():
            yield (name,), read(moment.backlog.queues.get(name, Queue()), moment.now)

    return samples


def build(moment: Moment) -> Iterable[Sample]:
    """Return what is running."""
    return [((moment.services.version, platform.python_version()), 1)]


def age_seconds(since: int | None, now: int) -> float:
    """Return how long ago a moment was; 0 for none."""
    return 0.0 if since is None else max(0, now - since) / 1000
