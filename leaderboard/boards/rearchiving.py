"""Archived periods back into the archive, from the rows of a snapshot file: many small ones together, a large one in
pieces."""

import secrets
from collections.abc import Iterator
from datetime import datetime

from leaderboard.archive import wholes
from leaderboard.archive.copies import Copies, Copy
from leaderboard.archive.database import Database
from leaderboard.archive.periods import PeriodRef, Row
from leaderboard.archive.wholes import Whole
from leaderboard.boards.copying import ROWS_AT_ONCE
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period
from leaderboard.boards.snapshotfile import DamagedSnapshot, PeriodHead, Rows

_WHOLES_AT_ONCE = 200


class Rearchiving:
    """Takes the periods one after the other, under the birth of a board that need not be there yet."""

    def __init__(self, database: Database, board: Board, now: datetime) -> None:
        self._database = database
        self._copies = Copies(database)
        self._board = board
        self._now = now
        self._holder = secrets.token_hex(16)
        self._wholes: list[Whole] = []
        self._waiting = 0  # rows of those
        self._rows: list[Row] = []
        self._copy: Copy | None = None
        self._ranks = _Ranks(board.ties)
        self.entries = 0
        self.periods: list[str] = []  # their ids

    def take(self, head: PeriodHead, rows: Rows | None) -> None:
        """Some rows of a period, best first, or None at its end."""
        if rows is not None:
            self._rows += self._ranks.add(rows)
            if len(self._rows) > ROWS_AT_ONCE:
                self._append(head)
            return
        if self._copy is not None:
            self._append(head)
            self._copies.verify(self._copy, self._ranks.count, self._now)
            wholes.complete(self._database, [(self._named(head)[0], self._copy.token)], self._now)
        elif self._rows:
            ref, starts, ends = self._named(head)
            self._wholes.append(Whole(ref, starts, ends, secrets.token_hex(8), self._rows))
            self._waiting += len(self._rows)
        self.entries += self._ranks.count
        self.periods.append(head.id)
        self._rows, self._copy, self._ranks = [], None, _Ranks(self._board.ties)
        if self._waiting > ROWS_AT_ONCE or len(self._wholes) >= _WHOLES_AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Writes what is not written yet."""
        wholes.store(self._database, self._wholes, holder=self._holder, now=self._now)
        wholes.complete(self._database, [(one.ref, one.token) for one in self._wholes], self._now)
        self._wholes, self._waiting = [], 0

    def _append(self, head: PeriodHead) -> None:
        if self._copy is None:
            ref, starts, ends = self._named(head)
            self._copy = self._copies.begin(
                ref, starts, ends, token=secrets.token_hex(8), holder=self._holder, now=self._now
            )
        if self._rows:
            self._copy = self._copies.append(self._copy, self._rows)
            self._rows = []

    def _named(self, head: PeriodHead) -> tuple[PeriodRef, datetime, datetime]:
        board = self._board
        try:
            period: Period | None = board.named(head.id)
        except ValueError:
            period = None
        if period is None or period.start is None or period.end is None:
            raise DamagedSnapshot(f"The snapshot names an archived period that cannot be: {head.id!r}.")
        return PeriodRef(board.game, board.name, board.born, period.name, period.id), period.start, period.end


class _Ranks:
    """Ranks rows that come best first."""

    def __init__(self, ties: str) -> None:
        self._ties = ties
        self._key: float | None = None
        self._rank = 0
        self.count = 0

    def add(self, rows: Rows) -> Iterator[Row]:
        for player, text, metadata in rows:
            key = float(text)
            self.count += 1
            if self._ties == "unique" or key != self._key:
                self._rank = self._rank + 1 if self._ties == "dense" else self.count
            self._key = key
            yield Row(player, key, self._rank, metadata)
