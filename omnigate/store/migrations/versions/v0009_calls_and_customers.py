"""Calls, handovers, merges that can be undone, conflicts, consents, and customers who wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables, and columns to addresses and conversations."""
    _merges()
    _handovers()
    _calls()
    _waits()
    with op.batch_alter_table("address", schema=None) as batch_op:
        batch_op.add_column(sa.Column("consent", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("consent_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("consent_source", sa.Text(), nullable=True))
        batch_op.create_check_constraint("consent", "consent IN ('granted', 'refused')")
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("waiting_since", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("answered_at", sa.BigInteger(), nullable=True))
    # Whether anybody answered before this was noted is not known: no first response is made of it.
    op.execute("UPDATE conversation SET answered_at = updated_at")
    # Whether a customer waits for what channels are owed is not known either: it goes before notices.
    op.execute(
        "UPDATE lane SET priority = 1 WHERE priority BETWEEN 2 AND 999"
        " AND destination_id IN (SELECT id FROM destination WHERE direction = 'channel')"
    )
    op.create_index(
        "ix_lane_again",
        "lane",
        ["destination_id", "priority", "run_at"],
        sqlite_where=sa.text("state = 1 AND retrying IS 1"),
        postgresql_where=sa.text("state = 1 AND retrying IS true"),
    )
    op.create_index(
        "ix_event_contact_id",
        "event",
        ["contact_id", "id"],
        sqlite_where=sa.text("conversation_id IS NULL"),
        postgresql_where=sa.text("conversation_id IS NULL"),
    )
    op.create_index(
        "ix_event_no_message",
        "event",
        ["conversation_id", "id", "type"],
        sqlite_where=sa.text("type NOT BETWEEN 'message.' AND 'message/'"),
        postgresql_where=sa.text("type NOT BETWEEN 'message.' AND 'message/'"),
    )


def _merges() -> None:
    op.create_index(
        "ix_contact_merged_into",
        "contact",
        ["merged_into"],
        sqlite_where=sa.text("merged_into IS NOT NULL"),
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.create_table(
        "merge",
        sa.Column("id", _ROW_NUMBER, nullable=False),
        sa.Column("winner", sa.Text(), nullable=False),
        sa.Column("loser", sa.Text(), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("filled", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("merged_at", sa.BigInteger(), nullable=False),
        sa.Column("merged_by", sa.Text(), nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_merge"),
    )
    op.create_index("ix_merge_winner", "merge", ["winner"])
    op.create_index("ix_merge_loser", "merge", ["loser"])
    op.create_table(
        "conflict",
        sa.Column("id", _ROW_NUMBER, nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("other_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_conflict"),
        sa.UniqueConstraint(
            "contact_id", "other_id", "address", name="uq_conflict_contact_id_other_id_address"
        ),
    )


def _handovers() -> None:
    op.create_table(
        "handover",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("offered", sa.Boolean(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("used_in", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_handover_conversation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_handover"),
        sa.UniqueConstraint("token_sha256", name="uq_handover_token_sha256"),
    )
    op.create_index("ix_handover_conversation_id", "handover", ["conversation_id"])
    op.create_index(
        "ix_handover_expires_at",
        "handover",
        ["expires_at"],
        sqlite_where=sa.text("used_at IS NULL"),
        postgresql_where=sa.text("used_at IS NULL"),
    )


def _calls() -> None:
    op.create_table(
        "call",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("cancel_asked_at", sa.BigInteger(), nullable=True),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("beside", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_call_conversation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
    )
    op.create_index("ix_call_conversation_id", "call", ["conversation_id"])
    op.create_index(
        "ix_call_open",
        "call",
        ["channel", "due_at"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_call_ended_at",
        "call",
        ["ended_at"],
        sqlite_where=sa.text("beside IS NOT NULL"),
        postgresql_where=sa.text("beside IS NOT NULL"),
    )
    op.create_index(
        "ix_call_expires_at",
        "call",
        ["expires_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )


def _waits() -> None:
    op.create_table(
        "wait",
        sa.Column("id", _ROW_NUMBER, nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("target_ms", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("overdue_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('answered', 'closed', 'erased')", name=op.f("ck_wait_outcome")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_wait"),
    )
    op.create_index("ix_wait_conversation_id", "wait", ["conversation_id"])
    op.create_index("ix_wait_since", "wait", ["since"])
    op.create_index(
        "ix_wait_due",
        "wait",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_wait_open",
        "wait",
        ["channel", "since"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
