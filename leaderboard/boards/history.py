"""The periods of a board that hold entries, wherever they are: newest first, with total and winner."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from leaderboard.archive.periods import Archived
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards.definition import Board
from leaderboard.boards.gathering import combined
from leaderboard.boards.periods import Period
from leaderboard.boards.views import Entry, Stamp, View, is_past, is_stale, read_entry
from leaderboard.errors import BoardsChanged
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call
from leaderboard.store.steps import Steps, finish, finish_together

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

    def __init__(self, store: Store, archive: ArchivedStandings) -> None:
        self._store = store
        self._archive = archive

    def newest(self, view: View, limit: int) -> tuple[Stamp, list[PastPeriod]]:
        """The periods of the view's name, newest first. Raises BoardsChanged, DatabaseUnavailable."""
        views = [replace(view, board=part) for part in view.board.parts]
        works = [self._hot(part, limit) for part in views]
        told = finish_together(self._store, works) if len(works) > 1 else [finish(self._store, works[0])]
        stamps, found, emptied = [], dict[str, list[_Found]](), set[str]()
        for part, hot in zip(views, told, strict=True):
            if isinstance(hot, Exception):
                raise hot
            stamps.append(hot[0])
            emptied |= hot[2]
            for one in self._of_part(part, limit, hot):
                found.setdefault(one.period.id, []).append(one)
        newest = sorted(found, reverse=True)[:limit]
        stamp = combined("", stamps, None) if len(stamps) > 1 else stamps[0]
        return stamp, [_merged(view, found[period_id], is_changed=period_id in emptied) for period_id in newest]

    def _of_part(self, view: View, limit: int, hot: "_Hot") -> list["_Found"]:
        """The newest of one part, from wherever they are: each that is among the newest of all is among these."""
        _, in_store, emptied = hot
        if view.period.end is None:
            return in_store
        board = view.board
        cold = self._archive.newest(board.game, board.name, board.born, view.period.name, limit=limit)
        found = {one.period: _from_archive(board, one) for one in cold if one.period not in emptied}
        found |= {one.period.id: one for one in in_store}
        return [found[period_id] for period_id in sorted(found, reverse=True)[:limit]]

    def _hot(self, view: View, limit: int) -> Steps["_Hot"]:
        """Those in the store, and those of which the archive may have an older copy though nobody is in them."""
        keys, found, emptied = view.board.keys, list[_Found](), set[str]()
        step, offset = max(limit, _PERIODS_AT_ONCE), 0
        while True:
            count = step if offset else limit
            ((_, _, members),) = yield [Call("known", [keys.meta, keys.known], [view.period.name, offset, count])]
            some = [view.board.named(member.decode().split(":", 1)[1]) for member in members]
            names = [keys.meta, keys.open, *(keys.standings(period.id) for period in some)]
            ((rev, version, closed, *rows),) = yield [Call("winners", names, [])]
            if is_stale(view, [rev]):
                raise BoardsChanged(view.board.whole.name)
            for period, (total, to_seal, player, key) in zip(some, rows, strict=True):
                if not total and to_seal:
                    emptied.add(period.id)
                if total:
                    sealed = is_past(period, int(closed)) and not to_seal
                    state = "archived" if sealed else View(view.board, period, view.now).state
                    found.append(_Found(period, state, total, (float(key), player)))
            if len(found) >= limit or len(members) < count:
                return Stamp(view.board.rev, int(version), 0, ""), found[:limit], emptied
            offset += len(members)


class _Found(NamedTuple):
    """A period of a part; the winner, who may be forgotten, by key and name."""

    period: Period
    state: str
    total: int
    winner: tuple[float, bytes] | None


_Hot = tuple[Stamp, list[_Found], set[str]]


def _from_archive(board: Board, archived: Archived) -> _Found:
    winner = None
    if archived.winner is not None and archived.winner_key is not None:
        winner = archived.winner_key, archived.winner.encode()
    return _Found(board.named(archived.period), "archived", archived.total, winner)


def _merged(view: View, parts: Sequence[_Found], *, is_changed: bool) -> PastPeriod:
    """A period by what its parts say; `is_changed`: nobody is left in one of them, which is to be sealed."""
    total, most = sum(one.total for one in parts), view.board.definition["max_entries"]
    period, states = parts[0].period, {one.state for one in parts}
    state = "archived" if states == {"archived"} and not is_changed else View(view.board, period, view.now).state
    winners = [one.winner for one in parts if one.winner is not None]
    winner = None
    if len(winners) == len(
        parts
    ):  # where one part does not know who was its best, nobody knows who was the best of all
        key, player = min(winners)
        winner = read_entry(view, 1, player.decode(), key, None)
    return PastPeriod(period, state, min(total, most or total), winner)
