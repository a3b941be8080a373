"""The relational tables. `migrations/` makes them; a test holds the two together."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC; SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

games = Table(
    "games",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(32), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("settings", Text, nullable=False, server_default="{}"),  # JSON
    Column("limits", Text, nullable=False, server_default="{}"),  # JSON: those that an operator set for this game
)

boards = Table(
    "boards",
    metadata,
    Column("game", String(32), ForeignKey("games.name", ondelete="CASCADE"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("rev", String(16), nullable=False),
    Column("definition", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("game", String(32), ForeignKey("games.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", String(8), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime, nullable=True),
)

_BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only as INTEGER
_Bytewise = Text().with_variant(Text(collation="C"), "postgresql")  # SQLite compares text so by itself

# One row a sealing: a period that was copied, is being copied, or was copied before it was reopened. `state` is
# copying; verified (all is there, but the store has not said yet that it is still what stands there); complete; or
# gone (replaced, given up, or of a board that was deleted; its rows are removed in time).
archived_periods = Table(
    "archived_periods",
    metadata,
    Column("id", _BigId, primary_key=True),
    Column("game", String(32), nullable=False),
    Column("board", String(67), nullable=False),  # its name; of a part of one with partitions, points#2
    Column("born", String(16), nullable=False),
    Column("name", String(8), nullable=False),
    Column("period", String(16), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("state", String(8), nullable=False),
    Column("token", String(32), nullable=False),  # of the standings in the store that it is a copy of
    Column("holder", String(64), nullable=False),  # who may go on with the copy
    Column("copied", Integer, nullable=False),
    Column("digest", String(64), nullable=False),  # of the rows copied so far
    Column("total", Integer, nullable=False),  # of a complete one: its entries, less those of forgotten players
    Column("winner", Text, nullable=True),
    Column("winner_key", Double, nullable=True),
    Column("pruned", Boolean, nullable=False),  # the retention of the archive removed its rows; these totals stay
    Column("changed_at", UtcDateTime, nullable=False),
    Index("ix_archived_periods_board", "game", "board", "born", "name", "period"),
    Index("ix_archived_periods_state", "state"),
)
Index(
    "uq_archived_periods_complete",
    *(archived_periods.c[name] for name in ("game", "board", "born", "period")),
    unique=True,
    sqlite_where=archived_periods.c.state == "complete",
    postgresql_where=archived_periods.c.state == "complete",
)

# The standings of those, best first; positions count from 0 and never change.
archived_standings = Table(
    "archived_standings",
    metadata,
    Column("archive", _BigId, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("player", _Bytewise, nullable=False),
    Column("sort_key", Double, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("metadata", Text, nullable=True),
    Index("ix_archived_standings_player", "archive", "player"),
    sqlite_with_rowid=False,
)

# Where forgotten players stood: what stands behind them has moved up. `level`: nobody else had that score.
archived_removals = Table(
    "archived_removals",
    metadata,
    Column("archive", _BigId, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("sort_key", Double, nullable=False),
    Column("level", Boolean, nullable=False),
)

job_runs = Table(
    "job_runs",
    metadata,
    Column("id", _BigId, primary_key=True),
    Column("job", String(32), nullable=False),
    Column("token", String(32), nullable=False),  # of the claim it runs under
    Column("runner", String(255), nullable=False),  # host and process
    Column("as_of", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("counts", Text, nullable=True),  # JSON
    Column("error", Text, nullable=True),
    Index("ix_job_runs_job", "job", "id"),
)

# Ordered event names whose times are kept.
funnels = Table(
    "funnels",
    metadata,
    Column("game", String(32), ForeignKey("games.name", ondelete="CASCADE"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("steps", Text, nullable=False),  # JSON
    Column("window_seconds", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# The top of a board's period as a day of the board began, to compare with.
board_captures = Table(
    "board_captures",
    metadata,
    Column("game", String(32), primary_key=True),
    Column("board", String(64), primary_key=True),
    Column("born", String(16), primary_key=True),
    Column("period", String(16), primary_key=True),  # its id, or `all`
    Column("day", String(16), primary_key=True),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("entries", Text, nullable=False),  # JSON: {"total", "top": [[rank, player, sort key], ...]}
)

# Who may use the dashboard.
accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(8), nullable=False),
    Column("password", Text, nullable=True),  # its hash; none: one-time links alone sign in
    Column("stamp", String(16), nullable=False),  # changes with the password; sessions begun before it are over
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# Random values that all processes on this database share.
secrets = Table(
    "secrets",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
