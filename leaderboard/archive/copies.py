"""Copying a period's standings into the archive: begun, taken over, appended to, verified, given up, removed.

A copy has one holder at a time. Every write of its rows first moves `copied` and `digest` on, on the condition that
they and the holder are still what the writer knows, in the transaction of the rows: so two that believe to hold the
same copy cannot both append, and a copy that ended anywhere goes on at exactly `copied`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from leaderboard.archive import pruning
from leaderboard.archive.database import Database
from leaderboard.archive.periods import (
    IN_ONE_QUERY,
    IS_UNDER_WAY,
    IS_WHOLE,
    Archived,
    ArchiveMismatch,
    CopyLost,
    PeriodRef,
    Row,
    add_to_digest,
    is_period,
    lock_period,
    to_archived,
    writing,
)
from leaderboard.archive.tables import archived_periods, archived_standings
from leaderboard.errors import DatabaseUnavailable

EMPTY = "0" * 32
_PIECE = 10_000
_CACHE_KB = 65_536
_COLUMNS = "(archive, position, player, sort_key, rank, metadata)"
_INSERT = f"INSERT INTO archived_standings {_COLUMNS} VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_COPY = f"COPY archived_standings {_COLUMNS} FROM STDIN"
_periods = archived_periods.c


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy under way: the rows at positions 0 to `copied` - 1 are in the archive, and `digest` is theirs."""

    id: int
    copied: int
    digest: str
    holder: str
    token: str


class Copies:
    """Makes the copies, and removes what is left of old ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, ref: PeriodRef, starts_at: datetime, ends_at: datetime, *, token: str, holder: str, now: datetime
    ) -> Copy:
        """Begins a copy of the standings named by `token`, or takes over the one there is.

        Copies of that period under way with other tokens are given up. If this very token was copied to its end
        already, the answer is that copy, `copied` being its total; `is_whole` tells.
        """
        with writing(self._database) as connection:
            lock_period(connection, ref.game, ref.board, ref.born, ref.period)
            set_gone(connection, is_period(ref), IS_UNDER_WAY, _periods.token != token)
            query = sa.select(archived_periods).where(is_period(ref), _periods.token == token)
            row = connection.execute(query.where(_periods.state != "gone")).first()
            if row is None:
                return _insert(connection, ref, starts_at, ends_at, token=token, holder=holder, now=now)
            if row.state != "copying":
                return Copy(row.id, row.total, row.digest, row.holder, token)
            values = {"holder": holder, "changed_at": now}
            connection.execute(sa.update(archived_periods).where(_periods.id == row.id).values(values))
            return Copy(row.id, row.copied, row.digest, holder, token)

    def is_whole(self, copy: Copy) -> bool:
        """Whether it has been copied to its end and verified, by whomever."""
        query = sa.select(_periods.id).where(_periods.id == copy.id, IS_WHOLE)
        with self._database.begin() as connection:
            return connection.execute(query).first() is not None

    def append(self, copy: Copy, rows: Sequence[Row]) -> Copy:
        """Adds the next rows, in one transaction; answers the copy as it is then. Raises CopyLost."""
        after = replace(copy, copied=copy.copied + len(rows), digest=add_to_digest(copy.digest, copy.copied, rows))
        with self._database.begin() as connection:
            if connection.dialect.name == "sqlite":  # the index of the players is written all over
                connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KB}")
            values = {"copied": after.copied, "digest": after.digest}
            moved = connection.execute(sa.update(archived_periods).where(_is_held(copy)).values(values))
            if moved.rowcount != 1:
                raise _lost()
            numbered = (
                (copy.id, position, player, key + 0.0, rank, metadata)  # see add_to_digest for the 0.0
                for position, (player, key, rank, metadata) in enumerate(rows, copy.copied)
            )
            write_rows(connection, numbered)
        return after

    def verify(self, copy: Copy, total: int, now: datetime, checkpoint: Callable[[], None] = lambda: None) -> Archived:
        """Reads the whole copy back; if it is what was copied, `wholes.complete` may put it in an earlier one's place.

        Does nothing to one that was verified already. Raises CopyLost; ArchiveMismatch, the copy then being given up,
        if its rows are not `total` in number, or not those that were appended, or not in order.
        """
        with self._database.begin() as connection:
            row = connection.execute(sa.select(archived_periods).where(_periods.id == copy.id)).first()
        if row is None:
            raise _lost()
        if row.state in ("verified", "complete"):
            return to_archived(row)
        first, wrong = self._verify(copy, total, checkpoint)
        if wrong is not None:
            with self._database.begin() as connection:
                if not set_gone(connection, _is_held(copy)):
                    raise _lost()
            raise ArchiveMismatch(f"The archived copy of {row.period} of board {row.board!r} is given up: {wrong}.")
        winner, winner_key = (first.player, first.key) if first else (None, None)
        result = {"total": total, "winner": winner, "winner_key": winner_key}
        values = {"state": "verified", **result, "changed_at": now}
        with self._database.begin() as connection:
            done = connection.execute(sa.update(archived_periods).where(_is_held(copy)).values(values))
            if done.rowcount != 1:
                raise _lost()
        return Archived(row.id, row.name, row.period, total, winner, winner_key, pruned=False)

    def abandon(self, copy: Copy) -> None:
        """Gives the copy up, unless it is complete or somebody else's by now."""
        with self._database.begin() as connection:
            set_gone(connection, _periods.id == copy.id, _periods.holder == copy.holder, _periods.state == "copying")

    def give_up(self, tokens: Sequence[str]) -> None:
        """Gives up copies that are verified and turned out not to be what stands in the store."""
        with self._database.begin() as connection:
            for start in range(0, len(tokens), IN_ONE_QUERY):
                some = _periods.token.in_(tokens[start : start + IN_ONE_QUERY])
                set_gone(connection, some, _periods.state == "verified")

    def give_up_stale(self, before: datetime) -> int:
        """Gives up copies that nobody has gone on with since a time; answers how many."""
        with self._database.begin() as connection:
            return set_gone(connection, IS_UNDER_WAY, _periods.changed_at <= before)

    def ids(self, ref: PeriodRef) -> list[int]:
        """Every copy of a period that is not given up."""
        with self._database.begin() as connection:
            query = sa.select(_periods.id).where(is_period(ref), _periods.state != "gone")
            return list(connection.execute(query).scalars())

    def drop(self, ids: Sequence[int]) -> None:
        """Gives these copies up, complete ones too."""
        with self._database.begin() as connection:
            set_gone(connection, _periods.id.in_(ids))

    def drop_board(self, game: str, board: str, *, born: str | None = None, names: Sequence[str] | None = None) -> int:
        """Gives up all of a board, or its periods of those names; `prune` removes the rows. Answers how many copies."""
        which = [_periods.game == game, _periods.board == board, _periods.state != "gone"]
        if born is not None:
            which.append(_periods.born == born)
        if names is not None:
            which.append(_periods.name.in_(names))
        with self._database.begin() as connection:
            return set_gone(connection, *which)

    def prune(self, *, rows_at_once: int = 10_000, checkpoint: Callable[[], None]) -> int:
        """Deletes what is left of copies that were given up or replaced. See `pruning.prune`."""
        return pruning.prune(self._database, rows_at_once, checkpoint)

    def retire(self, keep_days: Mapping[str, float], now: datetime, *, checkpoint: Callable[[], None]) -> int:
        """Deletes the rows of periods that ended longer ago than is kept. See `pruning.retire`."""
        return pruning.retire(self._database, keep_days, now, checkpoint)

    def _verify(self, copy: Copy, total: int, checkpoint: Callable[[], None]) -> tuple[Row | None, str | None]:
        """The first row, and what is wrong with the copy."""
        if total != copy.copied:
            return None, f"{copy.copied} rows were copied of {total}"
        first: Row | None = None
        last: tuple[float, str] | None = None
        count, digest = 0, EMPTY
        for start, end, rows in self._pieces(copy.id):
            checkpoint()
            if start != count or end != count + len(rows):
                return None, f"a row is missing at position {count} or a little behind"
            order = [(row.key, row.player) for row in rows]  # text compares like its UTF-8 bytes
            if (last is not None and last >= order[0]) or any(a >= b for a, b in pairwise(order)):
                return None, f"its rows are not in order at position {count} or a little behind"
            first, last = first or rows[0], order[-1]
            count, digest = end, add_to_digest(digest, count, rows)
        if count != total:
            return None, f"it has {count} rows of {total}"
        return first, None if digest == copy.digest else "its rows are not those that were copied"

    def _pieces(self, archive: int) -> Iterator[tuple[int, int, list[Row]]]:
        """All rows in pieces, each with its first position and the one behind its last."""
        table = archived_standings.c
        columns = (table.position, table.player, table.sort_key, table.rank, table.metadata)
        query = sa.select(*columns).where(table.archive == archive).order_by(table.position).limit(_PIECE)
        end = 0
        while True:
            with self._database.begin() as connection:
                found = connection.execute(query.where(table.position >= end)).all()
            if not found:
                return
            end = found[-1][0] + 1
            yield found[0][0], end, [Row(*row) for _, *row in found]


