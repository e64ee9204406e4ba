"""The tables, described once for every engine. Times are integer milliseconds since 1970, UTC.

Who is known stands in `people`, what was said and happened in `talk` and `calls`, what came in and how far it
was read in `intake`, what is owed in `delivery`, who may ask in `access`. How they hang together:

* ``event`` is the append-only log; its text stands apart in ``event_body`` so that it can be erased.
* ``lane`` is the queue of one stream (a conversation, or a contact) towards one destination: the unit
  of order, of claiming and of back-off. ``outbox`` holds what a lane still owes; a row is deleted when
  its delivery ended and leaves one in ``delivery_done``, or one in ``dead``. A dead letter that is
  replayed or dropped leaves one in ``delivery_done`` too.
* ``lane.pending`` always equals the number of its outbox rows.
"""

from __future__ import annotations

from omnigate.store.schema.access import idempotency, installation, token
from omnigate.store.schema.calls import call
from omnigate.store.schema.catalogue import RowNumber, metadata
from omnigate.store.schema.delivery import (
    APART,
    DUE,
    DUE_FRESH,
    DUE_RETRYING,
    IDLE,
    LEASED,
    attempt,
    dead,
    delivery_done,
    destination,
    exchange,
    lane,
    outbox,
    replay,
)
from omnigate.store.schema.intake import cursor, dedup, note, quarantine
from omnigate.store.schema.people import address, conflict, contact, handover, merge
from omnigate.store.schema.talk import (
    FORCED,
    IS_NO_MESSAGE,
    SEND,
    attachment,
    conversation,
    early_receipt,
    event,
    event_body,
    message,
    message_part,
    segment,
    wait,
)

__all__ = [
    "APART",
    "DUE",
    "DUE_FRESH",
    "DUE_RETRYING",
    "FORCED",
    "IDLE",
    "IS_NO_MESSAGE",
    "LEASED",
    "SEND",
    "RowNumber",
    "address",
    "attachment",
    "attempt",
    "call",
    "conflict",
    "contact",
    "conversation",
    "cursor",
    "dead",
    "dedup",
    "delivery_done",
    "destination",
    "early_receipt",
    "event",
    "event_body",
    "exchange",
    "handover",
    "idempotency",
    "installation",
    "lane",
    "merge",
    "message",
    "message_part",
    "metadata",
    "note",
    "outbox",
    "quarantine",
    "replay",
    "segment",
    "token",
    "wait",
]
