"""The reading scripts once more, over the archive: the same questions, answered in the same shape.

Each function here is the twin of the script of its name in store/lua; what comes behind the stamp is what it answers.
So everything that is computed from such an answer is computed once, wherever the standings are.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from leaderboard.archive.periods import Archived, Row, StandingsGone
from leaderboard.archive.sheets import Sheet
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards.definition import Board
from leaderboard.boards.views import View
from leaderboard.errors import NotFound
from leaderboard.store.scripts import Call

_Answer = list[Any]
_MOST_TRIES = 3


class PeriodGone(NotFound):
    """A period whose standings were removed when the archive's own retention had passed."""

    code = "period_gone"


class Cold:
    """Reads sealed periods whose keys are gone."""

    def __init__(self, archive: ArchivedStandings) -> None:
        self._archive = archive

    def find(self, board: Board, period_id: str) -> Archived | None:
        """The archived period with this id."""
        return self._archive.find(board.game, board.name, board.born, [period_id]).get(period_id)

    def with_player(self, views: Sequence[View], player: str) -> set[str]:
        """The boards of those views, all of one game, whose archived period has a player."""
        if not views:
            return set()
        wanted = [(view.board.name, view.board.born, view.period.id) for view in views]
        return {board for board, _, _ in self._archive.with_player(views[0].board.game, wanted, player)}

    def answer(self, view: View, asked: Call) -> tuple[int, _Answer] | None:
        """The total and what the script would answer behind its stamp; None where nothing is archived.

        Raises PeriodGone, DatabaseUnavailable.
        """
        for _ in range(_MOST_TRIES):
            archived = self.find(view.board, view.period.id)
            if archived is None:
                return None
            if archived.pruned:
                raise PeriodGone(f"The standings of {view.period.id} were removed from the archive.")
            sheet = self._archive.open(archived, view.board.ties)
            with suppress(StandingsGone), sheet.together():  # or it was sealed anew, or pruned, since it was found
                return sheet.total, _TWINS[asked.script](sheet, view, asked.args)
        raise StandingsGone(view.period.id)


def _top(sheet: Sheet, _view: View, args: Sequence[Any]) -> _Answer:
    _, rows, flag, *after = args
    start = sheet.index_after(float(after[0]), str(after[1])) if after else 0
    return [*_page(sheet, start, int(rows), flag), sheet.below(float(after[0])) if after else 0]


