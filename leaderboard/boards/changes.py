"""How the top of a period changed: since the period before ended, or since the board's day began."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from leaderboard.archive.captures import BoardCaptures, Capture
from leaderboard.boards.captures import CAPTURED
from leaderboard.boards.cold import PeriodGone
from leaderboard.boards.periods import TimeOutOfRange
from leaderboard.boards.rankings import Rankings
from leaderboard.boards.views import Entry, Stamp, View, read_entry
from leaderboard.boards.windows import Window
from leaderboard.errors import StoreUnavailable

_MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class Then:
    """What is compared with: the standings of a period, as of a time."""

    period_id: str
    at: datetime
    depth: int  # how many of them are known, from the best on
    complete: bool  # whether that is all of them


@dataclass(frozen=True, slots=True)
class Move:
    """One player, now and then; None where not there."""

    player: str
    now: Entry | None
    then: Entry | None

    @property
    def change(self) -> int | None:
        """Places won."""
        return self.then.rank - self.now.rank if self.now and self.then else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The top now, and who was in the top then and is not now."""

    stamp: Stamp
    then: Then | None
    entries: list[Move]
    left: list[Move]


class Changes:
    """Compares."""

    def __init__(self, rankings: Rankings, captures: BoardCaptures) -> None:
        self._rankings = rankings
        self._captures = captures

    def since(self, view: View, limit: int) -> Comparison:
        """The best entries of a period, no window, and how they stood before. Raises PeriodGone, Unavailable."""
        if view.period.name in CAPTURED:
            found = self._since_capture(view, limit)
        else:
            found = None
            with suppress(PeriodGone):  # which this period, should it be gone itself, says once more below
                found = self._since_the_one_before(view, limit)
        if found is None:
            page = self._rankings.top(view, limit)
            found = Comparison(page.stamp, None, [Move(entry.player, entry, None) for entry in page.entries], [])
        return found

    def _since_capture(self, view: View, limit: int) -> Comparison | None:
        # Of a period that is over, the last one: it ended as the day after that would have begun.
        today = view.board.calendar.containing("day", view.now).id if view.state == "open" else None
        capture = self._captures.newest(*view.board.identity, view.period.id, today)
        if capture is None or not capture.top:
            return None
        players = [place.player for place in capture.top[:limit]]
        stamp, entries, standings = self._rankings.beside(view, limit, players)
        before = _entries(view, capture)  # now that the board is known to be what it was when that was read
        then = Then(capture.period, capture.taken_at, len(before), len(before) == capture.total)
        return _compared(stamp, then, entries, before[:limit], standings, {entry.player: entry for entry in before})

    def _since_the_one_before(self, view: View, limit: int) -> Comparison | None:
        then = _before(view)
        before = self._rankings.top(then, limit).entries if then else []
        for _ in range(_MOST_TRIES):
            if then is None or then.period.end is None or not before:
                return None
            stamp, entries, standings = self._rankings.beside(view, limit, _players(before))
            then_stamp, again, known = self._rankings.beside(then, limit, _players(entries))
            if _players(again) == _players(before):  # so the two moments were asked about each other
                found = Then(then.period.id, then.period.end, then_stamp.total, complete=True)
                return _compared(stamp, found, entries, again, standings, known)
            before = again
        raise StoreUnavailable("The period before keeps changing; try again.")


def _before(view: View) -> View | None:
    """The period before, if it is over."""
    assert not isinstance(view.period, Window)  # noqa: S101 - for the type checker
    try:
        period = view.period.previous()
    except TimeOutOfRange:
        return None
    found = View(view.board, period, view.now)
    return None if found.state == "open" else found


def _compared(
    stamp: Stamp,
    then: Then,
    entries: Sequence[Entry],
    before: Sequence[Entry],
    standings: Mapping[str, Entry],
    known: Mapping[str, Entry],
) -> Comparison:
    """`standings`: where those of `before` are now; `known`: where those of `entries` were then."""
    top = set(_players(entries))
    moves = [Move(entry.player, entry, known.get(entry.player)) for entry in entries]
    left = [Move(entry.player, standings.get(entry.player), entry) for entry in before if entry.player not in top]
    return Comparison(stamp, then, moves, left)


def _entries(view: View, capture: Capture) -> list[Entry]:
    return [read_entry(view, place.rank, place.player, place.key, None) for place in capture.top]


def _players(entries: Sequence[Entry]) -> list[str]:
    return [entry.player for entry in entries]
