"""Quarantine: authentic input that could not be understood, kept raw for the operator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from omnigate.store.dialect import upsert
from omnigate.store.prepared import Bulk
from omnigate.store.schema import quarantine
from omnigate.store.selection import Pick
from omnigate.store.transaction import Transaction

_LONGEST_REASON: Final = 2000


class Puzzle(NamedTuple):
    """A request that nobody understood."""

    channel: str
    reason: str
    request: str
    """Method, path and headers as JSON, secrets redacted."""
    body: bytes
    query: str = ""
    """What the address said: two requests without a body differ in it. Only its hash is kept."""


class QuarantineFilter(NamedTuple):
    """What of the quarantine is meant; nothing named means all."""

    channel: str | None = None


class Riddle(NamedTuple):
    """Something in quarantine that was tried again and is not understood either."""

    id: int
    reason: str


def keep(transaction: Transaction, items: Sequence[Puzzle]) -> list[None]:
    """Keep requests raw; the same query and body of the same channel are kept once."""
    if not items:
        return []
    transaction.connection.execute(
        upsert(quarantine).on_conflict_do_nothing(),
        [
            {
                "id": transaction.numbers.take("quarantine"),
                "channel": item.channel,
                "reason": item.reason[:_LONGEST_REASON],
                "request": item.request,
                "body": item.body,
                "digest": _digest(item),
                "received_at": transaction.now,
            }
            for item in items
        ],
    )
    return [None] * len(items)


def list_quarantined(
    connection: Connection,
    wanted: QuarantineFilter,
    *,
    before: int | None = None,
    limit: int = 100,
) -> list[Any]:
    """Return what is in quarantine, the newest first, without bodies but with their size."""
    query = _SHOWN.where(*_conditions(connection, wanted))
    if before is not None:
        query = query.where(quarantine.c.id < before)
    return list(connection.execute(query.order_by(quarantine.c.id.desc()).limit(limit)))


def read_quarantined(connection: Connection, number: int) -> Any | None:
    """Return one request with its body."""
    return connection.execute(select(quarantine).where(quarantine.c.id == number)).first()


def drop_quarantined(transaction: Transaction, items: Sequence[Sequence[int]]) -> list[int]:
    """Forget requests; return how many there were."""
    return [_DROP.run(transaction.connection, [{"key": number} for number in ids]) for ids in items]


def explain_anew(transaction: Transaction, items: Sequence[Riddle]) -> list[None]:
    """Note why requests are not understood now."""
    rows = [{"key": item.id, "why": item.reason[:_LONGEST_REASON]} for item in items]
    _EXPLAIN.run(transaction.connection, rows)
    return [None] * len(items)


def _conditions(connection: Connection, wanted: QuarantineFilter) -> list[ColumnElement[bool]]:
    return [] if wanted.channel is None else [quarantine.c.channel == wanted.channel]


def _digest(item: Puzzle) -> str:
    known = hashlib.sha256(item.body)
    if item.query:
        known.update(b"\0?" + item.query.encode())
    return known.hexdigest()


_SHOWN: Final = select(
    quarantine.c.id,
    quarantine.c.channel,
    quarantine.c.reason,
    quarantine.c.received_at,
    func.length(quarantine.c.body).label("size_bytes"),
)
_DROP: Final = Bulk(quarantine.delete().where(quarantine.c.id == bindparam("key")))
_EXPLAIN: Final = Bulk(
    update(quarantine).where(quarantine.c.id == bindparam("key")).values(reason=bindparam("why"))
)
REQUESTS: Final = Pick(quarantine.c.id, _conditions)
