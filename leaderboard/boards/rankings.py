"""Reading the standings: pages, players, ranges, ranks that would be, percentiles, distributions.

Each read is one script call, so that what it answers is one moment of the board; those that cannot know their
second question before the first is answered take two. A view whose board is out of date raises BoardsChanged; the edge
looks again and asks anew (api/operations.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from leaderboard.boards import cursors
from leaderboard.boards.cold import Cold
from leaderboard.boards.rolling import Rolling
from leaderboard.boards.views import (
    Entry,
    Page,
    Stamp,
    Standing,
    View,
    WindowNotBuilt,
    call,
    flag,
    is_past,
    is_stale,
    key_text,
    player_call,
    read_entries,
    read_entry,
    read_stamp,
    read_standing,
)
from leaderboard.boards.windows import Window
from leaderboard.errors import BoardsChanged, StoreUnavailable, UnknownPlayer
from leaderboard.numerals import Literal, Score, exact, present
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call
from leaderboard.store.steps import Steps, finish

_MOST_TRIES = 5
Bin = tuple[Score, Score, int]  # from, to, how many scores


@dataclass(frozen=True, slots=True)
class Analysis:
    """How the scores of a period are spread."""

    stamp: Stamp
    low: Score | None
    high: Score | None
    percentiles: Sequence[Score | None]
    bins: list[Bin]


class Rankings:
    """Reads boards."""

    def __init__(self, store: Store, cold: Cold, rolling: Rolling) -> None:
        self._store = store
        self._cold = cold
        self._rolling = rolling

    def top(self, view: View, limit: int, cursor: str | None = None) -> Page:
        """The best entries, or those behind a cursor. Raises InvalidInput for a cursor of something else."""
        return finish(self._store, self.top_steps(view, limit, cursor))

    def top_steps(self, view: View, limit: int, cursor: str | None = None) -> Steps[Page]:
        """The same as steps."""
        after = cursors.read(cursor, view.board.born, view.period) if cursor else ()
        asked = call("top", view, view.board.ties, limit + 1, flag(view), *after)
        stamp, index, rank, rows, metadata = yield from self._steps(view, asked)
        entries = read_entries(view, rank, int(index), rows, metadata)
        more = None
        if len(entries) > limit:
            last = 2 * (limit - 1)
            more = cursors.write(view.board.born, view.period, rows[last + 1], rows[last])
        return Page(stamp, entries[:limit], more)

    def player(self, view: View, player: str, around: int = 0) -> Standing:
        """One player's standing, with `around` rows around it. Raises UnknownPlayer."""
        return finish(self._store, self.player_steps(view, player, around))

    def player_steps(self, view: View, player: str, around: int = 0) -> Steps[Standing]:
        """The same as steps."""
        asked = player_call(view, player, around)
        standing = read_standing(view, player, (yield from self._steps(view, asked)))
        if standing is None:
            raise UnknownPlayer(player)
        return standing

    def players_boards(self, views: Sequence[View], player: str) -> list[tuple[View, Standing]]:
        """One player's standing on many boards; those without it are left out."""
        answers = self._store.run_all([player_call(view, player, 0) for view in views]) if views else []
        stale = [view.board.name for view, answer in zip(views, answers, strict=True) if is_stale(view, answer)]
        if stale:
            raise BoardsChanged(*stale)
        pairs = list(zip(views, answers, strict=True))
        archived = self._cold.with_player([view for view, answer in pairs if _may_be_archived(view, answer)], player)
        found = []
        for view, answer in pairs:
            if _may_be_archived(view, answer) and view.board.name not in archived:
                continue
            asked = player_call(view, player, 0)
            try:
                settled = self._settled(view, asked, answer)
            except WindowNotBuilt:
                settled = self._read(view, asked)
            standing = read_standing(view, player, settled)
            if standing is not None:
                found.append((view, standing))
        return found

    def lookup(self, view: View, players: Sequence[str]) -> tuple[Stamp, list[Entry], list[str]]:
        """The standings of many players, in rank order, and those who have none."""
        wanted = list(dict.fromkeys(players))
        asked = call("lookup", view, view.board.ties, flag(view), *wanted)
        stamp, keys, ranks, metadata = self._read(view, asked)
        rows, missing = [], []
        for number, player in enumerate(wanted):
            if keys[number] is None:
                missing.append(player)
                continue
            extra = metadata[number] if metadata else None
            entry = read_entry(view, ranks[number], player, float(keys[number]), extra)
            rows.append((float(keys[number]), player.encode(), entry))
        return stamp, [entry for *_, entry in sorted(rows, key=lambda row: row[:2])], missing

    def beside(self, view: View, limit: int, players: Sequence[str]) -> tuple[Stamp, list[Entry], dict[str, Entry]]:
        """The best entries, and those of some players where they have one."""
        asked = call("beside", view, view.board.ties, limit, flag(view), *players)
        stamp, index, rank, rows, metadata, keys, ranks = self._read(view, asked)
        found = {
            player: read_entry(view, place, player, float(key), None)
            for player, key, place in zip(players, keys, ranks, strict=True)
            if key is not None
        }
        return stamp, read_entries(view, rank, int(index), rows, metadata), found

    def scores(
        self, view: View, low: Literal | None, high: Literal | None, limit: int
    ) -> tuple[Stamp, list[Entry], int]:
        """The entries with scores from `low` to `high`, and how many there are."""
        bounds = (None if bound is None else exact(bound) for bound in (low, high))
        first, last = view.board.ordering.span(*bounds) or (1, 0)
        asked = call("range", view, view.board.ties, limit, flag(view), key_text(first), key_text(last))
        stamp, index, rank, rows, metadata, inside = self._read(view, asked)
        return stamp, read_entries(view, rank, index, rows, metadata), inside

    def rank(self, view: View, score: Literal, subscore: Literal | None) -> tuple[Stamp, int]:
        """The rank that a score would have were it submitted now; nothing is written. Raises OrderingError."""
        return finish(self._store, self.rank_steps(view, score, subscore))

    def rank_steps(self, view: View, score: Literal, subscore: Literal | None) -> Steps[tuple[Stamp, int]]:
        """The same as steps."""
        placed = view.board.ordering.place(score, subscore, _milliseconds(view.now))
        # A newcomer stands behind its equals where the first is ahead, before them where the last is.
        behind_equals = view.board.definition["ties"] == "first"
        end = key_text(placed.ceil) if behind_equals else "(" + key_text(placed.floor)
        asked = call("counts", view, "1" if view.board.ties == "dense" else "0", "-inf", end)
        stamp, counts, *_ = yield from self._steps(view, asked)
        return stamp, counts[0] + 1

    def percentile(self, view: View, percent: Fraction) -> tuple[Stamp, Score | None]:
        """The score it takes to be level with or ahead of `percent` % of the players."""
        stamp, _, _, near, rows = self._read(view, call("spread", view, _share(percent)))
        return stamp, _reached(view, stamp.total, percent, near, rows) if stamp.total else None

    def distribution(self, view: View, bins: int) -> tuple[Stamp, list[Bin]]:
        """How many scores lie in each of some equal widths, from the lowest score to the highest: (from, to, count)."""
        stamp, best, worst, *_ = self._read(view, call("spread", view, "0"))
        for _ in range(_MOST_TRIES):
            if stamp.total == 0:
                return stamp, []
            edges = _edges(_ends(view, best, worst), bins)
            stamp, counts, *now = self._read(view, call("counts", view, "0", *_reaching(view, edges[1:-1])))
            if [row[1:] for row in now] == [best[1:], worst[1:]]:  # the scores that the edges rest on still stand
                return stamp, _bins(edges, stamp.total, counts)
            best, worst = now
        raise StoreUnavailable("The ends of the board keep moving; try again.")

    def analysis(self, view: View, percents: Sequence[Fraction], bins: int) -> Analysis:
        """The lowest and the highest score, `percentile` of some percents, and `distribution`."""
        shares = [len(percents), *(_share(percent) for percent in percents)]
        ends: list[Fraction] | None = None
        edges: list[Score] = []
        for _ in range(_MOST_TRIES):
            ranges = _reaching(view, edges[1:-1])
            stamp, best, worst, near, counts = self._read(view, call("analysis", view, *shares, *ranges))
            if stamp.total == 0:
                return Analysis(stamp, None, None, [None] * len(percents), [])
            before, ends = ends, _ends(view, best, worst)
            if ends == before:
                low, high = map(view.board.ordering.present, ends)
                rows = zip(percents, near, strict=True)
                reached = [_reached(view, stamp.total, percent, *found) for percent, found in rows]
                return Analysis(stamp, low, high, reached, _bins(edges, stamp.total, counts))
            edges = _edges(ends, bins)
        raise StoreUnavailable("The ends of the board keep moving; try again.")

    def _read(self, view: View, asked: Call) -> tuple[Any, ...]:
        """The stamp and the rest of the answer. Raises BoardsChanged when the view's board is out of date."""
        return finish(self._store, self._steps(view, asked))

    def _steps(self, view: View, asked: Call) -> Steps[tuple[Any, ...]]:
        for _ in range(_MOST_TRIES):
            (answer,) = yield [asked]
            if is_stale(view, answer):
                raise BoardsChanged(view.board.name)
            try:
                return self._settled(view, asked, answer)
            except WindowNotBuilt as error:
                if view.is_hurried:
                    raise
                self._rolling.ensure(view.board, error.window)
        raise BoardsChanged(view.board.name)

    def _settled(self, view: View, asked: Call, answer: Sequence[Any]) -> tuple[Any, ...]:
        """The answer as it is, or that of the archive, where the standings are there by now."""
        stamp = read_stamp(view, answer)
        if not _may_be_archived(view, answer):
            return (stamp, *answer[4:])
        if view.is_hurried:
            raise BoardsChanged(view.board.name)
        cold = self._cold.answer(view, asked)
        if cold is None:
            return (stamp, *answer[4:])
        return (replace(stamp, total=cold[0], state="archived"), *cold[1])


