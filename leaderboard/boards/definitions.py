"""The table of boards in the database: the truth of what boards there are, and how each is defined."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from leaderboard.archive.captures import drop_captures
from leaderboard.archive.database import Database
from leaderboard.archive.periods import IN_ONE_QUERY
from leaderboard.archive.tables import boards
from leaderboard.boards.definition import Board


class Definitions:
    """Its rows. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, game: str, name: str) -> Any:
        """The row of a board; None where there is none."""
        rows = self._rows(sa.select(boards).where(boards.c.game == game, boards.c.name == name))
        return rows[0] if rows else None

    def of_game(self, game: str) -> Sequence[Any]:
        """The rows of a game, by name."""
        return self._rows(sa.select(boards).where(boards.c.game == game).order_by(boards.c.name))

    def everywhere(self) -> Sequence[Any]:
        """All rows, by game and name."""
        return self._rows(sa.select(boards).order_by(boards.c.game, boards.c.name))

    def unknown(self, game: str, names: Iterable[str]) -> set[str]:
        """Those of some names that no board of a game has."""
        asked = list(names)
        found = set(asked)
        with self._database.begin() as connection:
            for start in range(0, len(asked), IN_ONE_QUERY):
                some = boards.c.name.in_(asked[start : start + IN_ONE_QUERY])
                query = sa.select(boards.c.name).where(boards.c.game == game, some)
                found.difference_update(connection.execute(query).scalars())
        return found

    def save(
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

    def remove(self, game: str, name: str) -> None:
        """Removes a board's row and all its captures."""
        with self._database.begin() as connection:
            connection.execute(sa.delete(boards).where(boards.c.game == game, boards.c.name == name))
            drop_captures(connection, game, name)

    def _rows(self, query: sa.Select[Any]) -> Sequence[Any]:
        with self._database.begin() as connection:
            return connection.execute(query).all()
