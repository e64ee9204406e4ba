"""Calls by phone."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
)

from omnigate.store.schema.catalogue import metadata

call = Table(
    "call",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("conversation_id", Text, ForeignKey("conversation.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("cancel_asked_at", BigInteger),
    Column("wanted", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("beside", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)
"""Calls: ``wanted`` is what was asked for, ``body`` the call as it is shown now, ``beside`` what has to be
known of it and is not shown, null once what it says is gone; ``due_at`` is set while it waits to be tried.
Its recording is the attachment whose ``message_id`` is the id of the call."""
Index(
    "ix_call_open",
    call.c.channel,
    call.c.due_at,
    sqlite_where=call.c.ended_at.is_(None),
    postgresql_where=call.c.ended_at.is_(None),
)
Index(
    "ix_call_ended_at",
    call.c.ended_at,
    sqlite_where=call.c.beside.is_not(None),
    postgresql_where=call.c.beside.is_not(None),
)
Index(
    "ix_call_expires_at",
    call.c.expires_at,
    sqlite_where=call.c.due_at.is_not(None),
    postgresql_where=call.c.due_at.is_not(None),
)
