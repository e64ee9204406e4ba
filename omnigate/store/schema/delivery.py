"""What is owed and to whom: destinations, lanes, attempts, what ended and what died."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    literal_column,
    true,
)

from omnigate.store.schema.catalogue import RowNumber, metadata

IDLE: Final = 0
DUE: Final = 1
LEASED: Final = 2
APART: Final = "#"
"""Stands between stream and number in the name of a lane that is for one item alone."""

destination = Table(
    "destination",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("direction", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("breaker", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("opened_for_ms", BigInteger, nullable=False),
    Column("retry_at", BigInteger),
    Column("paused", Text),
    Column("first_failure_at", BigInteger),
    Column("last_success_at", BigInteger),
    Column("last_error", Text),
    Column("intake_closed", Boolean, nullable=False, server_default=false()),
    Column("alerts", Integer, nullable=False, server_default="0"),
    UniqueConstraint("direction", "name"),
    CheckConstraint("breaker IN ('closed', 'open', 'probing')", name="breaker"),
)

lane = Table(
    "lane",
    metadata,
    Column("destination_id", Integer, ForeignKey("destination.id"), nullable=False),
    Column("stream", Text, nullable=False),
    Column("state", Integer, nullable=False),
    Column("run_at", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("retrying", Boolean, nullable=False),
    Column("pending", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("first_failure_at", BigInteger),
    Column("lease_until", BigInteger),
    Column("lease_token", BigInteger, nullable=False),
    Column("gap", Text),
    Column("updated_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("destination_id", "stream"),
    CheckConstraint("pending >= 0", name="pending"),
    sqlite_with_rowid=False,
)
DUE_FRESH: Final = (
    lane.c.state == literal_column(str(DUE), Integer()),
    lane.c.retrying.is_(false()),
)
"""Lanes that wait for their first attempt. Written out, so that every engine sees the index fit."""
DUE_RETRYING: Final = (
    lane.c.state == literal_column(str(DUE), Integer()),
    lane.c.retrying.is_(true()),
)
"""Lanes that wait to be tried again."""
Index(
    "ix_lane_fresh",
    lane.c.destination_id,
    lane.c.priority,
    lane.c.run_at,
    sqlite_where=and_(*DUE_FRESH),
    postgresql_where=and_(*DUE_FRESH),
)
Index(
    "ix_lane_retrying",
    lane.c.destination_id,
    lane.c.run_at,
    sqlite_where=and_(*DUE_RETRYING),
    postgresql_where=and_(*DUE_RETRYING),
)
Index(
    "ix_lane_again",
    lane.c.destination_id,
    lane.c.priority,
    lane.c.run_at,
    sqlite_where=and_(*DUE_RETRYING),
    postgresql_where=and_(*DUE_RETRYING),
)
Index(
    "ix_lane_leased",
    lane.c.lease_until,
    sqlite_where=lane.c.state == LEASED,
    postgresql_where=lane.c.state == LEASED,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("destination_id", Integer, nullable=False),
    Column("stream", Text, nullable=False),
    Column("position", BigInteger),
    Column("message_id", Text),
    Column("attempts", Integer, nullable=False),
    Column("replay", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("first_part", Integer),
    Column("last_part", Integer),
    Index(None, "destination_id", "stream", "id"),
    CheckConstraint("(position IS NULL) <> (message_id IS NULL)", name="one_item"),
    sqlite_autoincrement=True,
)

delivery_done = Table(
    "delivery_done",
    metadata,
    Column("outbox_id", RowNumber, primary_key=True, autoincrement=False),
    Column("destination_id", Integer, nullable=False),
    Column("position", BigInteger),
    Column("message_id", Text),
    Column("outcome", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("status", Integer),
    Column("duration_ms", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, nullable=False),
    Column("reason", Text),
    Column("died_at", BigInteger),
    Column("ended_by", Text),
    Column("replay", Boolean, nullable=False, server_default=false()),
)
"""What ended: delivered, cancelled, or a dead letter that was dropped or replayed (``reason`` and
``died_at`` are its death's). ``ended_by`` is who wanted it, where somebody did; ``replay`` whether it was
sent again on an operator's request."""
Index(
    "ix_delivery_done_position",
    delivery_done.c.position,
    sqlite_where=delivery_done.c.position.is_not(None),
    postgresql_where=delivery_done.c.position.is_not(None),
)
Index(
    "ix_delivery_done_message_id",
    delivery_done.c.message_id,
    sqlite_where=delivery_done.c.message_id.is_not(None),
    postgresql_where=delivery_done.c.message_id.is_not(None),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("outbox_id", BigInteger, nullable=False, index=True),
    Column("destination_id", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("duration_ms", Integer),
    Column("error", Text, nullable=False),
)
"""Attempts that did not succeed; one that did is in ``delivery_done``."""

exchange = Table(
    "exchange",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("outbox_id", BigInteger, nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("request_headers", Text, nullable=False),
    Column("status", Integer),
    Column("response_headers", Text),
    Column("response_body", Text),
    Column("error", Text),
    Column("duration_ms", Integer, nullable=False),
)
"""What attempts said over HTTP and were answered, secrets taken out; ``number`` is the attempt's."""

dead = Table(
    "dead",
    metadata,
    Column("outbox_id", RowNumber, primary_key=True, autoincrement=False),
    Column("destination_id", Integer, nullable=False, index=True),
    Column("stream", Text, nullable=False),
    Column("position", BigInteger),
    Column("message_id", Text),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("died_at", BigInteger, nullable=False, index=True),
    Column("first_part", Integer),
    Column("last_part", Integer),
)

replay = Table(
    "replay",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("destination_id", Integer, ForeignKey("destination.id"), nullable=False),
    Column("after_position", BigInteger, nullable=False),
    Column("until_position", BigInteger, nullable=False),
    Column("types", Text),
    Column("channels", Text),
    Column("rate", Float, nullable=False),
    Column("total", Integer, nullable=False),
    Column("replayed", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    CheckConstraint("state IN ('running', 'done', 'cancelled')", name="state"),
)
"""Windows of history that an operator has sent to a backend again; ``after_position`` moves on."""
