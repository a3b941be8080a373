"""Copying closed periods from the store to the archive: many small ones together, a large one in pieces.

A copy is of standings named by a token, which whoever changes them takes away; so pieces that were copied at
different times, by different processes, fit together or are given up.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from leaderboard.archive import wholes
from leaderboard.archive.copies import Copies, Copy
from leaderboard.archive.database import Database
from leaderboard.archive.periods import PeriodRef, Row
from leaderboard.archive.wholes import Whole
from leaderboard.boards.contents import trim_call
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period
from leaderboard.boards.slots import closes, end_ms
from leaderboard.running import Run
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call

ROWS_AT_ONCE = 2500  # of one script call: bounds how long the store is busy with it
_PIECES_A_TRANSACTION = 8  # SQLite writes the pages of its index once in each
_UNSEALED_LIVES_ON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Standings:
    """A closed period's standings, as they were when their token was given."""

    board: Board
    period: Period
    token: str
    total: int

    @property
    def ref(self) -> PeriodRef:
        """What the archive calls the period."""
        return _ref(self.board, self.period)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """When the period begins and ends."""
        assert self.period.start is not None and self.period.end is not None  # noqa: PT018, S101 - `all` never ends
        return self.period.start, self.period.end


class Copying:
    """Makes copies, and seals what was copied."""

    def __init__(self, store: Store, database: Database) -> None:
        self._store = store
        self._database = database
        self._copies = Copies(database)

    def begin(self, periods: Sequence[tuple[Board, Period]], now: datetime) -> list[Standings]:
        """Names the standings of those periods that are to be copied; the others need nothing, or not yet."""
        found = []
        self._trim(periods)
        answers = self._store.run_all([_begin(board, period, now) for board, period in periods]) if periods else []
        for (board, period), (answer, *rest) in zip(periods, answers, strict=True):
            if answer == b"emptied":
                self._empty(board, period, rest[0])
            if answer == b"copy":
                found.append(Standings(board, period, rest[0].decode(), int(rest[1])))
        return found

    def copy_small(self, some: Sequence[Standings], now: datetime, run: Run) -> list[Standings]:
        """Copies standings of few rows in one transaction; answers those that are copied and verified."""
        answers = self._store.run_all([_copy(one, one.token, 0) for one in some])
        filled, copied = [], []
        for one, answer in zip(some, answers, strict=True):
            rows = list(_ranked(one.board.ties, 0, *answer)) if answer else []
            if len(rows) == one.total:
                filled.append(Whole(one.ref, *one.bounds, one.token, rows))
                copied.append(one)
        wholes.store(self._database, filled, holder=run.token, now=now)
        return copied

    def copy_large(self, one: Standings, now: datetime, run: Run) -> bool:
        """Copies standings of any size piece by piece, going on where an earlier run left off.

        False where they changed meanwhile. Raises Interrupted, Unavailable, ArchiveMismatch.
        """
        copy = self._copies.begin(one.ref, *one.bounds, token=one.token, holder=run.token, now=now)
        if self._copies.is_whole(copy):
            return True
        while copy.copied < one.total:
            run.checkpoint()
            rows = self._rows(one, copy)
            if not rows:
                self._copies.abandon(copy)
                return False
            copy = self._copies.append(copy, rows)
        self._copies.verify(copy, one.total, now, run.checkpoint)
        return True

    def seal(self, some: Sequence[Standings], now: datetime) -> list[Standings]:
        """Seals those whose standings are still the ones that were copied; answers them.

        The order matters: only when the store has said that a copy is what stands there is it made complete. A copy of
        what has changed since never takes the place of another, however long its maker was held up.
        """
        answers = self._store.run_all([_seal(one, now) for one in some]) if some else []
        sealed = [one for one, answer in zip(some, answers, strict=True) if answer]
        done = {one.token for one in sealed}
        self._copies.give_up([one.token for one in some if one.token not in done])
        self.confirm([(one.board, one.period, one.token) for one in sealed], now)
        return sealed

    def confirm(self, sealed: Sequence[tuple[Board, Period, str]], now: datetime) -> None:
        """Makes the copies of sealed periods complete; a period whose copy was lost is to be sealed anew."""
        complete = wholes.complete(
            self._database, [(_ref(board, period), token) for board, period, token in sealed], now
        )
        calls = []
        for board, period, token in sealed:
            again = "" if token in complete else closes(board, period)
            calls.append(Call("confirm", [board.keys.open, board.keys.closing], [period.id, token, again]))
        if calls:
            self._store.run_all(calls)

    def _trim(self, periods: Sequence[tuple[Board, Period]]) -> None:
        """Cuts those that were sealed under a larger max_entries and opened again down to what the board keeps now."""
        left = [one for one in periods if one[0].definition["max_entries"]]
        while left:
            cut = self._store.run_all([trim_call(board, period.id) for board, period in left])
            left = [one for one, removed in zip(left, cut, strict=True) if removed]

    def _empty(self, board: Board, period: Period, marker: bytes) -> None:
        """Takes what the archive has of a period out of it, unless there is something new in it by now."""
        ids = self._copies.ids(_ref(board, period))
        keys = [board.keys.known, board.keys.open, board.keys.closing]
        asked = [period.id, f"{period.name}:{period.id}", marker]
        if self._store.run("emptied", keys, [*asked, "0"]):
            self._copies.drop(ids)
            self._store.run("emptied", keys, [*asked, "1"])

    def _rows(self, one: Standings, copy: Copy) -> list[Row]:
        """The next rows, as many as make a transaction worth its while; [] where the standings have changed."""
        rows: list[Row] = []
        for _ in range(_PIECES_A_TRANSACTION):
            start = copy.copied + len(rows)
            if start >= one.total:
                break
            asked = _copy(one, copy.token, start)
            answer = self._store.run(asked.script, asked.keys, asked.args)
            if not answer:
                return []
            rows += _ranked(one.board.ties, start, *answer)
        return rows


