"""Keeping the best of every board as its day begins, for `changes` to compare with.

What is due is what is not there: every listed period of a day of its board that is not over lacks its capture until a
run has taken it. So a run may come late or twice, or by two at once, and one that comes late says so with its time.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

from leaderboard.archive.captures import BoardCaptures, Capture, Key, ranked
from leaderboard.boards.definition import Board
from leaderboard.boards.gathering import rows_of
from leaderboard.boards.periods import PeriodName
from leaderboard.boards.registry import Registry
from leaderboard.running import Run
from leaderboard.store.connection import Store, translated
from leaderboard.store.scripts import Call

DEPTH: Final = 100
# Days and hours are compared with the one before.
CAPTURED: Final[tuple[PeriodName, ...]] = ("all", "year", "month", "week")
_BOARDS_AT_ONCE = 100


class Capturing:
    """Takes the captures."""

    def __init__(self, store: Store, registry: Registry, captures: BoardCaptures) -> None:
        self._store = store
        self._registry = registry
        self._captures = captures

    def run(self, now: datetime, run: Run) -> dict[str, int]:
        """Takes every capture that is due; answers how many. Raises Interrupted, Unavailable: then some were taken."""
        counts = {"captured": 0}
        boards = [board for board in self._registry.everywhere() if not set(CAPTURED).isdisjoint(board.periods)]
        for start in range(0, len(boards), _BOARDS_AT_ONCE):
            run.checkpoint()
            counts["captured"] += self._capture(boards[start : start + _BOARDS_AT_ONCE], now)
        return counts

    def _capture(self, some: Sequence[Board], now: datetime) -> int:
        days = {_day(board, now) for board in some}
        there = self._captures.there([board.identity for board in some], days)
        due = self._with_data([board for board in some if _due(board, now, there)])
        boards = [board for board in self._registry.current(due) if _due(board, now, there)]
        if not boards:
            return 0

        def read() -> Iterator[tuple[str, Capture]]:
            return self._read([(board, _due(board, now, there)) for board in boards], now)

        # Read while the boards are held: who is forgotten before that is not found any more, who is forgotten
        # behind it is found in the captures.
        return self._captures.add([(board.game, board.name) for board in boards], read)

    def _with_data(self, boards: Sequence[Board]) -> list[Board]:
        """Those with any scores; of the others there is nothing to keep."""
        if not boards:
            return []
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for board in boards:
                for part in board.parts:
                    pipeline.exists(part.keys.known)
            there = iter(pipeline.execute())
            return [board for board in boards if sum(next(there) for _ in board.parts)]

    def _read(self, work: Sequence[tuple[Board, list[Key]]], now: datetime) -> Iterator[tuple[str, Capture]]:
        """The captures of boards that are what they were, with their revs."""
        calls = []
        for board, due in work:
            for part in board.parts:
                standings = [part.keys.standings(period_id) for *_, period_id, _ in due]
                calls.append(Call("tops", [part.keys.meta, *standings], [DEPTH]))
        answers = iter(self._store.run_all(calls))
        for board, due in work:
            of_parts = [next(answers) for _ in board.parts]
            if any(rev != board.rev.encode() for rev, *_ in of_parts):
                continue  # it is being changed: the next run takes it
            for number, key in enumerate(due, 1):
                total = sum(tops[number][0] for tops in of_parts)
                rows = sorted(row for tops in of_parts for row in rows_of(tops[number][1], []))[:DEPTH]
                most = board.definition["max_entries"] or total
                top = ranked([(row.player.decode(), row.key) for row in rows[:most]], board.ties)
                yield board.rev, Capture(*key, taken_at=now, total=min(total, most), top=top)


def _due(board: Board, now: datetime, there: Collection[Key]) -> list[Key]:
    """The captures of the board's day that are not there, of periods without scores too: the day began so."""
    day = _day(board, now)
    periods = [board.calendar.containing(name, now).id for name in CAPTURED if name in board.periods]
    keys = [(*board.identity, period, day) for period in periods]
    return [key for key in keys if key not in there]


def _day(board: Board, now: datetime) -> str:
    return board.calendar.containing("day", now).id
