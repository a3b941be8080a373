"""Standings that come back from the archive into the store: for a backfill, for a rolling window, or by hand."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from leaderboard.archive.periods import Archived, Row
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import EARLIEST, Period
from leaderboard.boards.slots import closes
from leaderboard.errors import BoardsChanged, StoreUnavailable
from leaderboard.store.connection import Store, as_text, translated

_LIFETIME_SECONDS = 3600
_STAYS = timedelta(hours=1)
_MOST_TRIES = 5


class Revival:
    """Puts archived periods back: those of one board, or of one part."""

    def __init__(self, store: Store, archive: ArchivedStandings) -> None:
        self._store = store
        self._archive = archive

    def reopen(self, board: Board, period_ids: Sequence[str], now: datetime) -> set[str]:
        """Puts back those of some periods that are archived and not in the store, to be sealed again.

        Answers those that cannot come back: the archive has removed their standings. The others stay for an hour, so
        that whoever wants to write to them finds them, however many they are.
        """
        found = self._archive.find(board.game, board.name, board.born, period_ids) if period_ids else {}
        whole = [archived for archived in found.values() if archived.total and not archived.pruned]
        self.hold(board, [archived.period for archived in whole], now + _STAYS)
        for archived in whole:
            self.put_back(board, archived, now, reopen=True)
        return {archived.period for archived in found.values() if archived.pruned}

    def hold(self, board: Board, period_ids: Sequence[str], until: datetime) -> None:
        """Keeps periods in the store until then, whatever retention says."""
        if not period_ids:
            return
        at = int(until.timestamp())
        with translated():
            pipeline = self._store.client.pipeline(transaction=True)
            pipeline.zadd(board.keys.held, dict.fromkeys(period_ids, at))
            pipeline.expireat(board.keys.held, at, nx=True)
            pipeline.expireat(board.keys.held, at, gt=True)
            pipeline.execute()

    def bring(self, board: Board, periods: Sequence[Period]) -> None:
        """Puts back those of some periods that are archived and not in the store, sealed as they are."""
        if not periods:
            return
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for period in periods:
                pipeline.exists(board.keys.standings(period.id))
            there = pipeline.execute()
        missing = [period.id for period, found in zip(periods, there, strict=True) if not found]
        for archived in self._archived(board, missing):
            self.put_back(board, archived, None)

    def put_back(self, board: Board, archived: Archived, now: datetime | None, *, reopen: bool = False) -> bool:
        """Copies one period into the store; answers whether it did, or somebody else was first.

        Its keys live as if they were written `now`. Raises BoardsChanged, StoreUnavailable.
        """
        period = board.named(archived.period)
        expires = board.expires_at(period, now or period.start or EARLIEST)
        for _ in range(_MOST_TRIES):
            forgets = self._field(board, "forgets") or "0"
            incoming = self._copy(board, archived)
            keys = board.keys
            names = [keys.meta, keys.known, keys.open, keys.closing, *incoming, *keys.triple(period.id)]
            member = f"{period.name}:{period.id}"
            closed = closes(board, period) if reopen else ""
            arguments = [board.rev, period.id, member, forgets, expires or 0, closed]
            answer = as_text(self._store.run("put_back", names, arguments))
            if answer != "changed":
                return answer == "done"
            if self._field(board, "rev") != board.rev:
                raise BoardsChanged(board.whole.name)
        raise StoreUnavailable("Players keep being removed from this board; try again.")

    def _archived(self, board: Board, period_ids: Sequence[str]) -> list[Archived]:
        if not period_ids:
            return []
        found = self._archive.find(board.game, board.name, board.born, period_ids)
        return [archived for archived in found.values() if archived.total and not archived.pruned]

    def _copy(self, board: Board, archived: Archived) -> list[str]:
        """The standings under keys of their own, which go by themselves should this die."""
        incoming = board.keys.triple("new:" + secrets.token_hex(8))
        for rows in self._archive.open(archived, board.ties).stream():
            self._write(board, incoming, rows)
        return incoming

    def _write(self, board: Board, incoming: Sequence[str], rows: Sequence[Row]) -> None:
        standings, dense, metadata = incoming
        kept: dict[Any, Any] = {row.player: row.metadata for row in rows if row.metadata is not None}
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for start in range(0, len(rows), 1000):
                some = rows[start : start + 1000]
                pipeline.zadd(standings, {row.player: row.key for row in some})
                if board.ties == "dense":
                    pipeline.zadd(dense, {f"{row.key:.17g}": row.key for row in some})
            if kept:
                pipeline.hset(metadata, mapping=kept)
            for key in incoming:
                pipeline.expire(key, _LIFETIME_SECONDS)
            pipeline.execute()

    def _field(self, board: Board, name: str) -> str | None:
        with translated():
            value = self._store.client.hget(board.keys.meta, name)
        return as_text(value) if value is not None else None
