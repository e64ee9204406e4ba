"""Every metric as one row of a table: what it is called, what it means, where it is read.

Labels are names of the configuration and words of closed lists, so that no customer can make a series.
Names follow Prometheus' own: base units, ``_total`` for what only grows. A name is never reused for
something else; the table in docs/operating.md is made of this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from omnigate.server.readings import (
    Moment,
    Sample,
    age_seconds,
    breakers,
    build,
    by_channel,
    by_destination,
    calls_ended,
    calls_open,
    calls_refused,
    channel_states,
    deliveries,
    events,
    intake,
    lanes,
    of_backlog,
    of_health,
    of_queues,
    once,
    outbound,
    quarantined,
    states,
)


class Metric(NamedTuple):
    """One row."""

    name: str
    """As it is queried; for a histogram without ``_bucket``, ``_sum`` and ``_count``."""
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    read: Callable[[Moment], Iterable[Sample]]


_DESTINATION: Final = ("direction", "destination")

METRICS: Final = (
    Metric("omnigate_build_info", "gauge", ("version", "python"), "Always 1.", build),
    Metric(
        "omnigate_ready",
        "gauge",
        (),
        "1 while messages are taken in, as /readyz says.",
        once(lambda moment: moment.services.ready()),
    ),
    Metric(
        "omnigate_intake_total",
        "counter",
        ("channel", "outcome"),
        "What channels handed over. Items: stored, duplicate, refused (overloaded, closed, disk full)."
        " Requests: unauthorized, quarantined.",
        intake,
    ),
    Metric(
        "omnigate_acknowledge_seconds",
        "histogram",
        ("channel",),
        "From the hand-over of items until they are on disk and may be acknowledged.",
        by_channel(lambda figures: figures.acknowledge_seconds),
    ),
    Metric(
        "omnigate_events_total",
        "counter",
        ("type", "channel"),
        "Events recorded; channel is empty for those about the gateway itself.",
        events,
    ),
    Metric(
        "omnigate_outbound_messages_total",
        "counter",
        ("channel", "state"),
        "Messages to customers that came into a state: sent, delivered, read, failed, unknown.",
        outbound,
    ),
    Metric(
        "omnigate_deliveries_total",
        "counter",
        (*_DESTINATION, "outcome", "reason"),
        "How attempts ended: delivered; retry because of the destination, the item, throttled, or"
        " internal; dead because refused, unknown, attempts or expired.",
        deliveries,
    ),
    Metric(
        "omnigate_attempt_seconds",
        "histogram",
        _DESTINATION,
        "How long one attempt took, whatever came of it; its count is the number of attempts.",
        by_destination(lambda figures: figures.attempt_seconds),
    ),
    Metric(
        "omnigate_delivery_seconds",
        "histogram",
        _DESTINATION,
        "From the moment an item was stored until it was delivered, outages included.",
        by_destination(lambda figures: figures.delivery_seconds),
    ),
    Metric(
        "omnigate_pending_items",
        "gauge",
        _DESTINATION,
        "Items owed: events to a backend, messages to a channel.",
        of_backlog(lambda owed, now: owed.pending),
    ),
    Metric(
        "omnigate_oldest_pending_age_seconds",
        "gauge",
        _DESTINATION,
        "How long the oldest item owed has waited; 0 when nothing is.",
        of_backlog(lambda owed, now: age_seconds(owed.oldest_pending_at, now)),
    ),
    Metric(
        "omnigate_lanes",
        "gauge",
        (*_DESTINATION, "state"),
        "Conversations with something owed: due for a first attempt, retrying after a failure, leased.",
        lanes,
    ),
    Metric(
        "omnigate_dead_letters",
        "gauge",
        _DESTINATION,
        "Items set aside, until they are replayed, dropped or too old.",
        of_backlog(lambda owed, now: owed.dead),
    ),
    Metric(
        "omnigate_destination_state",
        "gauge",
        (*_DESTINATION, "state"),
        "1 for the state it is in: ok, failing, open (its breaker), paused, broken (its plugin), disabled,"
        " absent (owed something, and not in the configuration).",
        states,
    ),
    Metric(
        "omnigate_breaker_state",
        "gauge",
        (*_DESTINATION, "state"),
        "1 for the state of its breaker: closed, open, probing.",
        breakers,
    ),
    Metric(
        "omnigate_destination_consecutive_failures",
        "gauge",
        _DESTINATION,
        "Failures of the destination since its last success.",
        of_health(lambda health, now: health.failures),
    ),
    Metric(
        "omnigate_destination_failing_seconds",
        "gauge",
        _DESTINATION,
        "How long it has been failing; 0 when it works.",
        of_health(lambda health, now: age_seconds(health.first_failure_at, now)),
    ),
    Metric(
        "omnigate_destination_alerts",
        "gauge",
        _DESTINATION,
        "Alerts raised over the present failure: after 4 attempts, 1, 24 and 72 hours.",
        of_health(lambda health, now: health.alerts),
    ),
    Metric(
        "omnigate_channel_state",
        "gauge",
        ("channel", "state"),
        "1 for the state it is in: starting, up, degraded, down, stopped, paused, draining.",
        channel_states,
    ),
    Metric(
        "omnigate_calls_ended_total",
        "counter",
        ("channel", "state"),
        "Calls by how they ended: completed, cancelled, or why nobody talked (customer_busy, expired …).",
        calls_ended,
    ),
    Metric(
        "omnigate_calls_refused_total",
        "counter",
        ("channel", "code"),
        "Wishes for a call that a rule was against, by the rule: not_allowed, limit_reached and so on.",
        calls_refused,
    ),
    Metric(
        "omnigate_calls_open",
        "gauge",
        ("channel", "state"),
        "Calls that have not ended: waiting, in_progress, or unknown (held until somebody decides).",
        calls_open,
    ),
    Metric(
        "omnigate_quarantined_requests",
        "gauge",
        ("channel",),
        "Requests kept because they were authentic and not understood.",
        quarantined,
    ),
    Metric(
        "omnigate_response_seconds",
        "histogram",
        ("channel",),
        "From when a customer began to wait until a person's answer was sent to them.",
        by_channel(lambda figures: figures.response_seconds),
    ),
    Metric(
        "omnigate_first_response_seconds",
        "histogram",
        ("channel",),
        "The same for the first answers in their conversations.",
        by_channel(lambda figures: figures.first_response_seconds),
    ),
    Metric(
        "omnigate_waiting_customers",
        "gauge",
        ("channel",),
        "Conversations in which a customer waits for an answer.",
        of_queues(lambda queue, now: queue.waiting),
    ),
    Metric(
        "omnigate_overdue_customers",
        "gauge",
        ("channel",),
        "Those among them who wait longer than the channel's response_target_seconds.",
        of_queues(lambda queue, now: queue.overdue),
    ),
    Metric(
        "omnigate_longest_wait_seconds",
        "gauge",
        ("channel",),
        "How long the first of them has been waiting; 0 when nobody waits.",
        of_queues(lambda queue, now: age_seconds(queue.longest_since, now)),
    ),
    Metric(
        "omnigate_leases_lost_total",
        "counter",
        (),
        "Attempts whose result came too late to count; the item was tried again.",
        once(lambda moment: moment.services.figures.leases_lost),
    ),
    Metric(
        "omnigate_writer_turn_items",
        "histogram",
        (),
        "Writes that one transaction took together; its count is the number of transactions.",
        once(lambda moment: moment.services.store.writer.figures.turn_items),
    ),
    Metric(
        "omnigate_writer_turn_seconds",
        "histogram",
        (),
        "A whole transaction.",
        once(lambda moment: moment.services.store.writer.figures.turn_seconds),
    ),
    Metric(
        "omnigate_writer_commit_seconds",
        "histogram",
        (),
        "Its COMMIT alone, which waits for the disk.",
        once(lambda moment: moment.services.store.writer.figures.commit_seconds),
    ),
    Metric(
        "omnigate_writer_waiting_items",
        "gauge",
        (),
        "Writes that wait for their transaction; above 1000 nothing more is taken in.",
        once(lambda moment: moment.services.store.writer.waiting),
    ),
    Metric(
        "omnigate_store_bytes",
        "gauge",
        (),
        "Size of the database with its log.",
        once(lambda moment: moment.store_bytes),
    ),
    Metric(
        "omnigate_disk_free_bytes",
        "gauge",
        (),
        "Room left on the disk of the database.",
        once(lambda moment: moment.disk_free_bytes),
    ),
)
