"""Periods of one board, copied into the archive by tests."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from leaderboard.archive import wholes
from leaderboard.archive.copies import Copies, Copy
from leaderboard.archive.database import Database
from leaderboard.archive.periods import Archived, PeriodRef, Row
from leaderboard.archive.tables import archived_periods, archived_removals, archived_standings

NOW = datetime(2026, 11, 23, 0, 5, tzinfo=UTC)
BOARD = ("chess", "blitz", "b1")


def ref(period: str = "2026-11-22", name: str = "day") -> PeriodRef:
    return PeriodRef(*BOARD, name, period)


def ranked(entries: Mapping[str, float], ties: str = "shared", metadata: str | None = None) -> list[Row]:
    """The rows of a period with these entries."""
    rows: list[Row] = []
    ordered = sorted((key, player.encode(), player) for player, key in entries.items())
    for position, (key, _, player) in enumerate(ordered):
        rank = position + 1
        if ties != "unique" and rows:
            last = rows[-1]
            rank = last.rank if last.key == key else last.rank + 1 if ties == "dense" else rank
        rows.append(Row(player, key, rank, metadata))
    return rows


def begin(
    copies: Copies, period: str = "2026-11-22", *, of: str = "t1", holder: str = "h1", ended: datetime | None = None
) -> Copy:
    end = ended or NOW - timedelta(minutes=5)
    return copies.begin(ref(period), end - timedelta(days=1), end, token=of, holder=holder, now=NOW)


def seal(
    database: Database,
    rows: Iterable[Row],
    period: str = "2026-11-22",
    *,
    of: str = "t1",
    chunk: int = 3,
    ended: datetime | None = None,
) -> Archived:
    """Copies those rows and completes the copy; `of` is its token."""
    copies, rows = Copies(database), list(rows)
    copy = begin(copies, period, of=of, ended=ended)
    for start in range(0, len(rows), chunk):
        copy = copies.append(copy, rows[start : start + chunk])
    return complete(copies, copy, len(rows), NOW)


def complete(copies: Copies, copy: Copy, total: int, now: datetime) -> Archived:
    """Verifies a copy and makes it complete, as if the store had agreed."""
    done = copies.verify(copy, total, now)
    database = copies._database
    with database.begin() as connection:
        row = connection.execute(sa.select(archived_periods).where(archived_periods.c.id == copy.id)).one()
    named = PeriodRef(row.game, row.board, row.born, row.name, row.period)
    assert wholes.complete(database, [(named, row.token)], now) == {row.token}
    return done


def lose(database: Database, which: PeriodRef) -> None:
    """Gives up all copies of a period."""
    of_it = (archived_periods.c.period == which.period, archived_periods.c.name == which.name)
    with database.begin() as connection:
        connection.execute(sa.update(archived_periods).where(*of_it).values(state="gone"))


def states(database: Database) -> list[str]:
    """Of all copies, in the order they were begun."""
    with database.begin() as connection:
        query = sa.select(archived_periods.c.state).order_by(archived_periods.c.id)
        return list(connection.execute(query).scalars())


def count(database: Database) -> tuple[int, int]:
    """Rows of standings and of removals."""
    with database.begin() as connection:
        standings, removals = (
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (archived_standings, archived_removals)
        )
    return standings, removals


def never() -> None:
    """A checkpoint that lets everything go on."""
