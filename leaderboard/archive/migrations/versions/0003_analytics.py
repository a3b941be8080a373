"""Settings of games, funnels, and the top of boards as their days began."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("games", sa.Column("settings", sa.Text, nullable=False, server_default="{}"))
    op.create_table(
        "funnels",
        sa.Column("game", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("steps", sa.Text, nullable=False),
        sa.Column("window_seconds", sa.Integer, nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.PrimaryKeyConstraint("game", "name", name="pk_funnels"),
        sa.ForeignKeyConstraint(["game"], ["games.name"], name="fk_funnels_game", ondelete="CASCADE"),
    )
    op.create_table(
        "board_captures",
        sa.Column("game", sa.String(32), nullable=False),
        sa.Column("board", sa.String(64), nullable=False),
        sa.Column("born", sa.String(16), nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("day", sa.String(16), nullable=False),
        sa.Column("taken_at", _time, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("game", "board", "born", "period", "day", name="pk_board_captures"),
    )


def downgrade() -> None:
    op.drop_table("board_captures")
    op.drop_table("funnels")
    op.drop_column("games", "settings")
