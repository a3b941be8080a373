"""The archived periods of a board: found, opened, and rid of players who are to be forgotten."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.archive.periods import (
    IN_ONE_QUERY,
    IS_COMPLETE,
    IS_WHOLE,
    Archived,
    is_row_of,
    of_board,
    to_archived,
    writing,
)
from leaderboard.archive.sheets import Sheet
from leaderboard.archive.tables import archived_periods, archived_removals, archived_standings

_PERIODS_AT_ONCE = 300
_periods = archived_periods.c
_standings = archived_standings.c


class ArchivedStandings:
    """Answers as if forgotten players had never been there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, game: str, board: str, born: str, periods: Sequence[str]) -> dict[str, Archived]:
        """Those of these periods that are complete, by their ids."""
        found: dict[str, Archived] = {}
        query = sa.select(archived_periods).where(of_board(game, board, born), IS_COMPLETE)
        with self._database.begin() as connection:
            for start in range(0, len(periods), IN_ONE_QUERY):
                some = _periods.period.in_(periods[start : start + IN_ONE_QUERY])
                found |= {row.period: to_archived(row) for row in connection.execute(query.where(some))}
        return found

    def with_player(self, game: str, wanted: Sequence[tuple[str, str, str]], player: str) -> set[tuple[str, str, str]]:
        """Those of some complete periods, each (board, born, period id), that have rows of a player."""
        there = sa.exists().where(_standings.archive == _periods.id, _standings.player == player)
        query = sa.select(_periods.board, _periods.born, _periods.period).where(
            _periods.game == game, IS_COMPLETE, there
        )
        found: set[tuple[str, str, str]] = set()
        with self._database.begin() as connection:
            for start in range(0, len(wanted), _PERIODS_AT_ONCE):
                some = sa.tuple_(_periods.board, _periods.born, _periods.period).in_(
                    wanted[start : start + _PERIODS_AT_ONCE]
                )
                found |= {(row.board, row.born, row.period) for row in connection.execute(query.where(some))}
        return found

    def newest(
        self, game: str, board: str, born: str, name: str, *, limit: int, before: str | None = None
    ) -> list[Archived]:
        """Complete periods with entries, the newest first: those whose id sorts before `before`, if given."""
        with self._database.begin() as connection:
            period: sa.ColumnElement[str] = _periods.period
            if connection.dialect.name == "postgresql":
                period = sa.collate(period, "C")  # or a locale might skip the punctuation in it
            query = sa.select(archived_periods).where(of_board(game, board, born), _periods.name == name)
            query = query.where(IS_COMPLETE, _periods.total > 0).order_by(period.desc()).limit(limit)
            if before is not None:
                query = query.where(period < before)
            return [to_archived(row) for row in connection.execute(query)]

    def has_any(self, game: str, board: str, born: str) -> bool:
        """Whether any complete period has entries, pruned ones included."""
        query = sa.select(_periods.id).where(of_board(game, board, born), IS_COMPLETE, _periods.total > 0)
        with self._database.begin() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def open(self, archived: Archived, ties: str) -> Sheet:
        """Its standings; `ties` is the rule its ranks were made by: shared, dense or unique.

        A pruned one can be opened, but every read of it raises StandingsGone.
        """
        return Sheet(self._database, archived, ties)

    def forget(self, game: str, board: str, born: str, player: str) -> set[str]:
        """Takes a player out of every period of the board that was copied whole; answers the ids of those.

        A copy that is not whole is not looked at: it is given up when the store says that its standings changed. Of a
        pruned period only the name of its winner can be removed; nobody knows who came second.
        """
        board_is = of_board(game, board, born)
        with self._database.begin() as connection:
            found = _find(connection, board_is, player)
        archives, removed = sorted(found), set[int]()
        for start in range(0, len(archives), _PERIODS_AT_ONCE):
            with writing(self._database) as connection:
                removed |= _remove(connection, archives[start : start + _PERIODS_AT_ONCE], player)
        with writing(self._database) as connection:  # last: a period may have been pruned meanwhile
            return {found[archive] for archive in removed} | _forget_winner(connection, board_is, player)


def _forget_winner(connection: sa.Connection, board_is: sa.ColumnElement[bool], player: str) -> set[str]:
    """Of pruned periods. Answers those that the player had won."""
    values = {"winner": None, "winner_key": None, "total": _periods.total - 1}
    won = sa.update(archived_periods).where(board_is, IS_COMPLETE, _periods.pruned, _periods.winner == player)
    return set(connection.execute(won.values(values).returning(_periods.period)).scalars())


def _find(connection: sa.Connection, board_is: sa.ColumnElement[bool], player: str) -> dict[int, str]:
    """The whole copies with a row of the player. (Sorted by the database, it would look at all boards.)"""
    there = sa.exists().where(_standings.archive == _periods.id, _standings.player == player)
    rows = connection.execute(sa.select(_periods.id, _periods.period).where(board_is, IS_WHOLE, there))
    return {row.id: row.period for row in rows}


def _remove(connection: sa.Connection, archives: Sequence[int], player: str) -> set[int]:
    """Answers from which of these periods."""
    locked = sa.select(_periods.id).where(_periods.id.in_(archives), IS_WHOLE, ~_periods.pruned)
    archives = connection.execute(locked.order_by(_periods.id).with_for_update()).scalars().all()
    rows = connection.execute(_with_neighbours(connection, archives, player)).all()
    if not rows:
        return set()
    removals = [
        {
            "archive": row.archive,
            "position": row.position,
            "sort_key": row.sort_key,
            "level": row.sort_key not in (row.key_before, row.key_behind),
        }
        for row in rows
    ]
    connection.execute(sa.insert(archived_removals), removals)
    mine = (_standings.archive.in_(archives), _standings.player == player)
    connection.execute(sa.delete(archived_standings).where(*mine))
    lower = sa.update(archived_periods).where(_periods.id.in_([row.archive for row in rows]))
    connection.execute(lower.values(total=_periods.total - 1))
    won = [row for row in rows if row.key_before is None]
    if won:
        given: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("winner", "winner_key")}
        statement = sa.update(archived_periods).where(_periods.id == sa.bindparam("archive")).values(given)
        heirs = [
            {"archive": row.archive, "new_winner": row.player_behind, "new_winner_key": row.key_behind} for row in won
        ]
        connection.execute(statement, heirs)
    return {row.archive for row in rows}


def _with_neighbours(connection: sa.Connection, archives: Sequence[int], player: str) -> sa.Select[Any]:
    """The player's rows, with what is known of the rows next to them: equal keys stand together."""
    other = archived_standings.alias("other").c
    here = other.archive == _standings.archive
    before = sa.and_(here, other.position < _standings.position)
    behind = sa.and_(here, other.position > _standings.position)

    def first(column: sa.ColumnElement[Any], where: sa.ColumnElement[bool], order: sa.ColumnElement[Any]) -> Any:
        return sa.select(column).where(where).order_by(order).limit(1).scalar_subquery()

    return sa.select(
        _standings.archive,
        _standings.position,
        _standings.sort_key,
        first(other.sort_key, before, other.position.desc()).label("key_before"),
        first(other.sort_key, behind, other.position).label("key_behind"),
        first(other.player, behind, other.position).label("player_behind"),
    ).where(is_row_of(connection, archives, [player]))
