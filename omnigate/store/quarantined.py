"""Quarantine: authentic input that could not be understood, kept raw for the operator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from omnigate.store.dialect import upsert
from omnigate.store.schema import quarantine
from omnigate.store.transaction import Transaction


class Puzzle(NamedTuple):
    """A request that nobody understood."""

    channel: str
    reason: str
    request: str
    """Method, path and headers as JSON, secrets redacted."""
    body: bytes


def keep(transaction: Transaction, items: Sequence[Puzzle]) -> list[None]:
    """Keep requests raw; the same body of the same channel is kept once."""
    transaction.connection.execute(
        upsert(quarantine).on_conflict_do_nothing(),
        [
            {
                "id": transaction.numbers.take("quarantine"),
                "channel": item.channel,
                "reason": item.reason[:2000],
                "request": item.request,
                "body": item.body,
                "digest": hashlib.sha256(item.body).hexdigest(),
                "received_at": transaction.now,
            }
            for item in items
        ],
    )
    return [None] * len(items)


def list_quarantined(connection: Connection, limit: int = 100) -> list[Any]:
    """Return what is in quarantine, the newest first."""
    query = select(quarantine).order_by(quarantine.c.id.desc()).limit(limit)
    return list(connection.execute(query))
