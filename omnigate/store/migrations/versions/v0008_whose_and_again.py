"""Notes say whom they are about, and ends of deliveries whether something had been sent again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column to ``note`` and one to ``delivery_done``; what ended before counts as sent once."""
    with op.batch_alter_table("note", schema=None) as batch_op:
        batch_op.add_column(sa.Column("about", sa.Text(), nullable=True))
    with op.batch_alter_table("delivery_done", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("replay", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
