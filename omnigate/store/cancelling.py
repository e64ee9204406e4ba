"""Cancelling messages that are not sent yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from sqlalchemy import bindparam, select

from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.ranks import ARRIVED
from omnigate.store.schema import destination, message, outbox
from omnigate.store.streams import REPLAY_LANE
from omnigate.store.transaction import Transaction

Cancelled = Literal["cancelled", "under_way", "not_owed"]


class Cancellation(NamedTuple):
    """A message that is not to be sent any more."""

    message_id: str
    by: str | None = None
    """Who wants that."""


def cancel_messages(transaction: Transaction, items: Sequence[Cancellation]) -> list[Cancelled]:
    """Take messages out of the queue; what was sent of them stays sent."""
    return [_cancel(transaction, item) for item in items]


def _cancel(transaction: Transaction, wanted: Cancellation) -> Cancelled:
    """Find the one item that owes the message in its conversation's lanes, and abandon it."""
    connection = transaction.connection
    row = connection.execute(_CONVERSATION, {"id": wanted.message_id}).first()
    if row is None:
        return "not_owed"
    streams = [row.conversation_id, row.conversation_id + REPLAY_LANE]
    owed = connection.execute(
        _OWED_MESSAGE, {"channel": row.channel, "streams": streams, "message": wanted.message_id}
    ).all()
    if not owed:
        return "not_owed"
    numbers = [item.id for item in owed]
    (done,) = abandon(transaction, [Abandonment(numbers, "cancelled", wanted.by)])
    if not done.under_way:
        return "cancelled"
    # Its last part is stored as sent before the attempt is settled.
    is_sent = row.state in ARRIVED and all(item.first_part is None for item in owed)
    return "not_owed" if is_sent else "under_way"


_CONVERSATION: Final = select(message.c.channel, message.c.conversation_id, message.c.state).where(
    message.c.id == bindparam("id"), message.c.direction == "outbound"
)
_OWED_MESSAGE: Final = (
    select(outbox.c.id, outbox.c.first_part)
    .join(destination, destination.c.id == outbox.c.destination_id)
    .where(
        destination.c.direction == "channel",
        destination.c.name == bindparam("channel"),
        outbox.c.stream.in_(bindparam("streams", expanding=True)),
        outbox.c.message_id == bindparam("message"),
    )
)
