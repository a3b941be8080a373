"""Boards back from a snapshot file, and single periods back from the archive.

A board is read into keys of its own that go by themselves, and only when all is there put into place under the
board's lock, fenced: nobody ever sees half of it. It is a new board: with a `rev` and a `born` of its own, so that
whatever was prepared for another one is sent back. The archive holds none of its periods, so those that were sealed
are sealed once more.
"""

import dataclasses
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from leaderboard.archive.database import Database
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards import snapshotfile
from leaderboard.boards.definition import Board, new_rev
from leaderboard.boards.fences import Locks
from leaderboard.boards.partitioning import part_of
from leaderboard.boards.periods import Period
from leaderboard.boards.rearchiving import Rearchiving
from leaderboard.boards.registry import Registry
from leaderboard.boards.revival import Revival
from leaderboard.boards.slots import closes
from leaderboard.boards.snapshotfile import DamagedSnapshot, Rows, Section
from leaderboard.errors import Conflict, NotFound, StoreUnavailable, UnknownBoard
from leaderboard.store import scanning
from leaderboard.store.connection import Store, translated

_LIFETIME_SECONDS = 3600  # of what is not in its place yet; given anew again and again
_RENEWED_EVERY = 200  # pieces
_PERIODS_AT_ONCE = 2000  # put into place by one call, which takes some ten milliseconds


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    board: Board
    entries: int
    periods: int
    archived: int  # periods that went to the archive


@dataclass
class _Incoming:
    """A period of a part on its way back."""

    part: Board
    period: Period
    keys: list[str]
    entries: int = 0


