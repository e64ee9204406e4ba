"""Tokens that carry a customer from one conversation to another: made, read, ended, forgotten.

Of a token only its digest is stored. What happens when one comes back is `omnigate.store.arriving`.

A channel may show its customer tokens again and again, as a page does that is opened anew. One that was shown
before may just be on its way, in a phone that has read it from the screen: it stays good. All that were shown
in one conversation are *one offer*: whichever is used first ends the others, so that two persons never carry
on by them, and few are open at a time, so that asking again fills nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from omnigate.store.blank import ERASED_SCHEME
from omnigate.store.prepared import Bulk
from omnigate.store.schema import conversation, handover
from omnigate.store.transaction import Transaction, chunks

MOST_OPEN: Final = 20
"""Tokens of one conversation that can be used at a time; more of them, and the oldest are forgotten."""
MOST_OFFERED: Final = 3
"""As many beside these are of its offer: the one on the screen, the one before it, and one to spare."""

State = Literal["open", "used", "expired"]


class NewHandover(NamedTuple):
    """A token to be made."""

    id: str
    token_sha256: str
    conversation_id: str
    channels: Sequence[str]
    """Names of the channels where it is good."""
    expires_at: int
    """Milliseconds since 1970."""
    offered: bool = False
    """The conversation's own channel shows it to the customer."""


class UsedHandover(NamedTuple):
    """A token that a customer has brought."""

    key: str
    """Its id."""
    of: str
    """The conversation that it was made in."""
    offered: bool
    conversation: str
    """The one that it was used in."""


class StoredHandover(NamedTuple):
    """A token as it stands now; times in milliseconds since 1970."""

    id: str
    conversation_id: str
    channel: str
    """Of the conversation that it was made in."""
    channels: Sequence[str]
    state: State
    created_at: int
    expires_at: int
    used_at: int | None
    used_in: str | None
    """The conversation that it was used in."""
    used_on: str | None
    """The channel of that."""


def make_handovers(transaction: Transaction, items: Sequence[NewHandover]) -> list[bool]:
    """Store tokens; tell for each whether it was: not for a conversation that is not there, or was erased."""
    connection = transaction.connection
    wanted = list(dict.fromkeys(item.conversation_id for item in items))
    known = {row.id for some in chunks(wanted) for row in connection.execute(_KNOWN, {"ids": some})}
    good = [item for item in items if item.conversation_id in known]
    rows = [_row(transaction, item) for item in good]
    if rows:
        connection.execute(insert(handover), rows)
    for conversation_id in known:
        of = {"conversation_id": conversation_id}
        surplus = [one for some in _SURPLUS for one in connection.scalars(some, of)]
        if surplus:
            connection.execute(delete(handover).where(handover.c.id.in_(surplus)))
    return [item.conversation_id in known for item in items]


def use_handovers(transaction: Transaction, used: Sequence[UsedHandover]) -> None:
    """Note in which conversations tokens were used; an offer of which one was used is over."""
    rows = [one._asdict() | {"at": transaction.now} for one in used]
    _USE.run(transaction.connection, rows)
    _END_OFFER.run(transaction.connection, [row for row in rows if row["offered"]])


def read_handover(connection: Connection, handover_id: str, now: int) -> StoredHandover | None:
    """Return a token by its id, or None."""
    row = connection.execute(_BY_ID, {"id": handover_id}).one_or_none()
    return _stored(row, now) if row is not None else None


def forget_unused(transaction: Transaction, expired_before: int, limit: int) -> int:
    """Delete tokens that expired before a moment and were never used, so many at most; return how many.

    Those that were used stay, few as they are: they alone say in which conversation words of another one
    may stand, once that one was carried on from elsewhere, and an erasure has to find them.
    """
    keys = {"before": expired_before, "most": limit}
    gone = list(transaction.connection.scalars(_EXPIRED, keys))
    if gone:
        transaction.connection.execute(delete(handover).where(handover.c.id.in_(gone)))
    return len(gone)


def _row(transaction: Transaction, item: NewHandover) -> dict[str, Any]:
    return {
        "id": item.id,
        "token_sha256": item.token_sha256,
        "conversation_id": item.conversation_id,
        "channels": to_json(list(item.channels)).decode(),
        "created_at": transaction.now,
        "expires_at": item.expires_at,
        "offered": item.offered,
        "used_at": None,
        "used_in": None,
    }


def _stored(row: Any, now: int) -> StoredHandover:
    state: State = "open" if row.expires_at > now else "expired"
    return StoredHandover(
        id=row.id,
        conversation_id=row.conversation_id,
        channel=row.channel,
        channels=from_json(row.channels),
        state="used" if row.used_at is not None else state,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        used_in=row.used_in,
        used_on=row.used_on,
    )


_KNOWN: Final = select(conversation.c.id).where(
    conversation.c.id.in_(bindparam("ids", expanding=True)),
    ~conversation.c.address.startswith(f"{ERASED_SCHEME}:"),
)
_UNUSED: Final = (
    select(handover.c.id)
    .where(handover.c.conversation_id == bindparam("conversation_id"), handover.c.used_at.is_(None))
    .order_by(handover.c.created_at.desc(), handover.c.id.desc())
    .limit(-1)
)
_SURPLUS: Final = (
    _UNUSED.where(~handover.c.offered).offset(MOST_OPEN),
    _UNUSED.where(handover.c.offered).offset(MOST_OFFERED),
)
_USE: Final = Bulk(
    update(handover)
    .where(handover.c.id == bindparam("key"))
    .values(used_at=bindparam("at"), used_in=bindparam("conversation"))
)
# They expire, and are not deleted: whoever brings one later is to read nothing in the message but its id.
_END_OFFER: Final = Bulk(
    update(handover)
    .where(
        handover.c.conversation_id == bindparam("of"),
        handover.c.offered,
        handover.c.used_at.is_(None),
        handover.c.expires_at > bindparam("at"),
    )
    .values(expires_at=bindparam("at"))
)
_EXPIRED: Final = (
    select(handover.c.id)
    .where(handover.c.used_at.is_(None), handover.c.expires_at < bindparam("before"))
    .order_by(handover.c.expires_at)
    .limit(bindparam("most"))
)
_USED_IN: Final = conversation.alias("used_in")
_BY_ID: Final = (
    select(handover, conversation.c.channel, _USED_IN.c.channel.label("used_on"))
    .join_from(handover, conversation, conversation.c.id == handover.c.conversation_id)
    .outerjoin(_USED_IN, _USED_IN.c.id == handover.c.used_in)
    .where(handover.c.id == bindparam("id"))
)
