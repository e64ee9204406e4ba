"""Operational events: what operators should hear of, recorded and delivered like all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel

from omnigate.model.event import EventType
from omnigate.store.record import Draft, Recorder
from omnigate.store.transaction import Transaction


class Report(NamedTuple):
    """Something about the gateway that operators should hear of."""

    type: EventType
    data: BaseModel
    """What stands under the type's noun."""
    kept_from: int | None = None
    """The destination that it is about: it would get it late, or never."""


def report(transaction: Transaction, items: Sequence[Report]) -> list[None]:
    """Record operational events; every backend that names their type is owed them."""
    recorder = Recorder(transaction)
    for item in items:
        recorder.record(
            Draft(
                type=item.type,
                person=None,
                thread=None,
                channel=None,
                occurred_at=transaction.now,
                data=item.data.model_dump_json(),
                kept_from=item.kept_from,
            )
        )
    recorder.flush()
    return [None] * len(items)
