"""Taking out what calls say: numbers, names, notes and recordings go, ids, times and ends stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, literal_column, select, update

from omnigate.model.call import ENDED, WAITING, Call
from omnigate.store.blank import blank_call, blank_call_under_way
from omnigate.store.emptying import forget_keys
from omnigate.store.prepared import Bulk
from omnigate.store.schema import call
from omnigate.store.transaction import Transaction

PAGE: Final = 200
NOTHING_WANTED: Final = "{}"


def calls_to_fade(connection: Connection, ended_before: int) -> list[str]:
    """Return the ids of some calls that ended before a moment and still say something."""
    query = select(call.c.id).where(call.c.beside.is_not(None), call.c.ended_at < ended_before)
    return list(connection.scalars(query.order_by(call.c.ended_at).limit(PAGE)))


def calls_in(connection: Connection, conversation_ids: Sequence[str], after: str) -> list[str]:
    """Return a page of the ids of the calls of conversations, in order.

    Their recordings are found as the files of messages are: `omnigate.store.discarding.attachment_ids_of`.
    """
    query = select(call.c.id).where(call.c.conversation_id.in_(conversation_ids), call.c.id > after)
    return list(connection.scalars(query.order_by(call.c.id).limit(PAGE)))


def empty_calls(transaction: Transaction, items: Sequence[Sequence[str]]) -> list[int]:
    """Take out what calls say, how and under which keys they were asked for; return how many.

    One that is under way keeps what its platform calls it, or nobody could end it, and when it was begun, or
    nobody could tell that it lasts too long; that goes with its end where the customer was erased
    (`omnigate.store.calls`). Whether it may be tried again is over: what waits
    is to be cancelled first.
    """
    return [_empty(transaction, list(ids)) for ids in items]


def _empty(transaction: Transaction, ids: list[str]) -> int:
    connection = transaction.connection
    rows: list[Any] = list(connection.execute(_BODIES, {"ids": ids}))
    forget_keys(transaction, {row.id: row.created_at for row in rows})
    return _EMPTY.run(connection, [{"key": row.id, **_emptied(row)} for row in rows])


def _emptied(row: Any) -> dict[str, str | None]:
    """Return what is left of a call without what it says."""
    known = Call.model_validate_json(row.body)
    if known.state in ENDED or known.state in WAITING:
        return {"body_now": blank_call(known).model_dump_json(), "beside_now": None}
    beside = from_json(row.beside) if row.beside else {}
    moments = {name: beside[name] for name in _MOMENTS if beside.get(name) is not None}
    return {
        "body_now": blank_call_under_way(known).model_dump_json(),
        "beside_now": to_json(moments).decode(),
    }


_MOMENTS: Final = ("begun_at", "cut_at")
"""Of what is known beside a call: when its attempt was begun, and was to be ended for its length."""
_BODIES: Final = select(call.c.id, call.c.body, call.c.beside, call.c.created_at).where(
    call.c.id.in_(bindparam("ids", expanding=True))
)
_EMPTY: Final = Bulk(
    update(call)
    .where(call.c.id == bindparam("key"))
    .values(
        body=bindparam("body_now"),
        wanted=literal_column(f"'{NOTHING_WANTED}'"),
        beside=bindparam("beside_now"),
    )
)
