"""Every metric as one row of a table: what it is called, what it means, where it is read.

Labels are names of the configuration and words of closed lists, so that no customer can make a series.
Names follow Prometheus' own: base units, ``_total`` for what only grows. A name is never reused for
something else; the table in docs/operating.md is made of this one.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from omnigate.channel import HealthState as ChannelState
from omnigate.figures import Histogram
from omnigate.flow.figures import OUTBOUND_STATES, ChannelFigures, DestinationFigures
from omnigate.server.services import Destination, Services
from omnigate.store.backlog import Backlog, Owed
from omnigate.store.destinations import BreakerState, Health, HealthState

Value = float | Histogram
Sample = tuple[tuple[str, ...], Value]
"""The values of the labels, and what was measured."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is read at one scrape."""

    services: Services
    backlog: Backlog
    now: int
    """Milliseconds since 1970."""
    store_bytes: int
    disk_free_bytes: int


class Metric(NamedTuple):
    """One row."""

    name: str
    """As it is queried; for a histogram without ``_bucket``, ``_sum`` and ``_count``."""
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    read: Callable[[Moment], Iterable[Sample]]


def _one(read: Callable[[Moment], Value]) -> Callable[[Moment], Iterable[Sample]]:
    return lambda moment: [((), read(moment))]


def _channels(read: Callable[[ChannelFigures], Value]) -> Callable[[Moment], Iterable[Sample]]:
    def samples(moment: Moment) -> Iterator[Sample]:
        for name in moment.services.channels():
            yield (name,), read(moment.services.figures.channel(name))

    return samples


def _known(moment: Moment) -> Iterator[tuple[tuple[str, str], Destination]]:
    for known in moment.services.destinations():
        yield (known.direction, known.name), known


def _figures(read: Callable[[DestinationFigures], Value]) -> Callable[[Moment], Iterable[Sample]]:
    def samples(moment: Moment) -> Iterator[Sample]:
        for key, known in _known(moment):
            yield key, read(moment.services.figures.destination(known.direction, known.name))

    return samples


def _owed(read: Callable[[Owed, int], Value]) -> Callable[[Moment], Iterable[Sample]]:
    def samples(moment: Moment) -> Iterator[Sample]:
        for key, known in _known(moment):
            yield key, read(moment.backlog.of(known.health.destination_id), moment.now)

    return samples


def _health(read: Callable[[Health, int], Value]) -> Callable[[Moment], Iterable[Sample]]:
    def samples(moment: Moment) -> Iterator[Sample]:
        for key, known in _known(moment):
            yield key, read(known.health, moment.now)

    return samples


def _intake(moment: Moment) -> Iterator[Sample]:
    for name in moment.services.channels():
        figures = moment.services.figures.channel(name)
        yield (name, "stored"), figures.stored
        yield (name, "duplicate"), figures.duplicates
        yield (name, "refused"), figures.refused
        yield (name, "unauthorized"), figures.unauthorized
        yield (name, "quarantined"), figures.quarantined


def _events(moment: Moment) -> Iterator[Sample]:
    for (event_type, channel), count in moment.services.figures.events.items():
        if channel is None or channel in moment.services.channels():
            yield (event_type.value, channel or ""), count


def _outbound(moment: Moment) -> Iterator[Sample]:
    for name in moment.services.channels():
        for event_type, state in OUTBOUND_STATES.items():
            yield (name, state), moment.services.figures.events[event_type, name]


def _deliveries(moment: Moment) -> Iterator[Sample]:
    for key, known in _known(moment):
        figures = moment.services.figures.destination(known.direction, known.name)
        for (outcome, reason), count in figures.outcomes.items():
            yield (*key, outcome, reason), count


def _lanes(moment: Moment) -> Iterator[Sample]:
    for key, known in _known(moment):
        owed = moment.backlog.of(known.health.destination_id)
        yield (*key, "due"), owed.due
        yield (*key, "retrying"), owed.retrying
        yield (*key, "leased"), owed.leased


def _states(moment: Moment) -> Iterator[Sample]:
    for key, known in _known(moment):
        for state in get_args(HealthState):
            yield (*key, state), known.health.state == state


def _breakers(moment: Moment) -> Iterator[Sample]:
    for key, known in _known(moment):
        for state in get_args(BreakerState):
            yield (*key, state), known.health.breaker == state


def _channel_states(moment: Moment) -> Iterator[Sample]:
    for name, runner in moment.services.channels().items():
        for state in CHANNEL_STATES:
            yield (name, state), runner.state == state


def _quarantined(moment: Moment) -> Iterator[Sample]:
    for name in moment.services.channels():
        yield (name,), moment.backlog.quarantined.get(name, 0)


def _build(moment: Moment) -> Iterable[Sample]:
    return [((moment.services.version, platform.python_version()), 1)]


def _age_seconds(since: int | None, now: int) -> float:
    return 0.0 if since is None else max(0, now - since) / 1000


CHANNEL_STATES: Final = (*get_args(ChannelState), "paused", "draining")
_DESTINATION: Final = ("direction", "destination")