def _player(sheet: Sheet, view: View, args: Sequence[Any]) -> _Answer:
    _, _, around, flag, player = args
    found = sheet.player(str(player))
    if found is None:
        return []
    index, row = found
    better = sheet.below(view.board.ordering.floor(row.key))
    start = max(0, min(index - (int(around) - 1) // 2, sheet.total - int(around))) if around else 0
    page = _page(sheet, start, int(around), flag)
    return [repr(row.key), row.rank, better, _metadata(row) if flag == "1" else b"", *page]


def _lookup(sheet: Sheet, _view: View, args: Sequence[Any]) -> _Answer:
    _, flag, *players = args
    found = sheet.players([str(player) for player in players])
    rows = [found.get(str(player)) for player in players]
    keys = [row and repr(row.key) for row in rows]
    metadata = [row and _metadata(row) for row in rows] if flag == "1" else []
    return [keys, [row.rank if row else 0 for row in rows], metadata]


def _range(sheet: Sheet, _view: View, args: Sequence[Any]) -> _Answer:
    _, limit, flag, first, last = args
    start = sheet.below(float(first))
    inside = max(0, sheet.below(float(last), inclusive=True) - start)
    return [*_page(sheet, start, min(int(limit), inside), flag), inside]


def _counts(sheet: Sheet, _view: View, args: Sequence[Any]) -> _Answer:
    distinct, *ends = args
    below = sheet.levels_below if distinct == "1" else sheet.below
    counts = [
        max(0, _up_to(below, high, is_last=True) - _up_to(below, low, is_last=False))
        for low, high in zip(ends[::2], ends[1::2], strict=True)
    ]
    return [counts, *_best_and_worst(sheet)]


def _spread(sheet: Sheet, _view: View, args: Sequence[Any]) -> _Answer:
    near = max(0, math.floor((sheet.total - 1) * float(args[0])) - 1)
    return [*_best_and_worst(sheet), near, _flat(sheet.rows(near, 4))]


def _beside(sheet: Sheet, view: View, args: Sequence[Any]) -> _Answer:
    ties, rows, flag, *players = args
    keys, ranks, _ = _lookup(sheet, view, [ties, "0", *players])
    return [*_page(sheet, 0, int(rows), flag), keys, ranks]


def _analysis(sheet: Sheet, view: View, args: Sequence[Any]) -> _Answer:
    shares, ends = args[1 : args[0] + 1], args[args[0] + 1 :]
    near = [_spread(sheet, view, [share])[2:] for share in shares]
    counts, best, worst = _counts(sheet, view, ["0", *ends])
    return [best, worst, near, counts]


def _place(sheet: Sheet, view: View, args: Sequence[Any]) -> _Answer:
    player, given, _, side, flag = args
    found = sheet.player(str(player)) if given == "" else None
    if given == "" and found is None:
        return []
    key = found[1].key if found else float(given)
    index = found[0] if found else _indices(sheet, [(key, str(player))])[0]
    below, better = sheet.below(key), sheet.below(view.board.ordering.floor(key))
    own = _metadata(found[1]) if found and flag == "1" else b""
    start = max(0, index - int(side))
    first, _, rows, metadata = _page(sheet, start, index + int(side) - start if side else 0, flag)
    below_first = sheet.below(float(rows[1])) if rows else 0
    return [repr(key), below, index, better, own, first, below_first, rows, metadata]


def _before(sheet: Sheet, _view: View, args: Sequence[Any]) -> _Answer:
    by_id, *pairs = args
    places = [(float(key), str(player)) for key, player in zip(pairs[::2], pairs[1::2], strict=True)]
    found = _indices(sheet, [*((key, "") for key, _ in places), *(places if by_id == "1" else ())])
    return [found[: len(places)], found[len(places) :]]


def _between(sheet: Sheet, _view: View, args: Sequence[Any]) -> _Answer:
    most, *ends = args
    return [_samples(sheet, int(most), low, high) for low, high in zip(ends[::2], ends[1::2], strict=True)]


def _samples(sheet: Sheet, most: int, low: str, high: str) -> _Answer:
    ends = [(float(low), False), (float(low), True), (float(high), False), (float(high), True)]
    # Nobody is beyond infinity, and the database need not be told of it.
    counts = [
        sheet.below(key, inclusive=inclusive) if math.isfinite(key) else sheet.total * (key > 0)
        for key, inclusive in ends
    ]
    below, upto, before, upto_last = counts
    inside = max(0, before - upto)
    indices = range(inside) if inside <= most else [n * (inside - 1) // (most - 1) for n in range(most)]
    rows = sheet.at([upto + index for index in indices])
    keys = [repr(rows[upto + index].key).encode() for index in indices if upto + index in rows]
    return [below, upto, inside, upto_last, keys]


_TWINS: dict[str, Callable[[Sheet, View, Sequence[Any]], _Answer]] = {
    "top": _top,
    "player": _player,
    "lookup": _lookup,
    "range": _range,
    "counts": _counts,
    "spread": _spread,
    "beside": _beside,
    "analysis": _analysis,
    "place": _place,
    "before": _before,
    "between": _between,
}


def _page(sheet: Sheet, start: int, count: int, flag: str) -> _Answer:
    rows = sheet.rows(start, count) if count > 0 else []
    metadata = [_metadata(row) for row in rows] if flag == "1" else []
    return [start, rows[0].rank if rows else 0, _flat(rows), metadata]


def _flat(rows: Sequence[Row]) -> list[bytes]:
    return [part for row in rows for part in (row.player.encode(), repr(row.key).encode())]


def _metadata(row: Row) -> bytes | None:
    return row.metadata.encode() if row.metadata else None


def _best_and_worst(sheet: Sheet) -> list[list[bytes]]:
    return [_flat(sheet.rows(0, 1)), _flat(sheet.rows(max(0, sheet.total - 1), 1))]


def _up_to(below: Callable[..., int], end: str, *, is_last: bool) -> int:
    """How many lie before an end of a range as ZCOUNT takes it; with the last end included unless it says '('."""
    if end.startswith("("):
        return below(float(end[1:]), inclusive=not is_last)
    return below(float(end), inclusive=is_last)


def _indices(sheet: Sheet, places: Sequence[tuple[float, str]]) -> list[int]:
    """The indices that each (key, player) has, or would have: of all by halves at once, a query a step."""
    low, high = [0] * len(places), [sheet.total] * len(places)
    while open_ones := [n for n in range(len(places)) if low[n] < high[n]]:
        middles = {n: (low[n] + high[n]) // 2 for n in open_ones}
        rows = sheet.at(sorted(set(middles.values())))
        for n, middle in middles.items():
            row, (key, player) = rows.get(middle), places[n]
            if row is None or (row.key, row.player.encode()) >= (key, player.encode()):
                high[n] = middle
            else:
                low[n] = middle + 1
    return low