class Restoring:
    """Puts boards and periods back."""

    def __init__(
        self, store: Store, registry: Registry, database: Database, archive: ArchivedStandings, revival: Revival
    ) -> None:
        self._store = store
        self._registry = registry
        self._database = database
        self._archive = archive
        self._revival = revival

    def restore(
        self, source: BinaryIO, name: str, game: str, new_name: str, now: datetime, *, replace: bool = False
    ) -> Restored:
        """Puts board `name` of a snapshot back as `new_name` of a game. `source` must be seekable.

        Raises DamagedSnapshot, NotFound and Conflict before anything is changed, Unavailable.
        """
        contents = snapshotfile.verify(source)
        section = contents.boards.get(name)
        if section is None:
            held = ", ".join(sorted(contents.boards)) or "none"
            raise NotFound(f"The snapshot holds no board {name!r}, only {held}.", code="unknown_board")
        board = _renewed(section, game, new_name)
        if not replace:
            self._check_free(board)
        incoming, archived = self._read(source, section, board, now)
        self._renew(incoming)
        closed = str(section.head.closed_ms or "")

        def fill(locks: Locks) -> None:
            for part in board.parts:
                some = [one for one in incoming if one.part is part]
                self._adopt(part, some, closed, locks.token(part.keys), now)

        self._registry.adopt(board, now, fill, replace=replace)
        entries = sum(one.entries for one in incoming) + sum(one.entries for one in archived)
        again = {period_id for one in archived for period_id in one.periods}
        return Restored(board, entries, len({one.period.id for one in incoming} - again), len(again))

    def put_back(self, board: Board, period: Period, now: datetime, *, keep: timedelta, reopen: bool = False) -> int:
        """Puts an archived period back into the store, to stay there for a while; answers its entries.

        `reopen`: it is to be sealed again. Raises NotFound where there is nothing to put back, Conflict where it is in
        the store already, Unavailable.
        """
        found = [
            (part, self._archive.find(part.game, part.name, part.born, [period.id]).get(period.id))
            for part in board.parts
            if not self._is_there(part, period)
        ]
        archived = [(part, one) for part, one in found if one is not None and one.total]
        if len(found) < len(board.parts) and not archived:
            raise Conflict(f"{period.id} of board {board.name!r} is in the store already.", code="period_is_there")
        if not archived:
            raise NotFound(f"{period.id} of board {board.name!r} is not in the archive.", code="period_not_archived")
        if any(one.pruned for _, one in archived):
            raise NotFound(f"The standings of {period.id} were removed from the archive.", code="period_gone")
        for part, _ in archived:
            self._revival.hold(part, [period.id], now + keep)  # first, or the next sealing could drop it at once
        back = [self._revival.put_back(part, one, now, reopen=reopen) for part, one in archived]
        if not any(back):
            raise Conflict(f"{period.id} of board {board.name!r} is in the store already.", code="period_is_there")
        return sum(one.total for _, one in archived)

    def _is_there(self, part: Board, period: Period) -> bool:
        with translated():
            return bool(self._store.client.exists(part.keys.standings(period.id)))

    def _check_free(self, board: Board) -> None:
        try:
            there = self._registry.fresh(board.game, board.name)
        except UnknownBoard:
            return
        if self._registry.has_data(there):
            raise Conflict(f"Board {board.name!r} has scores already.", code="board_has_scores")

    def _read(
        self, source: BinaryIO, section: Section, board: Board, now: datetime
    ) -> tuple[list[_Incoming], list[Rearchiving]]:
        incoming: list[_Incoming] = []
        archived = [Rearchiving(self._database, part, now) for part in board.parts]
        current: _Incoming | None = None
        for number, (head, rows) in enumerate(snapshotfile.read(source, section)):
            if number % _RENEWED_EVERY == 0:
                self._touch(incoming)
            part = _part(board, head.part, rows)
            if head.archived:
                archived[head.part].take(head, rows)
                continue
            if current is None:
                current = _Incoming(part, _period(board, head.id), part.keys.triple("new:" + secrets.token_hex(8)))
            if rows is not None:
                self._write(board, current, rows)
                continue
            if current.entries:
                self._complete(board, current)
                incoming.append(current)
            current = None
        for one in archived:
            one.finish()
        return incoming, archived

    def _write(self, board: Board, to: _Incoming, rows: Rows) -> None:
        standings, _, metadata = to.keys
        latest = {player: (key, text) for player, key, text in rows}
        kept: dict[Any, Any] = {player: text for player, (_, text) in latest.items() if text is not None}
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            pipeline.zadd(standings, {player: float(key) for player, (key, _) in latest.items()})
            if kept:
                pipeline.hset(metadata, mapping=kept)
            if board.keeps_metadata and len(kept) < len(latest):  # who comes twice may have had some the first time
                pipeline.hdel(metadata, *(latest.keys() - kept.keys()))
            for key in to.keys:
                pipeline.expire(key, _LIFETIME_SECONDS)
            pipeline.execute()
        to.entries += len(latest)

    def _complete(self, board: Board, to: _Incoming) -> None:
        """Counts the entries, of which some may have come twice, and makes the set of their levels."""
        standings, dense, _ = to.keys
        with translated():
            to.entries = self._store.client.zcard(standings)
        if board.ties != "dense":
            return
        for found in scanning.members(self._store, standings):
            with translated():
                pipeline = self._store.client.pipeline(transaction=False)
                if found:
                    pipeline.zadd(dense, {f"{key:.17g}": key for _, key in found})
                pipeline.expire(dense, _LIFETIME_SECONDS)
                pipeline.execute()

    def _touch(self, incoming: Sequence[_Incoming]) -> None:
        for some in _batched(incoming):
            with translated():
                pipeline = self._store.client.pipeline(transaction=False)
                for one in some:
                    for key in one.keys:
                        pipeline.expire(key, _LIFETIME_SECONDS)
                pipeline.execute()

    def _renew(self, incoming: Sequence[_Incoming]) -> None:
        """Makes sure that everything is there, and will be for a while."""
        self._touch(incoming)
        for some in _batched(incoming):
            with translated():
                pipeline = self._store.client.pipeline(transaction=False)
                for one in some:
                    pipeline.zcard(one.keys[0])
                if pipeline.execute() != [one.entries for one in some]:
                    raise StoreUnavailable("The store lost some of what was read from the snapshot; try again.")

    def _adopt(self, board: Board, incoming: Sequence[_Incoming], closed: str, token: str, now: datetime) -> None:
        keys = board.keys
        for some in _batched(incoming):
            names = [keys.meta, keys.lock, keys.known, keys.open]
            arguments: list[str | int] = [token, closed]
            for one in some:
                period = one.period
                names += [*one.keys, *keys.triple(period.id)]
                sealed = period.name in board.periods and period.end is not None
                expires = board.expires_at(period, now)
                arguments += [period.id, f"{period.name}:{period.id}", "" if expires is None else expires]
                arguments.append(closes(board, period) if sealed else "")
            if not self._store.run("adopt", names, arguments):
                raise StoreUnavailable("It took too long to put the board into place; try again, with --replace.")


def _renewed(section: Section, game: str, name: str) -> Board:
    rev = new_rev()
    board = Board.parse(game, name, rev, section.head.definition)
    # Where a player may be in a narrow period and not in the wide one, `submit.lua` must not take its short cut.
    return dataclasses.replace(board, born=rev, trimmed=board.trimmed or section.uneven)


def _part(board: Board, number: int, rows: Rows | None) -> Board:
    """The part that some rows are of."""
    if number >= len(board.parts) or any(part_of(row[0], len(board.parts)) != number for row in rows or ()):
        raise DamagedSnapshot("The snapshot has entries in a part of the board that is not theirs.")
    return board.parts[number]


def _period(board: Board, period_id: str) -> Period:
    try:
        return board.named(period_id)
    except ValueError as error:
        raise DamagedSnapshot(f"The snapshot names a period that cannot be: {error}.") from error


def _batched(incoming: Sequence[_Incoming]) -> Iterator[Sequence[_Incoming]]:
    for start in range(0, len(incoming), _PERIODS_AT_ONCE):
        yield incoming[start : start + _PERIODS_AT_ONCE]
