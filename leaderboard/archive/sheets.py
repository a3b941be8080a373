"""Reading the standings of one archived period, as if forgotten players had never been in it.

What is stored never moves: a row keeps its position and rank when one before it is removed. The few removals are read
with every call, and what they change is taken off on the way out. Rows are best first, so keys ascend with positions,
and players of equal keys too: every search goes by halves over the primary key, however many rows share a key.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.archive.periods import IN_ONE_QUERY, Archived, Row, StandingsGone, is_row_of, reading
from leaderboard.archive.tables import archived_periods, archived_removals, archived_standings

_standings = archived_standings.c
_COLUMNS = (_standings.position, _standings.player, _standings.sort_key, _standings.rank, _standings.metadata)


class Sheet:
    """The standings of one archived period. `total` is as of when the period was found.

    Each call is one short transaction, or several are together. All raise StandingsGone when the period was replaced
    or pruned meanwhile.
    """

    def __init__(self, database: Database, archived: Archived, ties: str) -> None:
        self._database = database
        self._archived = archived
        self._ties = ties
        self._opened: tuple[sa.Connection, _Gaps] | None = None
        self.total = archived.total

    @contextmanager
    def together(self) -> Iterator[None]:
        """All calls in the block are of one moment, in one transaction."""
        with self._open() as opened:
            self._opened = opened
            try:
                yield
            finally:
                self._opened = None

    def rows(self, start: int, count: int) -> list[Row]:
        """Up to `count` rows from index `start` on, the best being 0."""
        with self._open() as (connection, gaps):
            return self._read(connection, gaps, gaps.position(max(start, 0)), max(count, 0))[1]

    def at(self, indices: Sequence[int]) -> dict[int, Row]:
        """The rows of some indices, those there are."""
        found: dict[int, Row] = {}
        with self._open() as (connection, gaps):
            for start in range(0, len(indices), IN_ONE_QUERY):
                wanted = {gaps.position(index): index for index in indices[start : start + IN_ONE_QUERY]}
                for row in connection.execute(self._select().where(_standings.position.in_(list(wanted)))):
                    found[wanted[row.position]] = self._adjust(gaps, row)
        return found

    def player(self, player: str) -> tuple[int, Row] | None:
        """A player's index and row."""
        with self._open() as (connection, gaps):
            found = connection.execute(self._select_of(connection, [player])).first()
            return None if found is None else (gaps.index(found.position), self._adjust(gaps, found))

    def players(self, players: Sequence[str]) -> dict[str, Row]:
        """The rows of those among these players who have one."""
        rows: dict[str, Row] = {}
        with self._open() as (connection, gaps):
            for start in range(0, len(players), IN_ONE_QUERY):
                some = self._select_of(connection, players[start : start + IN_ONE_QUERY])
                found = connection.execute(some).all()
                rows |= {row.player: self._adjust(gaps, row) for row in found}
        return rows

    def below(self, key: float, *, inclusive: bool = False) -> int:
        """How many rows have a smaller key, or one at most as great."""
        with self._open() as (connection, gaps):
            return gaps.index(self._search(connection, gaps, _is_below(key, inclusive=inclusive)))

    def levels_below(self, key: float, *, inclusive: bool = False) -> int:
        """How many different keys are smaller, or at most as great. ValueError where ranks are not dense."""
        if self._ties != "dense":
            raise ValueError("Only dense ranks count the levels.")
        with self._open() as (connection, gaps):
            end = self._search(connection, gaps, _is_below(key, inclusive=inclusive))
            query = self._select().where(_standings.position < end).order_by(_standings.position.desc()).limit(1)
            last = connection.execute(query).first()
            return 0 if last is None else self._adjust(gaps, last).rank

    def index_after(self, key: float, player: str) -> int:
        """The index of the first row behind (key, player), in the order of the sheet, whether or not that is a row."""
        with self._open() as (connection, gaps):
            column: sa.ColumnElement[str] = _standings.player
            if connection.dialect.name == "postgresql":
                column = sa.collate(column, "C")  # by bytes, as the rows stand
            upto = sa.or_(_standings.sort_key < key, sa.and_(_standings.sort_key == key, column <= player))
            return gaps.index(self._search(connection, gaps, upto))

    def stream(self, after: int = 0, size: int = 5000) -> Iterator[list[Row]]:
        """All rows from index `after` on, in lists of up to `size`; each is a transaction of its own."""
        with self._open() as (_connection, gaps):
            position = gaps.position(max(after, 0))
        while True:
            with self._open() as (connection, gaps):
                position, rows = self._read(connection, gaps, position, size)
            if not rows:
                return
            yield rows

    @contextmanager
    def _open(self) -> Iterator[tuple[sa.Connection, "_Gaps"]]:
        if self._opened is not None:
            yield self._opened
            return
        table, removals = archived_periods.c, archived_removals.c
        both = archived_periods.outerjoin(archived_removals, removals.archive == table.id)
        columns = (table.state, table.pruned, table.copied, removals.position, removals.sort_key, removals.level)
        query = sa.select(*columns).select_from(both).where(table.id == self._archived.id).order_by(removals.position)
        with reading(self._database) as connection:
            found = connection.execute(query).all()
            if not found or found[0].state != "complete" or found[0].pruned:
                raise StandingsGone(self._archived.period)
            yield connection, _Gaps(found[0].copied, [tuple(row[3:]) for row in found if row.position is not None])

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_COLUMNS).where(_standings.archive == self._archived.id)

    def _select_of(self, connection: sa.Connection, players: Sequence[str]) -> sa.Select[Any]:
        return sa.select(*_COLUMNS).where(is_row_of(connection, [self._archived.id], players))

    def _read(self, connection: sa.Connection, gaps: "_Gaps", position: int, count: int) -> tuple[int, list[Row]]:
        """Rows from that position on, and the position behind them."""
        query = self._select().where(_standings.position >= position).order_by(_standings.position).limit(count)
        found = connection.execute(query).all()
        return found[-1].position + 1 if found else position, [self._adjust(gaps, row) for row in found]

    def _adjust(self, gaps: "_Gaps", found: sa.Row[Any]) -> Row:
        position, player, key, rank, metadata = tuple(found)
        if self._ties == "unique":
            rank = gaps.index(position) + 1
        elif self._ties == "dense":
            rank -= gaps.levels_below(key)
        else:
            rank -= gaps.below(key)
        return Row(player, key, rank, metadata)

    def _search(self, connection: sa.Connection, gaps: "_Gaps", is_before: sa.ColumnElement[bool]) -> int:
        """The position behind the last row that `is_before`; all such rows stand before all others."""
        span = sa.select(sa.literal(0).label("low"), sa.literal(gaps.end).label("high")).cte("span", recursive=True)
        middle = (span.c.low + span.c.high) // 2
        # The first row from the middle on: where there is none, this is NULL, and the search goes on before.
        probe = sa.select(is_before).where(_standings.archive == self._archived.id, _standings.position >= middle)
        right = probe.order_by(_standings.position).limit(1).scalar_subquery()
        low, high = sa.case((right, middle + 1), else_=span.c.low), sa.case((right, span.c.high), else_=middle)
        span = span.union_all(sa.select(low, high).where(span.c.low < span.c.high))
        end: int = connection.execute(sa.select(span.c.low).where(span.c.low == span.c.high)).scalar_one()
        return end


class _Gaps:
    """Where rows were removed: positions, keys and levels of those, all ascending."""

    def __init__(self, end: int, removals: Sequence[tuple[int, float, bool]]) -> None:
        self.end = end
        self._positions = [position for position, _key, _level in removals]
        self._keys = [key for _position, key, _level in removals]
        self._levels = list(accumulate((level for _position, _key, level in removals), initial=0))
        self._survivors = [position - number for number, position in enumerate(self._positions)]

    def index(self, position: int) -> int:
        """How many rows there are before that position."""
        return position - bisect_left(self._positions, position)

    def position(self, index: int) -> int:
        """Where the row of that index is."""
        return index + bisect_right(self._survivors, index)

    def below(self, key: float) -> int:
        """How many removed rows had a smaller key."""
        return bisect_left(self._keys, key)

    def levels_below(self, key: float) -> int:
        """How many smaller keys nobody has any more."""
        return self._levels[bisect_left(self._keys, key)]


def _is_below(key: float, *, inclusive: bool) -> sa.ColumnElement[bool]:
    return _standings.sort_key <= key if inclusive else _standings.sort_key < key
