"""Replays: windows of history that an operator has sent to a backend, worked off in small steps.

Theory of operation. A replay is a row: the positions of the log that are still to be gone through, which
of their events are wanted, and how fast. Each step owes the next few events to the backend and moves the
row on in the same transaction, so neither kill -9 nor a restart leaves one out or brings it twice. Its
events go in lanes of their own, ``replay-<number>#<conversation>``: one replay's lanes stand side by side
in the lanes' key, so what it still has pending is counted without looking at anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update

from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.owed import Owed, owe
from omnigate.store.record import OPERATIONS
from omnigate.store.schema import destination, event, event_body, lane, outbox, replay
from omnigate.store.streams import REPLAY_PRIORITY, lane_prefix
from omnigate.store.transaction import Target, Transaction

PENDING_LIMIT: Final = 500
"""How many events of one replay wait for their delivery at most."""
SPAN: Final = 5000
"""How many positions of the log one step looks at."""
PRUNED: Final = 100
"""How many replays that are over one turn looks at."""

State = Literal["running", "done", "cancelled"]


class Window(NamedTuple):
    """Which part of history is meant."""

    after: int
    """The position before the first."""
    until: int
    """The last position."""
    types: Collection[str] | None = None
    channels: Collection[str] | None = None


class NewReplay(NamedTuple):
    """A replay to begin."""

    destination_id: int
    window: Window
    rate: float
    """Events per second."""
    total: int


class Replay(NamedTuple):
    """A replay as it is now."""

    id: int
    destination_id: int
    to: str
    window: Window
    rate: float
    total: int
    replayed: int
    """How many events were put into the backend's queue, without those that a cancellation took out."""
    pending: int
    """How many of those wait for their delivery."""
    state: State
    created_at: int
    finished_at: int | None


class Step(NamedTuple):
    """Go on with a replay by so many events at most."""

    replay_id: int
    most: int


def count_window(connection: Connection, window: Window) -> int:
    """Return how many events a window has. Goes through all of it."""
    query = select(func.count()).select_from(event).where(*_in_window(window))
    return connection.scalar(query) or 0


def begin_replay(transaction: Transaction, items: Sequence[NewReplay]) -> list[int]:
    """Note replays; return their numbers."""
    return [
        transaction.connection.execute(
            insert(replay)
            .values(
                destination_id=item.destination_id,
                after_position=item.window.after,
                until_position=item.window.until,
                types=_joined(item.window.types),
                channels=_joined(item.window.channels),
                rate=item.rate,
                total=item.total,
                replayed=0,
                state="running",
                created_at=transaction.now,
            )
            .returning(replay.c.id)
        ).scalar_one()
        for item in items
    ]


def list_replays(
    connection: Connection, *, running: bool = False, before: int | None = None, limit: int
) -> list[Replay]:
    """Return replays, the newest first."""
    query = _REPLAYS
    if running:
        query = query.where(replay.c.state == "running")
    if before is not None:
        query = query.where(replay.c.id < before)
    rows = connection.execute(query.order_by(replay.c.id.desc()).limit(limit)).all()
    return [_replay(connection, row) for row in rows]


def read_replay(connection: Connection, number: int) -> Replay | None:
    """Return one replay."""
    row = connection.execute(_REPLAYS.where(replay.c.id == number)).first()
    return _replay(connection, row) if row is not None else None


def advance_replay(transaction: Transaction, items: Sequence[Step]) -> list[int]:
    """Owe the next events of replays; return how many. Nothing while too many are pending."""
    return [_advance(transaction, item) for item in items]


def cancel_replay(transaction: Transaction, items: Sequence[int]) -> list[bool]:
    """End replays that run, with what they have pending; False for others."""
    return [_cancel(transaction, item) for item in items]


def prune_replays(transaction: Transaction, items: Sequence[int]) -> list[int]:
    """Delete replays that ended so many milliseconds ago and have nothing pending; return how many.

    The latest one stays, so that its number is not given anew; at most `PRUNED` go at a time.
    """
    return [_prune(transaction, age_ms) for age_ms in items]


