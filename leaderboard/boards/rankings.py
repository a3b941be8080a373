"""Reading the standings: pages, players, ranges, ranks that would be, percentiles, distributions.

Each read is one script call, so that what it answers is one moment of the board; those that cannot know their
second question before the first is answered take two. Of a board with parts the same is put together from what those
say (merging.py). A view whose board is out of date raises BoardsChanged; the edge looks again and asks anew
(api/operations.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from leaderboard.boards import cursors, spreads
from leaderboard.boards.cold import Cold, PeriodGone
from leaderboard.boards.definition import Board
from leaderboard.boards.gathering import Answer
from leaderboard.boards.merging import answered
from leaderboard.boards.rolling import Rolling
from leaderboard.boards.spreads import Analysis, Bin
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
from leaderboard.numerals import Literal, Score, exact
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call
from leaderboard.store.steps import Steps, finish, finish_together

_MOST_TRIES = 5


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
        stamp, index, rank, rows, metadata, *_ = yield from self._steps(view, asked)
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
        found = self._of_one_part([view for view in views if len(view.board.parts) == 1], player)
        spread = [view for view in views if len(view.board.parts) > 1]
        works = [self.player_steps(view, player) for view in spread]
        for view, standing in zip(spread, finish_together(self._store, works), strict=True):
            if isinstance(standing, Standing):
                found[view.board.name] = standing
            elif not isinstance(standing, UnknownPlayer | PeriodGone):
                raise standing
        return [(view, found[view.board.name]) for view in views if view.board.name in found]

    def _of_one_part(self, views: Sequence[View], player: str) -> dict[str, Standing]:
        """The player's standing on those boards that have it, by their names."""
        answers = self._store.run_all([player_call(view, player, 0) for view in views]) if views else []
        stale = [view.board.name for view, answer in zip(views, answers, strict=True) if is_stale(view, answer)]
        if stale:
            raise BoardsChanged(*stale)
        pairs = list(zip(views, answers, strict=True))
        archived = self._cold.with_player([view for view, answer in pairs if _may_be_archived(view, answer)], player)
        found = {}
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
                found[view.board.name] = standing
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
        stamp, _, _, near, rows = self._read(view, call("spread", view, spreads.share(percent)))
        return stamp, spreads.reached(view, stamp.total, percent, near, rows) if stamp.total else None

    def distribution(self, view: View, bins: int) -> tuple[Stamp, list[Bin]]:
        """How many scores lie in each of some equal widths, from the lowest score to the highest: (from, to, count)."""
        stamp, best, worst, *_ = self._read(view, call("spread", view, "0"))
        for _ in range(_MOST_TRIES):
            if stamp.total == 0:
                return stamp, []
            edges = spreads.edges(spreads.ends(view, best, worst), bins)
            stamp, counts, *now = self._read(view, call("counts", view, "0", *spreads.reaching(view, edges[1:-1])))
            if [row[1:] for row in now] == [best[1:], worst[1:]]:  # the scores that the edges rest on still stand
                return stamp, spreads.bins(edges, stamp.total, counts)
            best, worst = now
        raise StoreUnavailable("The ends of the board keep moving; try again.")

    def analysis(self, view: View, percents: Sequence[Fraction], bins: int) -> Analysis:
        """The lowest and the highest score, `percentile` of some percents, and `distribution`."""
        shares = [len(percents), *(spreads.share(percent) for percent in percents)]
        ends: list[Fraction] | None = None
        edges: list[Score] = []
        for _ in range(_MOST_TRIES):
            ranges = spreads.reaching(view, edges[1:-1])
            stamp, best, worst, near, counts = self._read(view, call("analysis", view, *shares, *ranges))
            if stamp.total == 0:
                return Analysis(stamp, None, None, [None] * len(percents), [])
            before, ends = ends, spreads.ends(view, best, worst)
            if ends == before:
                low, high = map(view.board.ordering.present, ends)
                rows = zip(percents, near, strict=True)
                reached = [spreads.reached(view, stamp.total, percent, *found) for percent, found in rows]
                return Analysis(stamp, low, high, reached, spreads.bins(edges, stamp.total, counts))
            edges = spreads.edges(ends, bins)
        raise StoreUnavailable("The ends of the board keep moving; try again.")

    def _read(self, view: View, asked: Call) -> Answer:
        """The stamp and the rest of the answer. Raises BoardsChanged when the view's board is out of date."""
        return finish(self._store, self._steps(view, asked))

    def _steps(self, view: View, asked: Call) -> Steps[Answer]:
        if len(view.board.parts) > 1:
            return (yield from answered(self._ask, view, asked))
        (answer,) = yield from self._ask([(view, asked)])
        return answer

    def _ask(self, asked: Sequence[tuple[View, Call]]) -> Steps[list[Answer]]:
        """What is asked of boards and parts of one, all at once."""
        for _ in range(_MOST_TRIES):
            answers = yield [one for _, one in asked]
            found: list[Answer] = []
            unbuilt: list[tuple[Board, Window]] = []
            for (view, one), answer in zip(asked, answers, strict=True):
                if is_stale(view, answer):
                    raise BoardsChanged(view.board.whole.name)
                try:
                    found.append(self._settled(view, one, answer))
                except WindowNotBuilt as error:
                    if view.is_hurried:
                        raise
                    unbuilt.append((view.board, error.window))
            if not unbuilt:
                return found
            for board, window in unbuilt:
                self._rolling.ensure(board, window)
        raise BoardsChanged(asked[0][0].board.whole.name)

    def _settled(self, view: View, asked: Call, answer: Sequence[Any]) -> Answer:
        """The answer as it is, or that of the archive, where the standings are there by now."""
        stamp = read_stamp(view, answer)
        if not _may_be_archived(view, answer):
            return (stamp, *answer[4:])
        if view.is_hurried:
            raise BoardsChanged(view.board.whole.name)
        cold = self._cold.answer(view, asked)
        if cold is None:
            return (stamp, *answer[4:])
        return (replace(stamp, total=cold[0], state="archived", to_seal=False), *cold[1])


def _may_be_archived(view: View, answer: Sequence[Any]) -> bool:
    """Whether the store has nothing of a period that is over, and is not to seal it either."""
    total, (closed, to_seal, _) = answer[2:4]
    return not (total or to_seal or isinstance(view.period, Window)) and is_past(view.period, int(closed))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
