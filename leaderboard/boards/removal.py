"""Forgetting a player."""

from contextlib import suppress

from leaderboard.archive.captures import BoardCaptures
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.registry import Registry
from leaderboard.errors import BoardsChanged, StoreUnavailable, UnknownBoard
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.scripts import Call

_PERIODS_AT_ONCE = 500
_NEWEST = 3  # of each name: the current one, one in its grace, one that a clock ahead has begun
_MOST_TRIES = 20


class Removal:
    """Takes players off boards."""

    def __init__(self, store: Store, registry: Registry, archive: ArchivedStandings, captures: BoardCaptures) -> None:
        self._store = store
        self._registry = registry
        self._archive = archive
        self._captures = captures

    def forget(self, board: Board, player: str) -> int:
        """Removes a player from every period of a board, archived ones included; answers from how many.

        While this goes on a period may be sealed, or come back from the archive: it is done when nothing was found in
        either place. The newest periods, where scores may be coming in, go together in the last call, and a call that
        meets a period made meanwhile is not carried out: so no period ever lacks what a narrower one still has, which
        is what the short cut of `submit.lua` relies on.
        """
        removed: set[str] = set()
        board = board.part_with(player)
        for _ in range(_MOST_TRIES):
            with translated():
                meta = self._store.client.hmget(board.keys.meta, ["windows", "drops"])
            windows, drops = as_text(meta[0] or ""), as_text(meta[1] or "0")
            archived = self._archive.forget(board.game, board.name, board.born, player)
            removed |= archived
            try:
                complete, hot = self._forget_known(board, player, windows, drops, in_archive=bool(removed))
            except BoardsChanged:  # another definition by now, or deleted
                board = self._registry.fresh(board.game, board.whole.name).part_with(player)
                continue
            removed |= hot
            if complete and not archived and not hot:
                # Last: no new one has the player.
                self._captures.forget(board.game, board.whole.name, player, board.ties)
                return sum(not name.startswith("r") for name in removed)  # rolling windows are no periods
        raise StoreUnavailable("The periods of this board keep changing; try again.")

    def _forget_known(
        self, board: Board, player: str, windows: str, drops: str, *, in_archive: bool
    ) -> tuple[bool, set[str]]:
        """Whether all periods were looked at, and those that had the player."""
        asked = [Call("known", [board.keys.meta, board.keys.known], [name, 0, -1]) for name in reversed(PERIOD_NAMES)]
        by_name = [[member.decode() for member in answer[2]] for answer in self._store.run_all(asked)]
        older = [member for members in by_name for member in members[_NEWEST:]]
        newest = [member for members in by_name for member in members[:_NEWEST]]
        known = len(older) + len(newest)
        live = ["r" + member.rstrip("*") for member in windows.split()]
        older_ids = [_id_of(member) for member in older]
        calls = [older_ids[start : start + _PERIODS_AT_ONCE] for start in range(0, len(older_ids), _PERIODS_AT_ONCE)]
        found: set[str] = set()
        arguments = [board.ties, player, known, windows, drops, board.rev, "1" if in_archive else "0"]
        for ids in [*calls, [*map(_id_of, newest), *live]]:
            names = [board.keys.meta, board.keys.known, board.keys.closing, board.keys.open]
            for period_id in ids:
                names += board.keys.triple(period_id)
            answer = self._store.run("forget", names, arguments)
            if answer == -1:
                raise BoardsChanged(board.whole.name)
            if answer is None:
                return False, found
            found.update(one.decode() for one in answer)
        return True, found

    def forget_everywhere(self, game: str, player: str) -> dict[str, int]:
        """Removes a player from every board of a game: board -> from how many periods."""
        counts: dict[str, int] = {}
        for board in self._registry.all(game):
            with suppress(UnknownBoard):  # deleted meanwhile
                counts[board.name] = self.forget(board, player)
        return {name: count for name, count in counts.items() if count}


def _id_of(member: str) -> str:
    return member.split(":", 1)[1]
