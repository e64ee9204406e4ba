"""Customers: contacts, their addresses, what made several of them one, and tokens that say so."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from omnigate.store.schema.catalogue import RowNumber, metadata

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
Index(
    "ix_contact_merged_into",
    contact.c.merged_into,
    sqlite_where=contact.c.merged_into.is_not(None),
    postgresql_where=contact.c.merged_into.is_not(None),
)

address = Table(
    "address",
    metadata,
    Column("address", Text, primary_key=True),
    Column("contact_id", Text, ForeignKey("contact.id"), nullable=False, index=True),
    Column("username", Text),
    Column("verified_at", BigInteger),
    Column("consent", Text),
    Column("consent_at", BigInteger),
    Column("consent_source", Text),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("consent IN ('granted', 'refused')", name="consent"),
)
"""``consent`` is whether the customer has agreed to be written to first there; null: nobody has said."""

merge = Table(
    "merge",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("winner", Text, nullable=False, index=True),
    Column("loser", Text, nullable=False, index=True),
    Column("addresses", Text, nullable=False),
    Column("filled", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("channel", Text),
    Column("merged_at", BigInteger, nullable=False),
    Column("merged_by", Text),
    Column("undone_at", BigInteger),
    Column("undone_by", Text),
)
"""Contacts that were found to be one, with what the loser brought: addresses, and names of fields that the
winner had nothing in. ``merged_by`` is who said so, null where it was proven. One that was undone also says
that no proof may make the two one again: only a person can."""

conflict = Table(
    "conflict",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("contact_id", Text, nullable=False),
    Column("other_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("channel", Text),
    Column("count", Integer, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    UniqueConstraint("contact_id", "other_id", "address"),
)
"""Proofs that were not followed, because others contradict them."""

handover = Table(
    "handover",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_sha256", Text, nullable=False, unique=True),
    Column("conversation_id", Text, ForeignKey("conversation.id"), nullable=False, index=True),
    Column("channels", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("offered", Boolean, nullable=False),
    Column("used_at", BigInteger),
    Column("used_in", Text),
)
"""Tokens that carry a customer from one conversation to another, each once; ``channels`` is a JSON list of
those where it is good. A used one is kept: it says whose conversation tells what was said in the other.
``offered`` are those that a channel shows its own customer: all of one conversation are one offer, and the
first that is used ends the others."""
Index(
    "ix_handover_expires_at",
    handover.c.expires_at,
    sqlite_where=handover.c.used_at.is_(None),
    postgresql_where=handover.c.used_at.is_(None),
)
