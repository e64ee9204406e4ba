"""What channels bring in: what was seen already, how far they are, what they keep, what nobody understood."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from omnigate.store.schema.catalogue import RowNumber, metadata

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

note = Table(
    "note",
    metadata,
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("about", Text),
    PrimaryKeyConstraint("channel", "key"),
    sqlite_with_rowid=False,
)
"""What channels keep for themselves from one start to the next; ``about`` is the address of whom."""

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
