"""Forgetting a player."""

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.registry import Registry
from leaderboard.store.connection import Store

_PERIODS_AT_ONCE = 500


class Removal:
    """Takes players off boards."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def forget(self, board: Board, player: str) -> int:
        """Removes a player from every period of a board; answers from how many.

        Narrow periods first: should this stop half-way, no period lacks what a narrower one still has, which is
        what the short cut of `submit.lua` relies on.
        """
        keys = board.keys
        ids = [
            member.split(":", 1)[1]
            for name in reversed(PERIOD_NAMES)
            for member in self._registry.known_members(keys, name)
        ]
        removed = 0
        for start in range(0, len(ids), _PERIODS_AT_ONCE):
            names = [keys.meta]
            for period_id in ids[start : start + _PERIODS_AT_ONCE]:
                names += [keys.standings(period_id), keys.dense(period_id), keys.metadata(period_id)]
            removed += self._store.run("forget", names, [board.ties, player])
        return removed

    def forget_everywhere(self, game: str, player: str) -> dict[str, int]:
        """Removes a player from every board of a game: board -> from how many periods."""
        counts = {board.name: self.forget(board, player) for board in self._registry.all(game)}
        return {name: count for name, count in counts.items() if count}
