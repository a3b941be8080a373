"""The best of a board's periods as a day of the board began: kept for some days, for what comes later to compare with.

Whoever writes captures holds their boards meanwhile: until that transaction ends, no definition of theirs changes, none
of them is deleted, and nobody who is forgotten on them can be passed over.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from leaderboard.archive.database import Database
from leaderboard.archive.periods import IN_ONE_QUERY, writing
from leaderboard.archive.tables import board_captures, boards

KEPT = timedelta(days=8)
_MOST_AHEAD = timedelta(days=1)  # no day of any board begins later than that after the one of UTC
_captures = board_captures.c
_KEY = tuple(board_captures.primary_key.columns)

BoardKey = tuple[str, str, str]  # game, board, born
Key = tuple[str, str, str, str, str]  # and period, day


class Place(NamedTuple):
    """One entry. Smaller keys are better."""

    rank: int
    player: str
    key: float


@dataclass(frozen=True, slots=True)
class Capture:
    """The best of one period; `total`: how many entries it had."""

    game: str
    board: str
    born: str
    period: str  # 2026-11, or all
    day: str  # 2026-11-22
    taken_at: datetime
    total: int
    top: Sequence[Place]

    @property
    def key(self) -> Key:
        return self.game, self.board, self.born, self.period, self.day


class BoardCaptures:
    """Writes and reads them. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def there(self, wanted: Sequence[BoardKey], days: Collection[str]) -> set[Key]:
        """The captures of some boards on some days."""
        query, found, asked = sa.select(*_KEY).where(_captures.day.in_(days)), set[Key](), set(wanted)
        with self._database.begin() as connection:
            for some in _pieces(wanted):
                # Column by column, which names others too: for a list of rows SQLite would go through the whole index.
                games, names, _births = map(set, zip(*some, strict=True))
                of_them = query.where(_captures.game.in_(games), _captures.board.in_(names))
                found |= {tuple(row) for row in connection.execute(of_them)}
        return {key for key in found if key[:3] in asked}

    def add(self, held: Sequence[tuple[str, str]], read: Callable[[], Iterable[tuple[str, Capture]]]) -> int:
        """Writes what `read` answers while some boards, each (game, board), are held; answers how many are new.

        It answers captures with the revs of their boards: left out are those of other revs, and those that are there.
        """
        with writing(self._database) as connection:
            revs = _hold(connection, held)
            rows = [_row(one) for rev, one in read() if revs.get((one.game, one.board)) == rev]
            if not rows:
                return 0
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            insert = dialect.insert(board_captures).on_conflict_do_nothing().returning(_captures.period)
            return len(connection.execute(insert, rows).all())

    def newest(self, game: str, board: str, born: str, period: str, day: str | None = None) -> Capture | None:
        """The last capture of a period, or that of a day."""
        query = sa.select(board_captures).where(_is_board(game, board), _captures.born == born)
        query = query.where(_captures.period == period).order_by(_captures.day.desc()).limit(1)
        if day is not None:
            query = query.where(_captures.day == day)
        with self._database.begin() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Capture(game, board, born, period, row.day, row.taken_at, *_decoded(row.entries))

    def forget(self, game: str, board: str, player: str, ties: str) -> None:
        """Takes a player out, as if never there; `ties` is the rule the ranks were made by: shared, dense or unique."""
        with writing(self._database) as connection:
            _hold(connection, [(game, board)], to_change=True)
            spelled = _captures.entries.contains(_dumped(player), autoescape=True)  # of another one, too, it may be
            query = sa.select(*_KEY, _captures.entries).where(_is_board(game, board), spelled)
            for *key, entries in connection.execute(query).all():
                total, top = _decoded(entries)
                rest = [(place.player, place.key) for place in top if place.player != player]
                if len(rest) < len(top):
                    changed = sa.update(board_captures).where(sa.tuple_(*_KEY) == sa.tuple_(*key))
                    connection.execute(changed.values(entries=_encoded(total - 1, ranked(rest, ties))))

    def prune(self, now: datetime, living: Collection[BoardKey], checkpoint: Callable[[], None]) -> int:
        """Removes what is older than is kept, and what is of other boards than the living.

        What was captured within a day stays: its board may be only just being made. Answers how many.
        """
        before = (now - KEPT - _MOST_AHEAD).date().isoformat()
        count = self._remove(sa.select(*_KEY).where(_captures.day < before), checkpoint)
        of_whom = (_captures.game, _captures.board, _captures.born)
        with self._database.begin() as connection:
            found = [tuple(row) for row in connection.execute(sa.select(*of_whom).distinct())]
        for game, board, born in found:
            if (game, board, born) not in living:
                of_it = sa.select(*_KEY).where(_is_board(game, board), _captures.born == born)
                count += self._remove(of_it.where(_captures.taken_at <= now - timedelta(days=1)), checkpoint)
        return count

    def _remove(self, which: sa.Select[Any], checkpoint: Callable[[], None]) -> int:
        """A piece at a time; found by the index alone where `which` asks for no more."""
        count = 0
        while True:
            with writing(self._database) as connection:
                keys = [tuple(row) for row in connection.execute(which.limit(IN_ONE_QUERY))]
                if not keys:
                    return count
                connection.execute(sa.delete(board_captures).where(sa.tuple_(*_KEY).in_(keys)))
            count += len(keys)
            checkpoint()


