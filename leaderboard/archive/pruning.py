"""Removing rows from the archive: in small transactions, resumed wherever the last run ended."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.archive.periods import IS_COMPLETE, writing
from leaderboard.archive.tables import archived_periods, archived_removals, archived_standings

_PERIODS_AT_ONCE = 200
_ROWS_AT_ONCE = 10_000
_periods = archived_periods.c


def prune(database: Database, rows_at_once: int, checkpoint: Callable[[], None]) -> int:
    """Deletes the standings and removals of copies that are `gone`, then those copies.

    A transaction deletes at most `rows_at_once` of these rows; `checkpoint` is called after each and may raise to end
    it there. Answers how many rows of standings and removals it deleted.
    """
    gone = sa.select(_periods.id).where(_periods.state == "gone")
    return _empty_all(database, gone, rows_at_once, checkpoint, delete_periods=True)


def retire(database: Database, keep_days: Mapping[str, float], now: datetime, checkpoint: Callable[[], None]) -> int:
    """Marks complete periods as pruned that ended more than `keep_days` of their name ago, and deletes their rows.

    A name that is not in `keep_days` is kept for ever. Total and winner stay. Goes on with what an earlier run has
    marked and not emptied; `checkpoint` as for `prune`. Answers how many periods it marked.
    """
    marked = 0
    for name, days in keep_days.items():
        try:
            until = now - timedelta(days=days)
        except OverflowError:
            continue  # longer than there are dates
        old = (IS_COMPLETE, _periods.name == name, _periods.ends_at < until, ~_periods.pruned)
        with database.begin() as connection:
            values = {"pruned": True, "changed_at": now}
            marked += connection.execute(sa.update(archived_periods).where(*old).values(values)).rowcount
    full = [sa.exists().where(table.c.archive == _periods.id) for table in (archived_standings, archived_removals)]
    pruned = sa.select(_periods.id).where(IS_COMPLETE, _periods.pruned, sa.or_(*full))
    _empty_all(database, pruned, _ROWS_AT_ONCE, checkpoint, delete_periods=False)
    return marked


def _empty_all(
    database: Database, which: sa.Select[int], most: int, checkpoint: Callable[[], None], *, delete_periods: bool
) -> int:
    total = 0
    query = which.order_by(_periods.id).limit(_PERIODS_AT_ONCE)
    while True:
        with writing(database) as connection:
            archives = connection.execute(query).scalars().all()
            deleted = 0
            for archive in archives:
                deleted += _empty(connection, archive, most - deleted)
                if deleted >= most:
                    break  # there may be more of it
                if delete_periods:
                    connection.execute(sa.delete(archived_periods).where(_periods.id == archive))
        if not archives:
            return total
        total += deleted
        checkpoint()


def _empty(connection: sa.Connection, archive: int, most: int) -> int:
    """Deletes up to `most` rows of one period; there is nothing more of it if they were fewer."""
    deleted = 0
    for table in (archived_standings, archived_removals):
        here = table.c.archive == archive
        positions = sa.select(table.c.position).where(here).order_by(table.c.position)
        beyond = connection.execute(positions.offset(most - deleted).limit(1)).scalar()
        some = here if beyond is None else sa.and_(here, table.c.position < beyond)
        deleted += connection.execute(sa.delete(table).where(some)).rowcount
    return deleted
