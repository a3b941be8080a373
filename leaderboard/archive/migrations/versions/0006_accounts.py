"""Accounts of the dashboard, and secrets that all processes share."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("password", sa.Text, nullable=True),
        sa.Column("stamp", sa.String(16), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("changed_at", _time, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
    )


def downgrade() -> None:
    op.drop_table("secrets")
    op.drop_table("accounts")