def ranked(rows: Iterable[tuple[str, float]], ties: str) -> list[Place]:
    """Players and keys, the best first, with their ranks; `ties`: shared, dense or unique."""
    places: list[Place] = []
    for number, (player, key) in enumerate(rows, 1):
        rank = number
        if places and ties != "unique":
            last = places[-1]
            rank = last.rank if last.key == key else last.rank + 1 if ties == "dense" else number
        places.append(Place(rank, player, key))
    return places


def drop_captures(
    connection: sa.Connection, game: str, board: str, keep: Callable[[str], bool] = lambda _period: False
) -> None:
    """Removes those of a board but for periods to keep; to be called behind a change of the board's own row.

    That change has waited for whoever held the board; and who comes to hold it later finds another rev.
    """
    of_it = sa.select(_captures.period).where(_is_board(game, board)).distinct()
    gone = [period for period in connection.execute(of_it).scalars() if not keep(period)]
    if gone:
        connection.execute(sa.delete(board_captures).where(_is_board(game, board), _captures.period.in_(gone)))


def _hold(connection: sa.Connection, held: Sequence[tuple[str, str]], *, to_change: bool = False) -> dict[Any, str]:
    """Lets nobody else change these boards until the transaction ends, or `to_change`, hold them either.

    Answers the revs of those there are. SQLite has but one writer anyway.
    """
    revs: dict[Any, str] = {}
    for some in _pieces(held):
        query = sa.select(boards.c.game, boards.c.name, boards.c.rev).order_by(boards.c.game, boards.c.name)
        query = query.where(sa.tuple_(boards.c.game, boards.c.name).in_(some)).with_for_update(read=not to_change)
        revs |= {(row.game, row.name): row.rev for row in connection.execute(query)}
    return revs


def _is_board(game: str, board: str) -> sa.ColumnElement[bool]:
    return sa.and_(_captures.game == game, _captures.board == board)


def _pieces(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), IN_ONE_QUERY):
        yield items[start : start + IN_ONE_QUERY]


def _row(one: Capture) -> dict[str, Any]:
    names = (column.name for column in _KEY)
    return {**dict(zip(names, one.key, strict=True)), "taken_at": one.taken_at, "entries": _encoded(one.total, one.top)}


def _encoded(total: int, top: Sequence[Place]) -> str:
    return _dumped({"total": total, "top": top})


def _decoded(entries: str) -> tuple[int, list[Place]]:
    document = json.loads(entries)
    return document["total"], [Place(rank, player, float(key)) for rank, player, key in document["top"]]


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
