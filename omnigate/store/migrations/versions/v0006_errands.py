"""Items say which parts of a message they are about: each change is one of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns to ``outbox`` and ``dead``; items that are there send their messages."""
    for table in ("outbox", "dead"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("first_part", sa.Integer(), nullable=True))
            batch_op.add_column(sa.Column("last_part", sa.Integer(), nullable=True))
