"""Notes of channels, segments of parts, files within what was written, conversations that are blocked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables ``note`` and ``segment``, and a column to conversations and attachments."""
    op.create_table(
        "note",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "key", name="pk_note"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segment",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_segment_message_id"),
        sa.PrimaryKeyConstraint("channel", "external_id", name="pk_segment"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_segment_message_id_number", "segment", ["message_id", "number"])
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("blocked_at", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("inline", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
