"""Where boards are kept: the database is the truth, the store holds a copy beside the data,
each process a copy of that.

The copy in the store is written through on every change and filled in when it is missing (cache-aside). A process
may keep its copy as long as it likes: every script compares its `rev` with the store's, and answers 'stale' rather
than read or write data under another definition than it was encoded by.

A change fences writers out first (it removes `rev`), under a lock; a writer that meets the fence waits for the lock.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from leaderboard.archive.captures import drop_captures
from leaderboard.archive.copies import Copies
from leaderboard.archive.database import Database
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.archive.tables import boards
from leaderboard.boards import windows
from leaderboard.boards.contents import Contents
from leaderboard.boards.definition import Board, new_board, new_rev
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.revival import Revival
from leaderboard.errors import Conflict, StoreUnavailable, UnknownBoard
from leaderboard.fields import BOARD_NAME
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.keys import BoardKeys
from leaderboard.store.locks import lock

_NAME = re.compile(BOARD_NAME)
_MOST_CACHED = 10_000


class Registry:
    """The boards of all games."""

    def __init__(self, store: Store, database: Database, copies: Copies, archive: ArchivedStandings) -> None:
        self._store = store
        self._database = database
        self._copies = copies
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

    def fresh(self, game: str, name: str) -> Board:
        """The board as it is now. Raises UnknownBoard."""
        self._cached.pop((game, name), None)
        if _NAME.fullmatch(name) is None:
            raise UnknownBoard(name)
        keys = BoardKeys(game, name)
        with translated():
            rev, text = self._store.client.hmget(keys.meta, ["rev", "def"])
        if rev is not None and text is not None:
            board = Board.parse(game, name, as_text(rev), text)
        else:
            if self._row(game, name) is None:
                raise UnknownBoard(name)
            with lock(self._store, keys.lock) as token:  # whoever changes it now is finished first
                row = self._row(game, name)
                if row is None:
                    raise UnknownBoard(name)
                board = Board.parse(game, name, row.rev, row.definition)
                self._define(board, token)
        if len(self._cached) >= _MOST_CACHED:
            self._cached.clear()
        self._cached[game, name] = board
        return board

    def all(self, game: str) -> list[Board]:
        """Every board of a game, by name."""
        query = sa.select(boards).where(boards.c.game == game).order_by(boards.c.name)
        with self._database.begin() as connection:
            rows = connection.execute(query).all()
        return [self._parsed(game, row) for row in rows]

    def everywhere(self) -> list[Board]:
        """Every board of every game."""
        query = sa.select(boards).order_by(boards.c.game, boards.c.name)
        with self._database.begin() as connection:
            rows = connection.execute(query).all()
        self._listed = {(row.game, row.name): self._parsed(row.game, row) for row in rows}
        return list(self._listed.values())

    def current(self, some: Iterable[Board]) -> list[Board]:
        """Those boards as the store knows them; where it knows none, or another one, it is told.

        A change that died behind its fence is made good by that. Boards that are deleted meanwhile are left out.
        """
        known = list(some)
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for board in known:
                pipeline.hget(board.keys.meta, "rev")
            revs = pipeline.execute() if known else []
        found = []
        for board, rev in zip(known, revs, strict=True):
            with suppress(UnknownBoard):
                same = rev is not None and as_text(rev) == board.rev
                found.append(board if same else self.fresh(board.game, board.name))
        return found

    def is_outdated(self, game: str, name: str) -> bool:
        """Whether the board is another one by now than this process knew; then it knows it now."""
        known = self._cached.get((game, name))
        try:
            return known is not None and self.fresh(game, name).rev != known.rev
        except UnknownBoard:
            return True

    def put(self, game: str, name: str, definition: dict[str, Any], now: datetime) -> tuple[Board, bool]:
        """Makes or changes a board; answers it, and whether it is new.

        Raises Conflict when something would change that cannot once there are scores.
        """
        keys = BoardKeys(game, name)
        with lock(self._store, keys.lock) as token:
            row = self._row(game, name)
            if row is None:
                board = new_board(game, name, definition)
                self._contents.purge(keys, PERIOD_NAMES)
                self._save(board, now, new=True)
                self._define(board, token)
                return board, True
            old = self._known(keys) or Board.parse(game, name, row.rev, row.definition)
            if old.definition == definition:
                return old, False
            return self._change(old, old.succeeded_by(definition), token, now), False

    def delete(self, game: str, name: str) -> None:
        """Removes a board and all its data. Raises UnknownBoard."""
        keys = BoardKeys(game, name)
        with lock(self._store, keys.lock):
            if self._row(game, name) is None:
                raise UnknownBoard(name)
            self._contents.clear(keys)
            self._copies.drop_board(game, name)
            with self._database.begin() as connection:
                connection.execute(sa.delete(boards).where(boards.c.game == game, boards.c.name == name))
                drop_captures(connection, game, name)
            with translated():
                self._store.client.delete(keys.meta)  # should it have taken so long that somebody filled it in again
        self._cached.pop((game, name), None)

    def adopt(self, board: Board, now: datetime, fill: Callable[[str], None], *, replace: bool) -> None:
        """Puts a board and its data in the place of whatever has its name; nobody sees anything in between.

        `fill`, given the lock's token, is to put the data into place. Raises Conflict if there is some, not `replace`.
        """
        with lock(self._store, board.keys.lock) as token:
            row = self._row(board.game, board.name)
            if (old := self._parsed(board.game, row) if row else None) and not replace and self.has_data(old):
                raise Conflict(f"Board {board.name!r} has scores already.", code="board_has_scores")
            self._contents.clear(board.keys)  # before the definition is saved, by which it could not be read
            if old:
                self._copies.drop_board(old.game, old.name, born=old.born)
            self._save(board, now, new=row is None)
            fill(token)
            self._define(board, token)

    def has_data(self, board: Board) -> bool:
        """Whether it has scores, or periods in the archive."""
        return self._contents.has_scores(board.keys) or self._archive.has_any(board.game, board.name, board.born)

    def keep_metadata(self, board: Board, now: datetime) -> Board:
        """Tells every writer of the board that scores now come with metadata."""
        with lock(self._store, board.keys.lock) as token:
            # As it is now, which may not be what the caller knows: its copy can be older than a change.
            row = self._row(board.game, board.name)
            current = row and (self._known(board.keys) or self._parsed(board.game, row))
            if current and not current.keeps_metadata:
                with translated():
                    self._store.client.hdel(board.keys.meta, "rev")
                changed = replace(current, rev=new_rev(), keeps_metadata=True)
                self._save(changed, now, new=False, keep=lambda _: True)
                self._contents.drop_windows(board.keys)  # from now on they are derived
                self._define(changed, token)
        return self.fresh(board.game, board.name)

    def known_members(self, keys: BoardKeys, name: str, offset: int = 0, count: int = -1) -> list[str]:
        """The periods of one name that have (or had) data, newest first, as `name:id`."""
        return self._contents.members(keys, name, offset, count)

    def _change(self, old: Board, new: Board, token: str, now: datetime) -> Board:
        unlisted = [name for name in old.periods if name not in new.periods]
        for window in (windows.current(new.calendar, name, now) for name in new.rolling):
            if window.as_of.name in unlisted:  # the archive will not have them any more, but the window reads them
                self._revival.bring(old, window.buckets)
        with translated():
            self._store.client.hdel(old.keys.meta, "rev")  # the fence; should this die, `fresh` looks for the truth
        try:
            self._check_change(old, new)
        except Conflict:
            self._define(old, token)
            raise
        reads_alike = not old.fixed_differences(new.definition)
        self._save(new, now, new=False, keep=lambda one: reads_alike and old.named(one).name in new.periods)
        # What the new definition does not keep, or reads in another way (then there are no scores), goes.
        if old.fixed_differences(new.definition):
            self._contents.purge(old.keys, PERIOD_NAMES)
        else:
            self._contents.purge(old.keys, set(old.kept) ^ set(new.kept))
            self._contents.relist(old, new)
            if unlisted:
                self._copies.drop_board(old.game, old.name, born=old.born, names=unlisted)
        self._contents.adapt(old, new, now)
        if old.rolling != new.rolling or old.fixed_differences(new.definition):
            self._contents.drop_windows(old.keys)
        self._define(new, token)
        return new

    def _check_change(self, old: Board, new: Board) -> None:
        fixed = old.fixed_differences(new.definition)
        if fixed and self.has_data(old):
            raise Conflict(f"There are scores already, so {', '.join(fixed)} cannot change.", code="board_has_scores")

    def _parsed(self, game: str, row: Any) -> Board:
        for known in (self._cached.get((game, row.name)), self._listed.get((game, row.name))):
            if known is not None and known.rev == row.rev:
                return known
        return Board.parse(game, row.name, row.rev, row.definition)

    def _known(self, keys: BoardKeys) -> Board | None:
        with translated():
            rev, text = self._store.client.hmget(keys.meta, ["rev", "def"])
        return Board.parse(keys.game, keys.board, as_text(rev), text) if rev and text else None

    def _define(self, board: Board, token: str) -> None:
        arguments = [token, board.rev, board.dump(), secrets.randbits(52)]
        if not self._store.run("define", [board.keys.meta, board.keys.lock], arguments):
            raise StoreUnavailable("It took too long to change the board; try again.")
        self._cached[board.game, board.name] = board

    def _row(self, game: str, name: str) -> Any:
        query = sa.select(boards).where(boards.c.game == game, boards.c.name == name)
        with self._database.begin() as connection:
            return connection.execute(query).one_or_none()

    def _save(
        self, board: Board, now: datetime, *, new: bool, keep: Callable[[str], bool] = lambda _period: False
    ) -> None:
        """Saves a definition, with the captures of those periods that can still be read under it."""
        values = {"rev": board.rev, "definition": board.dump(), "changed_at": now}
        with self._database.begin() as connection:
            if new:
                key = {"game": board.game, "name": board.name, "created_at": now}
                connection.execute(sa.insert(boards).values(**key, **values))
            else:
                where = (boards.c.game == board.game, boards.c.name == board.name)
                connection.execute(sa.update(boards).where(*where).values(**values))
            drop_captures(connection, board.game, board.name, keep)
