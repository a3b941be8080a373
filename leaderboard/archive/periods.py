"""What writing and reading the archive share: its values, its errors, its transactions."""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.archive.tables import archived_periods, archived_standings
from leaderboard.errors import Interrupted, LeaderboardError, Unavailable

# A constant in the statement, not a parameter: only so may the planner use the index of the complete ones alone.
IS_COMPLETE = archived_periods.c.state == sa.literal_column("'complete'")
IS_UNDER_WAY = archived_periods.c.state.in_(("copying", "verified"))
IS_WHOLE = archived_periods.c.state.in_(("verified", "complete"))
IN_ONE_QUERY = 500  # values in one list of a statement
_NUMBERS = struct.Struct("<qdq")


@dataclass(frozen=True, slots=True)
class PeriodRef:
    """One period of one board; `born` tells a board from an earlier one of its name."""

    game: str
    board: str
    born: str
    name: str  # day
    period: str  # 2026-11-22


class Row(NamedTuple):
    """One entry. Smaller keys are better; equal ones stand in the order of their players' UTF-8 bytes."""

    player: str
    key: float
    rank: int
    metadata: str | None


@dataclass(frozen=True, slots=True)
class Archived:
    """A period that was copied to its end. `total` and `winner` stay when the rows are `pruned`."""

    id: int
    name: str
    period: str
    total: int
    winner: str | None
    winner_key: float | None
    pruned: bool


class CopyLost(Interrupted):
    """Somebody else has taken the copy over, or it was given up."""

    code = "copy_lost"


class ArchiveMismatch(LeaderboardError):
    """What the archive holds is not what was copied into it."""

    code = "archive_mismatch"


class StandingsGone(Unavailable):
    """The rows of a period were replaced or removed since it was found; `find` knows what is there now."""

    code = "standings_gone"

    def __init__(self, period: str) -> None:
        super().__init__(f"The archived standings of {period} were replaced or removed meanwhile; try again.")


def is_period(ref: PeriodRef) -> sa.ColumnElement[bool]:
    """The condition for every copy of that period."""
    table = archived_periods.c
    return sa.and_(of_board(ref.game, ref.board, ref.born), table.name == ref.name, table.period == ref.period)


def of_board(game: str, board: str, born: str) -> sa.ColumnElement[bool]:
    """The condition for every period of that board."""
    table = archived_periods.c
    return sa.and_(table.game == game, table.board == board, table.born == born)


def to_archived(row: sa.Row[Any]) -> Archived:
    """A row of archived_periods as a value."""
    return Archived(row.id, row.name, row.period, row.total, row.winner, row.winner_key, row.pruned)


def is_row_of(connection: sa.Connection, archives: Sequence[int], players: Sequence[str]) -> sa.ColumnElement[bool]:
    """The condition for the rows of these players in these periods."""
    table, other = archived_standings.c, archived_standings.alias().c
    if connection.dialect.name == "postgresql":
        return sa.and_(table.archive.in_(archives), table.player.in_(players))
    # Asked for whole rows, SQLite takes its primary key for as good as the index of the players, and goes through
    # whole periods; PostgreSQL, which has no statistics of a new period, might do so if asked in this way.
    places = sa.select(other.archive, other.position).where(other.archive.in_(archives), other.player.in_(players))
    return sa.tuple_(table.archive, table.position).in_(places)


def add_to_digest(digest: str, start: int, rows: Sequence[Row]) -> str:
    """The digest of everything up to `start`, and of these rows from there on: 32 hex digits.

    It is a sum of one hash a row, so it is the same however the rows were cut into chunks.
    """
    whole = int(digest, 16)
    pack, hashed = _NUMBERS.pack, hashlib.blake2b
    for position, (player, key, rank, metadata) in enumerate(rows, start):
        text = player if metadata is None else f"{player}\0{metadata}"
        # SQLite keeps no minus before a zero; adding 0.0 takes it away.
        body = pack(position, key + 0.0, rank) + text.encode()
        whole += int.from_bytes(hashed(body, digest_size=16).digest(), "little")
    return f"{whole % (1 << 128):032x}"


@contextmanager
def reading(database: Database) -> Iterator[sa.Connection]:
    """A transaction in which all reads see the database as of one moment."""
    with database.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        else:
            connection.exec_driver_sql("BEGIN")  # the driver begins only at a write
        yield connection


@contextmanager
def writing(database: Database) -> Iterator[sa.Connection]:
    """A transaction that reads before it writes."""
    with database.begin() as connection:
        if connection.dialect.name == "sqlite":
            # A read first could not become a write any more once somebody else has written.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def lock_period(connection: sa.Connection, game: str, board: str, born: str, period: str) -> None:
    """Lets nobody else begin or complete a copy of that period until this transaction ends."""
    if connection.dialect.name == "postgresql":
        name = f"{game}\0{board}\0{born}\0{period}".encode()
        number = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little", signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.cast(number, sa.BigInteger))))
