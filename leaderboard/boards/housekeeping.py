"""What the archive need not hold any more: removed, a piece at a time."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from leaderboard.archive.captures import BoardCaptures
from leaderboard.archive.copies import Copies
from leaderboard.archive.database import Database
from leaderboard.archive.job_runs import JobRuns
from leaderboard.archive.tables import archived_periods
from leaderboard.boards.registry import Registry
from leaderboard.running import Run

_SETTLED = timedelta(days=1)  # what was written since may be of a board that is being made, or just was
_periods = archived_periods.c

_Group = tuple[str, str, str, str]


class Housekeeping:
    """Removes it."""

    def __init__(self, registry: Registry, database: Database, copies: Copies, keep_days: dict[str, float]) -> None:
        """`keep_days`: of each period name, how long after its end standings stay; for ever where it is not named."""
        self._registry = registry
        self._database = database
        self._copies = copies
        self._captures = BoardCaptures(database)
        self._runs = JobRuns(database)
        self._keep_days = keep_days

    def prune(self, now: datetime, run: Run) -> dict[str, int]:
        """Answers counts: copies given up, periods retired, rows and captures removed, runs of jobs forgotten.

        Raises Interrupted, DatabaseUnavailable; what was done until then is done.
        """
        counts = {"given_up": 0, "retired": 0, "rows": 0, "runs": 0}
        for game, board, born, name in self._orphans(now):
            run.checkpoint()
            counts["given_up"] += self._copies.drop_board(game, board, born=born, names=[name])
        counts["given_up"] += self._copies.give_up_stale(now - _SETTLED)
        counts["retired"] = self._copies.retire(self._keep_days, now, checkpoint=run.checkpoint)
        counts["rows"] = self._copies.prune(checkpoint=run.checkpoint)
        living = {board.identity for board in self._registry.everywhere()}
        counts["rows"] += self._captures.prune(now, living, run.checkpoint)
        counts["runs"] = self._runs.prune()
        return counts

    def _orphans(self, now: datetime) -> list[_Group]:
        """The names of periods that the archive has of boards that are no more, or do not keep them any more."""
        group = (_periods.game, _periods.board, _periods.born, _periods.name)
        with self._database.begin() as connection:
            rows = connection.execute(sa.select(*group).distinct()).all()  # from the index alone
        kept = {part.identity: part.periods for board in self._registry.everywhere() for part in board.parts}
        lost = [tuple(row) for row in rows if row.name not in kept.get(tuple(row[:3]), ())]
        return [found for found in lost if self._is_settled(found, now)]

    def _is_settled(self, group: _Group, now: datetime) -> bool:
        game, board, born, name = group
        where = (_periods.game == game, _periods.board == board, _periods.born == born, _periods.name == name)
        query = sa.select(sa.func.max(_periods.changed_at)).where(*where, _periods.state != "gone")
        with self._database.begin() as connection:
            newest = connection.execute(query).scalar()
        return newest is not None and newest <= now - _SETTLED
