"""How things ended that operators put an end to: why they had died, and who did it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns to ``delivery_done``; rows that are there say nothing in them."""
    with op.batch_alter_table("delivery_done", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reason", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("died_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("ended_by", sa.Text(), nullable=True))
