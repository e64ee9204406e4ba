"""What one item asks a channel for: that a message is sent, or that one change is made to it.

Both are parts of the message. An item is about its own and no others: what was asked for later waits for
its turn in the lane, and what was taken back, or died, is not made along with something else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, select

from omnigate.store.schema import SEND, message_part


class Errand(NamedTuple):
    """The parts of a message that an item is about."""

    message_id: str
    first_part: int | None = None
    """None: all that is to be sent."""
    last_part: int | None = None

    def is_about(self, part: Any) -> bool:
        """Tell whether a part's row is one of them."""
        if self.first_part is None or self.last_part is None:
            return bool(part.action == SEND)
        return bool(self.first_part <= part.number <= self.last_part)


def is_first_part(table: Table) -> ColumnElement[bool]:
    """Return the condition for the part with which a change begins, of items or of dead letters."""
    return (message_part.c.message_id == table.c.message_id) & (
        message_part.c.number == table.c.first_part
    )


def read_steps(connection: Connection, errand: Errand) -> list[Any]:
    """Return the parts that a change consists of, in order; none for what is to be sent."""
    query = select(message_part).where(
        message_part.c.message_id == errand.message_id,
        message_part.c.number.between(errand.first_part, errand.last_part),
    )
    return list(connection.execute(query.order_by(message_part.c.number)))


def errand_of(row: Any) -> Errand:
    """Return what an item, or a dead letter, with a message asks for."""
    return Errand(row.message_id, row.first_part, row.last_part)
