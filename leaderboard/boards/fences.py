"""The copies of a definition that lie beside a board's data: one in each of its key families.

A board with parts has one beside each of them, by which scripts are checked, and one of its own, by which it is found.
That one is removed first and written last: so where it is, all are, and whoever does not find it makes good what is
missing.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from leaderboard.boards.definition import Board
from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.keys import BoardKeys
from leaderboard.store.locks import lock
from leaderboard.store.scripts import Call


class Locks:
    """The locks that somebody holds: a board's own, and those of its parts."""

    def __init__(self, store: Store, stack: ExitStack) -> None:
        self._store = store
        self._stack = stack
        self._tokens: dict[str, str] = {}

    def take(self, families: Sequence[BoardKeys]) -> None:
        """Those of more families, until all are given back. Raises StoreUnavailable."""
        for keys in families:
            if keys.prefix not in self._tokens:
                self._tokens[keys.prefix] = self._stack.enter_context(lock(self._store, keys.lock))

    def token(self, keys: BoardKeys) -> str:
        """That of a family whose lock was taken."""
        return self._tokens[keys.prefix]


class Fences:
    """Reads and writes them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def locked(self, game: str, name: str) -> Iterator[Locks]:
        """Holds the lock of a board for the length of the block."""
        with ExitStack() as stack:
            locks = Locks(self._store, stack)
            locks.take([BoardKeys(game, name)])
            yield locks

    def find(self, game: str, name: str) -> Board | None:
        """The board by its own copy; None where there is none, or a change is under way."""
        with translated():
            rev, text = self._store.client.hmget(BoardKeys(game, name).meta, ["rev", "def"])
        return Board.parse(game, name, as_text(rev), text) if rev is not None and text is not None else None

    def agree(self, boards: Sequence[Board]) -> list[bool]:
        """Of each board, whether all its copies are of this very definition."""
        families = [board.families for board in boards]
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for some in families:
                for keys in some:
                    pipeline.hget(keys.meta, "rev")
            revs = iter(pipeline.execute() if families else [])
        found = []
        for board, some in zip(boards, families, strict=True):
            of_board = [next(revs) for _ in some]
            found.append(all(rev is not None and as_text(rev) == board.rev for rev in of_board))
        return found

    def fence(self, board: Board) -> None:
        """Keeps every writer out, until the board is defined anew."""
        for keys in reversed(board.families):
            with translated():
                self._store.client.hdel(keys.meta, "rev")

    def write(self, board: Board, locks: Locks) -> None:
        """Writes all of them. Raises StoreUnavailable where a lock is lost."""
        text = board.dump()
        locks.take(board.families)
        *parts, own = [
            Call("define", [keys.meta, keys.lock], [locks.token(keys), board.rev, text, secrets.randbits(52)])
            for keys in board.families
        ]
        if not all(self._store.run_all(parts) if parts else []) or not self._store.run_all([own])[0]:
            raise StoreUnavailable("It took too long to change the board; try again.")
