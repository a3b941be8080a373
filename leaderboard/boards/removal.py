"""Forgetting a player."""

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.registry import Registry
from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import Store

_PERIODS_AT_ONCE = 500
_NEWEST = 3  # of each name: the current one, one in its grace, one that a clock ahead has begun
_MOST_TRIES = 5


class Removal:
    """Takes players off boards."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def forget(self, board: Board, player: str) -> int:
        """Removes a player from every period of a board; answers from how many.

        The newest periods, where scores may be coming in, go together in the last call, and a call that meets a
        period made meanwhile is not carried out: so no period ever lacks what a narrower one still has, which is
        what the short cut of `submit.lua` relies on.
        """
        removed = 0
        for _ in range(_MOST_TRIES):
            done = self._forget_known(board, player)
            removed += sum(count for count in done if count > 0)
            if -1 not in done:
                return removed
        raise StoreUnavailable("New periods keep beginning; try again.")

    def _forget_known(self, board: Board, player: str) -> list[int]:
        by_name = [self._registry.known_members(board.keys, name) for name in reversed(PERIOD_NAMES)]
        older = [member for members in by_name for member in members[_NEWEST:]]
        newest = [member for members in by_name for member in members[:_NEWEST]]
        known = len(older) + len(newest)
        calls = [older[start : start + _PERIODS_AT_ONCE] for start in range(0, len(older), _PERIODS_AT_ONCE)]
        done = []
        for members in [*calls, newest]:
            names = [board.keys.meta, board.keys.known]
            for member in members:
                period_id = member.split(":", 1)[1]
                names += [board.keys.standings(period_id), board.keys.dense(period_id), board.keys.metadata(period_id)]
            done.append(int(self._store.run("forget", names, [board.ties, player, known])))
            if done[-1] < 0:
                break
        return done

    def forget_everywhere(self, game: str, player: str) -> dict[str, int]:
        """Removes a player from every board of a game: board -> from how many periods."""
        counts = {board.name: self.forget(board, player) for board in self._registry.all(game)}
        return {name: count for name, count in counts.items() if count}
