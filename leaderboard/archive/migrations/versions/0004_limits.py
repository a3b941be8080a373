"""Limits of games."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("games", sa.Column("limits", sa.Text, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("games", "limits")
