"""The periods of a board that hold entries, wherever they are: newest first, with total and winner."""

from dataclasses import dataclass

from leaderboard.archive.periods import Archived
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period
from leaderboard.boards.registry import Registry
from leaderboard.boards.views import Entry, Stamp, View, is_past, is_stale, read_entry
from leaderboard.errors import BoardsChanged
from leaderboard.store.connection import Store

_PERIODS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PastPeriod:
    """One period that holds entries."""

    period: Period
    state: str
    total: int
    winner: Entry | None


class History:
    """Lists periods."""

    def __init__(self, store: Store, registry: Registry, archive: ArchivedStandings) -> None:
        self._store = store
        self._registry = registry
        self._archive = archive

    def newest(self, view: View, limit: int) -> tuple[Stamp, list[PastPeriod]]:
        """The periods of the view's name, newest first. Raises BoardsChanged, DatabaseUnavailable."""
        board, name = view.board, view.period.name
        stamp, hot, emptied = self._hot(view, limit)
        if view.period.end is None:
            return stamp, hot
        cold = self._archive.newest(board.game, board.name, board.born, name, limit=limit)
        found = {one.period: _from_archive(board, view, one) for one in cold if one.period not in emptied}
        found |= {past.period.id: past for past in hot}
        return stamp, [found[period_id] for period_id in sorted(found, reverse=True)[:limit]]

    def _hot(self, view: View, limit: int) -> tuple[Stamp, list[PastPeriod], set[str]]:
        """Those in the store, and those of which the archive may have an older copy though nobody is in them."""
        keys, found, emptied = view.board.keys, list[PastPeriod](), set[str]()
        step, offset = max(limit, _PERIODS_AT_ONCE), 0
        while True:
            members = self._registry.known_members(keys, view.period.name, offset, step if offset else limit)
            some = [view.board.named(member.split(":", 1)[1]) for member in members]
            names = [keys.meta, keys.open, *(keys.standings(period.id) for period in some)]
            rev, version, closed, *rows = self._store.run("winners", names, [])
            if is_stale(view, [rev]):
                raise BoardsChanged(view.board.name)
            for period, (total, to_seal, player, key) in zip(some, rows, strict=True):
                if not total and to_seal:
                    emptied.add(period.id)
                if total:
                    sealed = is_past(period, int(closed)) and not to_seal
                    state = "archived" if sealed else View(view.board, period, view.now).state
                    winner = read_entry(view, 1, player.decode(), float(key), None)
                    found.append(PastPeriod(period, state, total, winner))
            if len(found) >= limit or len(members) < (step if offset else limit):
                return Stamp(view.board.rev, int(version), 0, ""), found[:limit], emptied
            offset += len(members)


def _from_archive(board: Board, view: View, archived: Archived) -> PastPeriod:
    period = board.named(archived.period)
    winner = None
    if archived.winner is not None and archived.winner_key is not None:
        winner = read_entry(view, 1, archived.winner, archived.winner_key, None)
    return PastPeriod(period, "archived", archived.total, winner)
