"""Sealed standings, and the runs of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    _archived_periods()
    op.create_table(
        "archived_standings",
        sa.Column("archive", _big_id, nullable=False, autoincrement=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("player", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("sort_key", sa.Double, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("metadata", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("archive", "position", name="pk_archived_standings"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_archived_standings_player", "archived_standings", ["archive", "player"])
    op.create_table(
        "archived_removals",
        sa.Column("archive", _big_id, nullable=False, autoincrement=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("sort_key", sa.Double, nullable=False),
        sa.Column("level", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("archive", "position", name="pk_archived_removals"),
    )
    op.create_table(
        "job_runs",
        sa.Column("id", _big_id, nullable=False),
        sa.Column("job", sa.String(32), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("runner", sa.String(255), nullable=False),
        sa.Column("as_of", _time, nullable=False),
        sa.Column("started_at", _time, nullable=False),
        sa.Column("ended_at", _time, nullable=True),
        sa.Column("counts", sa.Text, nullable=True),
        sa.Column("error", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_job_runs"),
    )
    op.create_index("ix_job_runs_job", "job_runs", ["job", "id"])


def downgrade() -> None:
    for table in ("job_runs", "archived_removals", "archived_standings", "archived_periods"):
        op.drop_table(table)


def _archived_periods() -> None:
    op.create_table(
        "archived_periods",
        sa.Column("id", _big_id, nullable=False),
        sa.Column("game", sa.String(32), nullable=False),
        sa.Column("board", sa.String(64), nullable=False),
        sa.Column("born", sa.String(16), nullable=False),
        sa.Column("name", sa.String(8), nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("starts_at", _time, nullable=False),
        sa.Column("ends_at", _time, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("copied", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("winner", sa.Text, nullable=True),
        sa.Column("winner_key", sa.Double, nullable=True),
        sa.Column("pruned", sa.Boolean, nullable=False),
        sa.Column("changed_at", _time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_archived_periods"),
    )
    board = ["game", "board", "born", "name", "period"]
    op.create_index("ix_archived_periods_board", "archived_periods", board)
    op.create_index("ix_archived_periods_state", "archived_periods", ["state"])
    complete = sa.text("state = 'complete'")
    op.create_index(
        "uq_archived_periods_complete",
        "archived_periods",
        ["game", "board", "born", "period"],
        unique=True,
        sqlite_where=complete,
        postgresql_where=complete,
    )
