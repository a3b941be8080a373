"""Where boards are kept: the database is the truth, the store holds a copy beside the data,
each process a copy of that.

The copy in the store is written through on every change and filled in when it is missing (cache-aside). A process
may keep its copy as long as it likes: every script compares its `rev` with the store's, and answers 'stale' rather
than read or write data under another definition than it was encoded by.

A change fences writers out first (it removes `rev`), under a lock; a writer that meets the fence waits for the lock.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from leaderboard.archive.copies import Copies
from leaderboard.archive.database import Database
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards import windows
from leaderboard.boards.contents import Contents
from leaderboard.boards.definition import Board, new_board, new_rev
from leaderboard.boards.definitions import Definitions
from leaderboard.boards.fences import Fences, Locks
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.revival import Revival
from leaderboard.errors import Conflict, DatabaseUnavailable, UnknownBoard
from leaderboard.fields import BOARD_NAME
from leaderboard.store.connection import Store
from leaderboard.store.keys import BoardKeys

_NAME = re.compile(BOARD_NAME)
_MOST_CACHED = 10_000
_FEW = 4  # names, which are looked up one by one


class Registry:
    """The boards of all games."""

    def __init__(self, store: Store, database: Database, copies: Copies, archive: ArchivedStandings) -> None:
        self._definitions = Definitions(database)
        self._copies = copies
        self._fences = Fences(store)
        self._archive = archive
        self._contents = Contents(store)
        self._revival = Revival(store, archive)
        self._cached: dict[tuple[str, str], Board] = {}
        self._listed: dict[tuple[str, str], Board] = {}

    def get(self, game: str, name: str) -> Board:
        """The board as this process knows it, which may be out of date. Raises UnknownBoard."""
        board = self._cached.get((game, name))
        return board if board is not None else self.fresh(game, name)

    def known(self, game: str, name: str) -> Board | None:
        """The same without asking anybody: None where this process does not know it."""
        return self._cached.get((game, name))

    def unknown(self, game: str, names: Iterable[str]) -> set[str]:
        """Those of some names that no board has, as far as that is worth one question for all of them."""
        asked = [name for name in names if (game, name) not in self._cached]
        if len(asked) < _FEW:
            return set()
        possible = {name for name in asked if _NAME.fullmatch(name)}
        with suppress(DatabaseUnavailable):
            return ({*asked} - possible) | self._definitions.unknown(game, possible)
        return set()

    def fresh(self, game: str, name: str) -> Board:
        """The board as it is now; what is known stays where that cannot be had. Raises UnknownBoard."""
        try:
            board = self._found(game, name)
        except UnknownBoard:
            self._cached.pop((game, name), None)
            raise
        if len(self._cached) >= _MOST_CACHED:
            self._cached.clear()
        self._cached[game, name] = board
        return board

    def _found(self, game: str, name: str) -> Board:
        if _NAME.fullmatch(name) is None:
            raise UnknownBoard(name)
        board = self._fences.find(game, name)
        if board is None or (len(board.parts) > 1 and not self._fences.agree([board])[0]):
            board = self._redefined(game, name)
        return board

    def _redefined(self, game: str, name: str) -> Board:
        """The board by the database, its copies in the store made good."""
        if self._definitions.find(game, name) is None:
            raise UnknownBoard(name)
        with self._fences.locked(game, name) as locks:  # whoever changes it now is finished first
            row = self._definitions.find(game, name)
            if row is None:
                raise UnknownBoard(name)
            board = Board.parse(game, name, row.rev, row.definition)
            self._define(board, locks)
            return board

    def all(self, game: str) -> list[Board]:
        """Every board of a game, by name."""
        found = [self._parsed(game, row) for row in self._definitions.of_game(game)]
        if len(self._listed) < _MOST_CACHED:  # for the next time: thousands of definitions take seconds to read
            self._listed = self._listed | {(game, board.name): board for board in found}
        return found

    def everywhere(self) -> list[Board]:
        """Every board of every game."""
        rows = self._definitions.everywhere()
        self._listed = {(row.game, row.name): self._parsed(row.game, row) for row in rows}
        return list(self._listed.values())

    def current(self, some: Iterable[Board]) -> list[Board]:
        """Those boards as the store knows them; where it knows none, or another one, it is told.

        A change that died behind its fence is made good by that. Boards that are deleted meanwhile are left out.
        """
        known = list(some)
        found = []
        for board, same in zip(known, self._fences.agree(known), strict=True):
            with suppress(UnknownBoard):
                found.append(board if same else self.fresh(board.game, board.name))
        return found

    def is_outdated(self, game: str, name: str) -> bool:
        """Whether the board is another one by now than this process knew; then it knows it now."""
        known = self._cached.get((game, name))
        try:
            return known is not None and self.fresh(game, name).rev != known.rev
        except UnknownBoard:
            return True

    def put(
        self, game: str, name: str, definition: dict[str, Any], now: datetime, *, must_be_new: bool = False
    ) -> tuple[Board, bool]:
        """Makes or changes a board; answers it, and whether it is new.

        Raises Conflict when something would change that cannot once there are scores, and when a board that
        `must_be_new` is there already (`board_exists`).
        """
        with self._fences.locked(game, name) as locks:
            row = self._definitions.find(game, name)
            if row is None:
                board = new_board(game, name, definition)
                for part in board.parts:
                    self._contents.purge(part.keys, PERIOD_NAMES)
                self._definitions.save(board, now, new=True)
                self._define(board, locks)
                return board, True
            if must_be_new:
                raise Conflict(f"There is a board {name!r} already.", code="board_exists")
            old = self._fences.find(game, name) or Board.parse(game, name, row.rev, row.definition)
            if old.definition == definition:
                return old, False
            return self._change(old, old.succeeded_by(definition), locks, now), False

    def delete(self, game: str, name: str) -> None:
        """Removes a board and all its data. Raises UnknownBoard."""
        with self._fences.locked(game, name) as locks:
            row = self._definitions.find(game, name)
            if row is None:
                raise UnknownBoard(name)
            board = self._parsed(game, row)
            locks.take(board.families)
            self._contents.clear(board.families)
            for part in board.parts:
                self._copies.drop_board(game, part.name)
            self._definitions.remove(game, name)
            # Should it have taken so long that somebody filled it in again.
            self._contents.remove_definitions(board.families)
        self._cached.pop((game, name), None)

    def adopt(self, board: Board, now: datetime, fill: Callable[[Locks], None], *, replace: bool) -> None:
        """Puts a board and its data in the place of whatever has its name; nobody sees anything in between.

        `fill`, given the locks, is to put the data into place. Raises Conflict if there is some, not `replace`.
        """
        with self._fences.locked(board.game, board.name) as locks:
            locks.take(board.families)
            row = self._definitions.find(board.game, board.name)
            old = self._parsed(board.game, row) if row else None
            if old and not replace and self.has_data(old):
                raise Conflict(f"Board {board.name!r} has scores already.", code="board_has_scores")
            if old:
                locks.take(old.families)
                self._contents.clear(old.families)
            self._contents.clear(board.families)  # before the definition is saved, by which it could not be read
            for part in old.parts if old else ():
                self._copies.drop_board(part.game, part.name, born=part.born)
            self._definitions.save(board, now, new=row is None)
            fill(locks)
            self._define(board, locks)

    def has_data(self, board: Board) -> bool:
        """Whether it has scores, or periods in the archive."""
        return any(
            self._contents.has_scores(part.keys) or self._archive.has_any(part.game, part.name, part.born)
            for part in board.parts
        )

    def keep_metadata(self, board: Board, now: datetime) -> Board:
        """Tells every writer of the board that scores now come with metadata."""
        with self._fences.locked(board.game, board.name) as locks:
            # As it is now, which may not be what the caller knows: its copy can be older than a change.
            row = self._definitions.find(board.game, board.name)
            current = row and (self._fences.find(board.game, board.name) or self._parsed(board.game, row))
            if current and not current.keeps_metadata:
                locks.take(current.families)
                self._fences.fence(current)
                changed = replace(current, rev=new_rev(), keeps_metadata=True)
                self._definitions.save(changed, now, new=False, keep=lambda _: True)
                for part in current.parts:
                    self._contents.drop_windows(part.keys)  # from now on they are derived
                self._define(changed, locks)
        return self.fresh(board.game, board.name)

    def known_members(self, keys: BoardKeys, name: str, offset: int = 0, count: int = -1) -> list[str]:
        """The periods of one name that have (or had) data, newest first, as `name:id`."""
        return self._contents.members(keys, name, offset, count)

    def _change(self, old: Board, new: Board, locks: Locks, now: datetime) -> Board:
        locks.take([*old.families, *new.families])
        unlisted = [name for name in old.periods if name not in new.periods]
        for window in (windows.current(new.calendar, name, now) for name in new.rolling):
            if window.as_of.name in unlisted:  # the archive will not have them any more, but the window reads them
                for part in old.parts:
                    self._revival.bring(part, window.buckets)
        self._fences.fence(old)  # should this die, `fresh` looks for the truth
        try:
            self._check_change(old, new)
        except Conflict:
            self._define(old, locks)
            raise
        reads_alike = not old.fixed_differences(new.definition)
        self._definitions.save(new, now, new=False, keep=lambda one: reads_alike and old.named(one).name in new.periods)
        if reads_alike:
            for before, after in zip(old.parts, new.parts, strict=True):
                self._adapt(before, after, unlisted, now)
        else:  # then there are no scores
            self._contents.clear([keys for keys in old.families if keys not in new.families])
            for part in new.parts:
                self._contents.purge(part.keys, PERIOD_NAMES)
                self._contents.drop_windows(part.keys)
        self._define(new, locks)
        return new

    def _adapt(self, old: Board, new: Board, unlisted: Sequence[str], now: datetime) -> None:
        """What the new definition does not keep goes; `old` and `new` are the same part."""
        self._contents.purge(old.keys, set(old.kept) ^ set(new.kept))
        self._contents.relist(old, new)
        if unlisted:
            self._copies.drop_board(old.game, old.name, born=old.born, names=unlisted)
        self._contents.adapt(old, new, now)
        if old.rolling != new.rolling:
            self._contents.drop_windows(old.keys)

    def _check_change(self, old: Board, new: Board) -> None:
        fixed = old.fixed_differences(new.definition)
        if fixed and self.has_data(old):
            raise Conflict(f"There are scores already, so {', '.join(fixed)} cannot change.", code="board_has_scores")

    def _parsed(self, game: str, row: Any) -> Board:
        for known in (self._cached.get((game, row.name)), self._listed.get((game, row.name))):
            if known is not None and known.rev == row.rev:
                return known
        return Board.parse(game, row.name, row.rev, row.definition)

    def _define(self, board: Board, locks: Locks) -> None:
        self._fences.write(board, locks)
        self._cached[board.game, board.name] = board
