"""Messages can be changed after they were sent: what a part of one asks the channel to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column ``action`` to the parts of messages."""
    with op.batch_alter_table("message_part", schema=None) as batch_op:
        batch_op.add_column(sa.Column("action", sa.Text(), server_default="send", nullable=False))
