"""The tables, described once for every engine. Times are integer milliseconds since 1970, UTC.

How the rooms of the store hang together:

* ``event`` is the append-only log; its text stands apart in ``event_body`` so that it can be erased.
* ``lane`` is the queue of one stream (a conversation, or a contact) towards one destination: the unit
  of order, of claiming and of back-off. ``outbox`` holds what a lane still owes; a row is deleted when
  its delivery ended and leaves one in ``delivery_done``, or one in ``dead``. A dead letter that is
  replayed or dropped leaves one in ``delivery_done`` too.
* ``lane.pending`` always equals the number of its outbox rows.
"""

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
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    literal_column,
    true,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowNumber: Final = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite makes only INTEGER primary keys an alias of the row's own number."""

IDLE: Final = 0
DUE: Final = 1
LEASED: Final = 2

SEND: Final = "send"
"""What a channel is asked to do about a message first; whatever comes later changes it."""

APART: Final = "#"
"""Stands between stream and number in the name of a lane that is for one item alone."""

installation = Table(
    "installation",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Text, primary_key=True),
    Column("display_name", Text),
    Column("locale", Text),
    Column("phone", Text),
    Column("email", Text),
    Column("avatar_url", Text),
    Column("blocked_at", BigInteger),
    Column("merged_into", Text),
    Column("erased_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

address = Table(
    "address",
    metadata,
    Column("address", Text, primary_key=True),
    Column("contact_id", Text, ForeignKey("contact.id"), nullable=False, index=True),
    Column("username", Text),
    Column("verified_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
)

conversation = Table(
    "conversation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("contact_id", Text, ForeignKey("contact.id"), nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("subject", Text),
    Column("status", Text, nullable=False),
    Column("owner", Text),
    Column("next_sequence", BigInteger, nullable=False),
    Column("context", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False, index=True),
    UniqueConstraint("channel", "external_id"),
    Index(None, "channel", "address"),
    CheckConstraint("status IN ('open', 'closed')", name="status"),
)

event = Table(
    "event",
    metadata,
    Column("position", RowNumber, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("channel", Text),
    Column("conversation_id", Text),
    Column("contact_id", Text),
    Column("message_id", Text),
    Column("sequence", BigInteger),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index(None, "conversation_id", "sequence"),
    sqlite_autoincrement=True,
)

event_body = Table(
    "event_body",
    metadata,
    Column("position", RowNumber, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("media", Boolean, nullable=False),
)

message = Table(
    "message",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("external_id", Text),
    Column("content", Text),
    Column("position", BigInteger),
    Column("error", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Index(None, "conversation_id", "id"),
    Index(None, "channel", "external_id"),
    CheckConstraint("(content IS NULL) <> (position IS NULL)", name="one_source"),
)
"""What an inbound message says stands in the event at ``position``; an outbound one's in ``content``."""

message_part = Table(
    "message_part",
    metadata,
    Column("message_id", Text, ForeignKey("message.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("external_id", Text),
    Column("state", Text, nullable=False),
    Column("doubts", Integer, nullable=False),
    Column("error", Text),
    Column("body", Text, nullable=False),
    Column("action", Text, nullable=False, server_default=SEND),
    PrimaryKeyConstraint("message_id", "number"),
    UniqueConstraint("channel", "external_id"),
)
"""What a channel was asked to do about a message: the sends that it needs, then changes to it."""

early_receipt = Table(
    "early_receipt",
    metadata,
    Column("channel", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("error", Text),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("channel", "external_id", "state"),
)
"""Receipts that came before the id they name was known."""

dedup = Table(
    "dedup",
    metadata,
    Column("channel", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("position", BigInteger),
    Column("recorded_at", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("channel", "external_id"),
    sqlite_with_rowid=False,
)

cursor = Table(
    "cursor",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

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
)
"""What ended: delivered, cancelled, or a dead letter that was dropped or replayed (``reason`` and
``died_at`` are its death's). ``ended_by`` is who wanted it, where somebody did."""
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

attachment = Table(
    "attachment",
    metadata,
    Column("id", Text, primary_key=True),
    Column("message_id", Text, index=True),
    Column("channel", Text),
    Column("owner", Text),
    Column("kind", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("name", Text),
    Column("caption", Text),
    Column("size_bytes", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    Column("duration_seconds", Float),
    Column("sha256", Text, index=True),
    Column("state", Text, nullable=False),
    Column("source", Text),
    Column("error", Text),
    Column("failures", Integer, nullable=False),
    Column("retry_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
)
Index(
    "ix_attachment_pending",
    attachment.c.retry_at,
    sqlite_where=attachment.c.retry_at.is_not(None),
    postgresql_where=attachment.c.retry_at.is_not(None),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("digest", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    UniqueConstraint("channel", "digest"),
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

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("scope", "key"),
)

token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("channels", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
)