def _may_be_archived(view: View, answer: Sequence[Any]) -> bool:
    """Whether the store has nothing of a period that is over, and is not to seal it either."""
    total, (closed, to_seal, _) = answer[2:4]
    return not (total or to_seal or isinstance(view.period, Window)) and is_past(view.period, int(closed))


def _share(percent: Fraction) -> str:
    """What share of the standings, counted from the best, is ahead of `percent` % of them."""
    return repr(float((100 - percent) / 100))


def _reached(view: View, total: int, percent: Fraction, near: int, rows: Sequence[bytes]) -> Score:
    """The score at that share, from the rows next to it, the first of which has the index `near`."""
    place = (100 - percent) / 100 * (total - 1)
    scores = [view.board.ordering.exact_score(float(key)) for key in rows[1::2]]
    better = scores[math.floor(place) - near]
    worse = scores[math.ceil(place) - near]
    return view.board.ordering.present(better + (worse - better) * (place - math.floor(place)))


def _ends(view: View, *rows: Sequence[bytes]) -> list[Fraction]:
    """The scores of some rows, ascending."""
    return sorted(view.board.ordering.exact_score(float(row[1])) for row in rows)


def _edges(ends: Sequence[Fraction], bins: int) -> list[Score]:
    """The borders of bins of equal width; of a single one, where there is but one score."""
    if ends[0] == ends[1]:
        return [present(ends[0])] * 2
    return [present(ends[0] + (ends[1] - ends[0]) * number / bins) for number in range(bins + 1)]


def _bins(edges: Sequence[Score], total: int, reaching: Sequence[int]) -> list[Bin]:
    """What lies between the edges; `reaching`: how many scores reach each but the first and the last."""
    at_least = [total, *reaching, 0]
    return [(edges[n], edges[n + 1], at_least[n] - at_least[n + 1]) for n in range(len(edges) - 1)]


def _reaching(view: View, edges: Sequence[Score]) -> list[str]:
    """The ranges of keys whose scores reach each edge."""
    ranges: list[str] = []
    for edge in edges:
        first, last = view.board.ordering.reaching(edge)
        ranges += [key_text(first), key_text(last)]
    return ranges


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