def _prune(transaction: Transaction, age_ms: int) -> int:
    connection = transaction.connection
    latest = select(func.max(replay.c.id)).scalar_subquery()
    rows = connection.execute(
        _REPLAYS.where(replay.c.finished_at < transaction.now - age_ms, replay.c.id < latest)
        .order_by(replay.c.id)
        .limit(PRUNED)
    ).all()
    gone = [row.id for row in rows if not _replay(connection, row).pending]
    if gone:
        connection.execute(delete(replay).where(replay.c.id.in_(gone)))
    return len(gone)


def _advance(transaction: Transaction, step: Step) -> int:
    connection = transaction.connection
    known = read_replay(connection, step.replay_id)
    if known is None or known.state != "running":
        return 0
    room = min(step.most, PENDING_LIMIT - known.pending)
    if room <= 0:
        return 0
    window = known.window
    until = min(window.until, window.after + SPAN)
    rows = connection.execute(
        select(event.c.position, event.c.conversation_id, event.c.contact_id)
        .join(event_body, event_body.c.position == event.c.position)
        .where(*_in_window(window._replace(until=until)))
        .order_by(event.c.position)
        .limit(room)
    ).all()
    owe(
        transaction,
        [
            Owed(
                Target(known.destination_id, ordered=True),
                lane_prefix(known.id) + (row.conversation_id or row.contact_id or OPERATIONS),
                REPLAY_PRIORITY,
                position=row.position,
                replay=True,
            )
            for row in rows
        ],
    )
    reached = rows[-1].position if len(rows) == room else until
    _move_on(transaction, known, reached, len(rows))
    return len(rows)


def _move_on(transaction: Transaction, known: Replay, reached: int, count: int) -> None:
    done = reached >= known.window.until
    transaction.connection.execute(
        update(replay)
        .where(replay.c.id == known.id)
        .values(
            after_position=reached,
            replayed=replay.c.replayed + count,
            state="done" if done else "running",
            finished_at=transaction.now if done else None,
        )
    )


def _cancel(transaction: Transaction, number: int) -> bool:
    ended = transaction.connection.execute(
        update(replay)
        .where(replay.c.id == number, replay.c.state == "running")
        .values(state="cancelled", finished_at=transaction.now)
        .returning(replay.c.destination_id)
    ).first()
    if ended is None:
        return False
    pending = transaction.connection.scalars(
        select(outbox.c.id).where(*_own_lanes(outbox.c, ended.destination_id, number))
    ).all()
    (done,) = abandon(transaction, [Abandonment(pending, "cancelled")])
    transaction.connection.execute(
        update(replay)
        .where(replay.c.id == number)
        .values(replayed=replay.c.replayed - len(done.gone))
    )
    return True


def _replay(connection: Connection, row: Any) -> Replay:
    pending = connection.scalar(
        select(func.coalesce(func.sum(lane.c.pending), 0)).where(
            *_own_lanes(lane.c, row.destination_id, row.id)
        )
    )
    return Replay(
        row.id,
        row.destination_id,
        row.name,
        Window(row.after_position, row.until_position, _split(row.types), _split(row.channels)),
        row.rate,
        row.total,
        row.replayed,
        int(pending or 0),
        row.state,
        row.created_at,
        row.finished_at,
    )


def _in_window(window: Window) -> list[ColumnElement[bool]]:
    conditions = [event.c.position > window.after, event.c.position <= window.until]
    if window.types is not None:
        conditions.append(event.c.type.in_(list(window.types)))
    if window.channels is not None:
        conditions.append(event.c.channel.in_(list(window.channels)))
    return conditions


def _own_lanes(columns: Any, destination_id: int, number: int) -> list[ColumnElement[bool]]:
    """Return the conditions for a replay's lanes: a range of the key of lane and outbox alike."""
    prefix = lane_prefix(number)
    behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return [
        columns.destination_id == destination_id,
        columns.stream >= prefix,
        columns.stream < behind,
    ]


def _joined(names: Collection[str] | None) -> str | None:
    return None if names is None else ",".join(sorted(names))


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [name for name in text.split(",") if name]


_REPLAYS: Final[Select[Any]] = select(replay, destination.c.name).join_from(
    replay, destination, destination.c.id == replay.c.destination_id
)