def _ref(board: Board, period: Period) -> PeriodRef:
    return PeriodRef(board.game, board.name, board.born, period.name, period.id)


def _begin(board: Board, period: Period, now: datetime) -> Call:
    keys = board.keys
    names = [keys.meta, keys.known, keys.open, keys.closing, *keys.triple(period.id)]
    expires = int((now + _UNSEALED_LIVES_ON).timestamp())
    member = f"{period.name}:{period.id}"
    return Call("begin", names, [board.rev, period.id, member, end_ms(period), secrets.token_hex(8), expires])


def _copy(one: Standings, token: str, start: int) -> Call:
    names = [one.board.keys.closing, *one.board.keys.triple(one.period.id)]
    flag = "1" if one.board.keeps_metadata else "0"
    return Call("copy", names, [one.period.id, token, start, ROWS_AT_ONCE, one.board.ties, flag])


def _seal(one: Standings, now: datetime) -> Call:
    keys = one.board.keys
    names = [keys.meta, keys.open, keys.closing, *keys.triple(one.period.id)]
    return Call("seal", names, [one.period.id, one.token, one.total, one.board.expires_at(one.period, now) or 0])


def _ranked(ties: str, start: int, rank: int, rows: Sequence[bytes], metadata: Sequence[bytes]) -> Iterator[Row]:
    """The rows of copy.lua with their ranks; only the first one's was asked for."""
    before: bytes | None = None
    for number in range(len(rows) // 2):
        player, key = rows[2 * number], rows[2 * number + 1]
        if before is not None and (ties == "unique" or key != before):
            rank = rank + 1 if ties == "dense" else start + number + 1
        before = key
        text = metadata[number].decode() if metadata and metadata[number] else None
        yield Row(player.decode(), float(key), rank, text)
