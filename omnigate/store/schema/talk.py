"""What was said and what happened: conversations, the log of events, messages, files, waits."""

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
    false,
    literal_column,
)

from omnigate.store.schema.catalogue import RowNumber, metadata

SEND: Final = "send"
"""What a channel is asked to do about a message first; whatever comes later changes it."""

FORCED: Final = "force"
"""In the body of a part: it goes also to a customer who asks, before it is sent, not to be written to."""

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
    Column("blocked_at", BigInteger),
    Column("waiting_since", BigInteger),
    Column("answered_at", BigInteger),
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
Index(
    "ix_event_contact_id",
    event.c.contact_id,
    event.c.id,
    sqlite_where=event.c.conversation_id.is_(None),
    postgresql_where=event.c.conversation_id.is_(None),
)
"""Of events that belong to a contact and to none of its conversations."""
IS_NO_MESSAGE: Final = ~event.c.type.between(
    literal_column("'message.'"), literal_column("'message/'")
)
"""Events that tell of anything else than messages, which are most. Written out, so that every engine sees the
index fit."""
Index(
    "ix_event_no_message",
    event.c.conversation_id,
    event.c.id,
    event.c.type,
    sqlite_where=IS_NO_MESSAGE,
    postgresql_where=IS_NO_MESSAGE,
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

segment = Table(
    "segment",
    metadata,
    Column("channel", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("message_id", Text, ForeignKey("message.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("channel", "external_id"),
    Index(None, "message_id", "number"),
    sqlite_with_rowid=False,
)
"""What parts were sent in where it was several; ``number`` is the part's. Receipts name each."""

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
    Column("inline", Boolean, nullable=False, server_default=false()),
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

wait = Table(
    "wait",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("conversation_id", Text, nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("message_id", Text),
    Column("since", BigInteger, nullable=False, index=True),
    Column("target_ms", BigInteger),
    Column("due_at", BigInteger),
    Column("first", Boolean, nullable=False),
    Column("overdue_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("outcome", Text),
    CheckConstraint("outcome IN ('answered', 'closed', 'erased')", name="outcome"),
)
"""Customers waiting for an answer, one row a wait; ``due_at`` is when it becomes overdue, null once that was
told or where there is no target."""
Index(
    "ix_wait_due",
    wait.c.due_at,
    sqlite_where=wait.c.due_at.is_not(None),
    postgresql_where=wait.c.due_at.is_not(None),
)
Index(
    "ix_wait_open",
    wait.c.channel,
    wait.c.since,
    sqlite_where=wait.c.ended_at.is_(None),
    postgresql_where=wait.c.ended_at.is_(None),
)
