"""What leased lanes owe next: their first items, by the outbox's order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, bindparam, select

from omnigate.store.errands import errand_of
from omnigate.store.partresult import PartResult
from omnigate.store.prepared import Keys, Lookup
from omnigate.store.schema import event, event_body, lane, outbox
from omnigate.store.starting import PartJob, ended, start_next
from omnigate.store.transaction import Transaction


@dataclass(slots=True)
class Item:
    """One thing a lane owes: an event with its text, or an outbound message by id."""

    id: int
    attempts: int
    """How many attempts were made already."""
    created_at: int
    expires_at: int
    replay: bool
    message_id: str | None = None
    first_part: int | None = None
    last_part: int | None = None
    position: int | None = None
    event_id: str = ""
    event_type: str = ""
    sequence: int | None = None
    body: str = ""
    media: bool = False
    job: PartJob | None = None
    """The part of the message that is to be sent; None when all are."""
    tried: PartResult | None = None
    """What came of the part that was tried last, where it was not sent: stored when the item is settled."""
    ended: str = ""
    """Why no part of the message is sent any more; empty while it has not failed."""


@dataclass(slots=True)
class Lease:
    """A lane that is being worked on."""

    destination_id: int
    stream: str
    token: int
    retrying: bool
    failures: int
    """How often in a row its first item failed by itself, while the destination worked."""
    first_failure_at: int | None
    gap: list[int]
    pending: int
    items: list[Item] = field(default_factory=list)


def fill(
    transaction: Transaction, destination_id: int, depth: int, leases: dict[str, Lease]
) -> None:
    """Put the first ``depth`` items of each lane into its lease, and start the parts that are to be sent."""
    connection = transaction.connection
    values = {"destination": destination_id, "depth": depth}
    for row in _HEADS.run(connection, list(leases), values):
        leases[row.stream].items.append(_item(row))
    heads = [lease.items[0] for lease in leases.values() if lease.items]
    if errands := {errand_of(item): item for item in heads if item.message_id is not None}:
        for errand, why in ended(connection, list(errands)).items():
            errands.pop(errand).ended = why
        for errand, job in start_next(transaction, list(errands)).items():
            errands[errand].job = job


def _item(row: Any) -> Item:
    item = Item(*row[1:])
    item.replay, item.media = bool(item.replay), bool(item.media)
    return item


def _heads(keys: Keys) -> Select[Any]:
    """Return the query for the first items of lanes, ``depth`` of each."""
    owed = outbox.alias("owed")
    first = (
        select(owed.c.id)
        .where(
            owed.c.destination_id == lane.c.destination_id,
            owed.c.stream == lane.c.stream,
        )
        .order_by(owed.c.id)
        .limit(bindparam("depth"))
        .correlate(lane)
    )
    return (
        select(
            lane.c.stream,
            outbox.c.id,
            outbox.c.attempts,
            outbox.c.created_at,
            outbox.c.expires_at,
            outbox.c.replay,
            outbox.c.message_id,
            outbox.c.first_part,
            outbox.c.last_part,
            outbox.c.position,
            event.c.id,
            event.c.type,
            event.c.sequence,
            event_body.c.body,
            event_body.c.media,
        )
        .select_from(
            # By their ids and nothing else: a planner that knew more would go through all that a
            # lane owes, and one that is stuck owes a hundred thousand.
            lane.join(outbox, outbox.c.id.in_(first))
            .outerjoin(event, event.c.position == outbox.c.position)
            .outerjoin(event_body, event_body.c.position == outbox.c.position)
        )
        .where(lane.c.destination_id == bindparam("destination"), lane.c.stream.in_(keys))
        .order_by(outbox.c.id)
    )


_HEADS: Final = Lookup(_heads)
