"""The end of periods: closed in the store, copied to the archive, verified, sealed; then their keys may go.

    open --(end + grace)--> closing: only a backfill writes --copied, verified--> sealed --retention--> archive only

The order makes every step safe to be killed after, to be done twice, and to be done by two at once: the mark that
closes periods only moves forward; the archive adds to a copy only where its holder left off; the store seals a period
only if the standings that were copied still stand; only then may the copy take an earlier one's place; and only what
the archive holds complete loses its keys.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from leaderboard.archive.database import Database
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards.copying import ROWS_AT_ONCE, Copying, Standings
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period, PeriodName, TimeOutOfRange
from leaderboard.boards.registry import Registry
from leaderboard.boards.slots import closes, end_ms
from leaderboard.running import Run
from leaderboard.store.connection import Store, translated
from leaderboard.store.scripts import Call

_PERIODS_AT_ONCE = 500
_PARTS_AT_ONCE = 200
_MOST_TRIES = 3
_log = structlog.get_logger(__name__)

_Work = list[tuple[Board, Period]]  # every board a part, of itself or of another
_Identity = tuple[str, str, str]
_Tried = dict[_Identity, set[str]]


class Sealing:
    """Seals what has ended and drops what is sealed and old."""

    def __init__(self, store: Store, registry: Registry, database: Database) -> None:
        self._store = store
        self._registry = registry
        self._copying = Copying(store, database)
        self._archive = ArchivedStandings(database)

    def run(self, now: datetime, run: Run) -> dict[str, int]:
        """Seals every period that is due; answers how many, of how many entries, and how many lost their keys.

        Raises Interrupted, Unavailable; what was done until then is done.
        """
        counts = {"sealed": 0, "entries": 0, "dropped": 0}
        for boards in _some_at_once(self._registry.everywhere()):
            run.checkpoint()
            some = [part for board in self._registry.current(boards) for part in board.parts]
            for work in self._due(some, now):
                self._seal(work, now, run, counts)
            for work in self._old(some, now):
                run.checkpoint()
                counts["dropped"] += self._drop(self._not_held(work, now))
        return counts

    def _due(self, boards: Sequence[Board], now: datetime) -> Iterator[_Work]:
        """The periods to seal, some at a time, until none is left that was not tried."""
        tried: _Tried = {board.identity: set() for board in boards}
        while boards:
            self._confirm(boards, now)
            answers = self._store.run_all([_due(board, now, len(tried[board.identity])) for board in boards])
            work = _fresh(boards, answers, tried)
            boards = _boards_of(work)
            if work:
                closed = self._close(work, now)
                yield [(board, period) for board, period in work if board.identity in closed]

    def _old(self, boards: Sequence[Board], now: datetime) -> Iterator[_Work]:
        """The periods whose keys were kept long enough, some at a time."""
        tried: _Tried = {board.identity: set() for board in boards}
        while boards:
            calls = [_old(board, now, len(tried[board.identity])) for board in boards]
            work = _fresh(boards, self._store.run_all(calls), tried)
            boards = _boards_of(work)
            if work:
                yield work

    def _confirm(self, boards: Sequence[Board], now: datetime) -> None:
        """Does what is left of sealings that were broken off at their very end."""
        left = []
        calls = [Call("unconfirmed", [board.keys.open, board.keys.closing], []) for board in boards]
        for board, unconfirmed in zip(boards, self._store.run_all(calls), strict=True):
            pairs = zip(unconfirmed[::2], unconfirmed[1::2], strict=True)
            left += [(board, board.named(period_id.decode()), token.decode()) for period_id, token in pairs]
        if left:
            self._copying.confirm(left, now)

    def _close(self, work: _Work, now: datetime) -> set[_Identity]:
        """Closes the periods that are to be sealed, and all before them; answers the parts that are still the same.

        The mark goes to the end of the last of them and not to `now`: so a job that is run by hand as of a wrong year
        closes what there is, and not the years to come. It is that of all parts of a board, so that nobody comes into
        a period of which another part is sealed.
        """
        marks: dict[_Identity, tuple[Board, int]] = {}
        for board, period in work:
            grace = timedelta(seconds=board.definition["late_grace_seconds"])
            latest = int((now - grace).timestamp() * 1000)
            mark = end_ms(period) + 1 if end_ms(period) < latest else 0
            _, before = marks.get(board.whole.identity, (board, 0))
            marks[board.whole.identity] = board.whole, max(before, mark)
        parts = [(part, mark) for board, mark in marks.values() for part in board.parts]
        calls = [Call("close", [part.keys.meta], [part.rev, mark]) for part, mark in parts]
        answers = self._store.run_all(calls) if calls else []
        return {part.identity for (part, _), mark in zip(parts, answers, strict=True) if mark >= 0}

    def _seal(self, work: _Work, now: datetime, run: Run, counts: dict[str, int]) -> None:
        for _ in range(_MOST_TRIES):
            begun = self._copying.begin(work, now)
            left: _Work = []
            for together in _together(begun):
                run.checkpoint()
                if together[0].total > ROWS_AT_ONCE:
                    copied = [one for one in together if self._copying.copy_large(one, now, run)]
                else:
                    copied = self._copying.copy_small(together, now, run)
                sealed = self._copying.seal(copied, now)
                counts["sealed"] += len(sealed)
                counts["entries"] += sum(one.total for one in sealed)
                done = {one.token for one in sealed}
                left += [(one.board, one.period) for one in together if one.token not in done]
            if not left:
                return
            work = left
        _log.info("some periods kept changing while they were copied", periods=[period.id for _, period in work[:10]])

    def _not_held(self, work: _Work, now: datetime) -> _Work:
        """Those of some periods that nobody asked to keep for a while; holds that have passed are removed."""
        by_board = list(_by_board(work))
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for board, periods in by_board:
                pipeline.zremrangebyscore(board.keys.held, "-inf", int(now.timestamp()))
                pipeline.zmscore(board.keys.held, [period.id for period in periods])
            holds = pipeline.execute()[1::2] if by_board else []
        return [
            (board, period)
            for (board, periods), until in zip(by_board, holds, strict=True)
            for period, held in zip(periods, until, strict=True)
            if held is None
        ]

    def _drop(self, work: _Work) -> int:
        """Removes keys that were kept long enough; what is not in the archive goes to be sealed first."""
        calls = []
        for board, periods in _by_board(work):
            ids = [period.id for period in periods if period.name in board.periods]
            archived = self._archive.find(board.game, board.name, board.born, ids) if ids else {}
            for period in periods:
                keys, member = board.keys, f"{period.name}:{period.id}"
                names = [keys.meta, keys.known, keys.open, keys.closing, *keys.triple(period.id)]
                if period.name not in board.periods:  # a bucket that only rolling windows read
                    calls.append(Call("drop", names, [board.rev, period.id, member, -1, ""]))
                elif period.id in archived:
                    # Of one that is pruned, the archive cannot tell how many of its entries were forgotten since.
                    total = -1 if archived[period.id].pruned else archived[period.id].total
                    calls.append(Call("drop", names, [board.rev, period.id, member, total, ""]))
                else:
                    calls.append(Call("drop", names, [board.rev, period.id, member, -1, closes(board, period)]))
        return sum(self._store.run_all(calls)) if calls else 0


def _some_at_once(boards: Sequence[Board]) -> Iterator[list[Board]]:
    """Some boards at a time, which have about so many parts together."""
    some: list[Board] = []
    for board in boards:
        if some and sum(len(one.parts) for one in some) + len(board.parts) > _PARTS_AT_ONCE:
            yield some
            some = []
        some.append(board)
    if some:
        yield some


def _due(board: Board, now: datetime, tried: int) -> Call:
    return Call("due", [board.keys.open], [int(now.timestamp()), _PERIODS_AT_ONCE + tried])


def _old(board: Board, now: datetime, tried: int) -> Call:
    arguments: list[Any] = [_PERIODS_AT_ONCE + tried]
    for name in board.kept:
        if name != "all" and (first := _first_kept(board, name, now)) is not None:
            arguments += [name, first]
    return Call("old", [board.keys.known], arguments)


def _first_kept(board: Board, name: PeriodName, now: datetime) -> str | None:
    """The id of the oldest period of a name that retention keeps in the store."""
    try:
        return board.calendar.ago(name, now, board.hot_periods(name)).id
    except TimeOutOfRange:
        return None


def _fresh(boards: Sequence[Board], answers: Sequence[Sequence[bytes]], tried: _Tried) -> _Work:
    """What the boards answered, less what was tried before."""
    work: _Work = []
    for board, answer in zip(boards, answers, strict=True):
        for spelled in answer:
            period_id = spelled.decode().rsplit(":", 1)[-1]
            if period_id not in tried[board.identity]:
                tried[board.identity].add(period_id)
                work.append((board, board.named(period_id)))
    return work


def _together(begun: Sequence[Standings]) -> Iterator[list[Standings]]:
    """Large ones alone, small ones by as many as have about the rows of one piece."""
    some: list[Standings] = []
    rows = 0
    for one in begun:
        if one.total > ROWS_AT_ONCE:
            yield [one]
            continue
        if rows + one.total > ROWS_AT_ONCE:
            yield some
            some, rows = [], 0
        some.append(one)
        rows += one.total
    if some:
        yield some


def _by_board(work: _Work) -> Iterator[tuple[Board, list[Period]]]:
    grouped: dict[_Identity, tuple[Board, list[Period]]] = {}
    for board, period in work:
        grouped.setdefault(board.identity, (board, []))[1].append(period)
    yield from grouped.values()


def _boards_of(work: _Work) -> list[Board]:
    return list({board.identity: board for board, _ in work}.values())