METRICS: Final = (
    Metric("omnigate_build_info", "gauge", ("version", "python"), "Always 1.", _build),
    Metric(
        "omnigate_ready",
        "gauge",
        (),
        "1 while messages are taken in, as /readyz says.",
        _one(lambda moment: moment.services.ready()),
    ),
    Metric(
        "omnigate_intake_total",
        "counter",
        ("channel", "outcome"),
        "What channels handed over. Items: stored, duplicate, refused (overloaded, closed, disk full)."
        " Requests: unauthorized, quarantined.",
        _intake,
    ),
    Metric(
        "omnigate_acknowledge_seconds",
        "histogram",
        ("channel",),
        "From the hand-over of items until they are on disk and may be acknowledged.",
        _channels(lambda figures: figures.acknowledge_seconds),
    ),
    Metric(
        "omnigate_events_total",
        "counter",
        ("type", "channel"),
        "Events recorded; channel is empty for those about the gateway itself.",
        _events,
    ),
    Metric(
        "omnigate_outbound_messages_total",
        "counter",
        ("channel", "state"),
        "Messages to customers that came into a state: sent, delivered, read, failed, unknown.",
        _outbound,
    ),
    Metric(
        "omnigate_deliveries_total",
        "counter",
        (*_DESTINATION, "outcome", "reason"),
        "How attempts ended: delivered; retry because of the destination, the item, throttled, or"
        " internal; dead because refused, unknown, attempts or expired.",
        _deliveries,
    ),
    Metric(
        "omnigate_attempt_seconds",
        "histogram",
        _DESTINATION,
        "How long one attempt took, whatever came of it; its count is the number of attempts.",
        _figures(lambda figures: figures.attempt_seconds),
    ),
    Metric(
        "omnigate_delivery_seconds",
        "histogram",
        _DESTINATION,
        "From the moment an item was stored until it was delivered, outages included.",
        _figures(lambda figures: figures.delivery_seconds),
    ),
    Metric(
        "omnigate_pending_items",
        "gauge",
        _DESTINATION,
        "Items owed: events to a backend, messages to a channel.",
        _owed(lambda owed, now: owed.pending),
    ),
    Metric(
        "omnigate_oldest_pending_age_seconds",
        "gauge",
        _DESTINATION,
        "How long the oldest item owed has waited; 0 when nothing is.",
        _owed(lambda owed, now: _age_seconds(owed.oldest_pending_at, now)),
    ),
    Metric(
        "omnigate_lanes",
        "gauge",
        (*_DESTINATION, "state"),
        "Conversations with something owed: due for a first attempt, retrying after a failure, leased.",
        _lanes,
    ),
    Metric(
        "omnigate_dead_letters",
        "gauge",
        _DESTINATION,
        "Items set aside, until they are replayed, dropped or too old.",
        _owed(lambda owed, now: owed.dead),
    ),
    Metric(
        "omnigate_destination_state",
        "gauge",
        (*_DESTINATION, "state"),
        "1 for the state it is in: ok, failing, open (its breaker), paused.",
        _states,
    ),
    Metric(
        "omnigate_breaker_state",
        "gauge",
        (*_DESTINATION, "state"),
        "1 for the state of its breaker: closed, open, probing.",
        _breakers,
    ),
    Metric(
        "omnigate_destination_consecutive_failures",
        "gauge",
        _DESTINATION,
        "Failures of the destination since its last success.",
        _health(lambda health, now: health.failures),
    ),
    Metric(
        "omnigate_destination_failing_seconds",
        "gauge",
        _DESTINATION,
        "How long it has been failing; 0 when it works.",
        _health(lambda health, now: _age_seconds(health.first_failure_at, now)),
    ),
    Metric(
        "omnigate_destination_alerts",
        "gauge",
        _DESTINATION,
        "Alerts raised over the present failure: after 4 attempts, 1, 24 and 72 hours.",
        _health(lambda health, now: health.alerts),
    ),
    Metric(
        "omnigate_channel_state",
        "gauge",
        ("channel", "state"),
        "1 for the state it is in: starting, up, degraded, down, stopped, paused, draining.",
        _channel_states,
    ),
    Metric(
        "omnigate_quarantined_requests",
        "gauge",
        ("channel",),
        "Requests kept because they were authentic and not understood.",
        _quarantined,
    ),
    Metric(
        "omnigate_leases_lost_total",
        "counter",
        (),
        "Attempts whose result came too late to count; the item was tried again.",
        _one(lambda moment: moment.services.figures.leases_lost),
    ),
    Metric(
        "omnigate_writer_turn_items",
        "histogram",
        (),
        "Writes that one transaction took together; its count is the number of transactions.",
        _one(lambda moment: moment.services.store.writer.figures.turn_items),
    ),
    Metric(
        "omnigate_writer_turn_seconds",
        "histogram",
        (),
        "A whole transaction.",
        _one(lambda moment: moment.services.store.writer.figures.turn_seconds),
    ),
    Metric(
        "omnigate_writer_commit_seconds",
        "histogram",
        (),
        "Its COMMIT alone, which waits for the disk.",
        _one(lambda moment: moment.services.store.writer.figures.commit_seconds),
    ),
    Metric(
        "omnigate_writer_waiting_items",
        "gauge",
        (),
        "Writes that wait for their transaction; above 1000 nothing more is taken in.",
        _one(lambda moment: moment.services.store.writer.waiting),
    ),
    Metric(
        "omnigate_store_bytes",
        "gauge",
        (),
        "Size of the database with its log.",
        _one(lambda moment: moment.store_bytes),
    ),
    Metric(
        "omnigate_disk_free_bytes",
        "gauge",
        (),
        "Room left on the disk of the database.",
        _one(lambda moment: moment.disk_free_bytes),
    ),
)