def _insert(
    connection: sa.Connection,
    ref: PeriodRef,
    starts_at: datetime,
    ends_at: datetime,
    *,
    token: str,
    holder: str,
    now: datetime,
) -> Copy:
    values = {
        **asdict(ref),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "state": "copying",
        "token": token,
        "holder": holder,
        "copied": 0,
        "digest": EMPTY,
        "total": 0,
        "pruned": False,
        "changed_at": now,
    }
    made = connection.execute(sa.insert(archived_periods).values(values).returning(_periods.id)).scalar_one()
    return Copy(made, 0, EMPTY, holder, token)


def _is_held(copy: Copy) -> sa.ColumnElement[bool]:
    """The fence: the copy is under way, and as its holder knows it."""
    return sa.and_(
        _periods.id == copy.id,
        _periods.state == "copying",
        _periods.holder == copy.holder,
        _periods.copied == copy.copied,
        _periods.digest == copy.digest,
    )


def set_gone(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.update(archived_periods).where(*which).values(state="gone")).rowcount


def _lost() -> CopyLost:
    return CopyLost("Somebody else has taken this copy over, or it was given up.")


def write_rows(connection: sa.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Inserts rows as fast as the driver can."""
    if connection.dialect.name == "sqlite":
        if values := list(rows):
            connection.exec_driver_sql(_INSERT, values)
        return
    driver: Any = connection.dialect.loaded_dbapi
    try:
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
    except (driver.OperationalError, driver.InterfaceError) as error:
        raise DatabaseUnavailable(f"The database is away: {type(error).__name__}.") from error
