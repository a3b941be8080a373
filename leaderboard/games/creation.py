"""Making a game without a key; `Access.create_key` makes one along with its first key."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from leaderboard.archive.database import Database
from leaderboard.archive.tables import games
from leaderboard.errors import Conflict, InvalidInput
from leaderboard.games.access import GAME_NAME


def create_game(database: Database, name: str, now: datetime) -> None:
    """Makes a game. Raises InvalidInput, Conflict (`game_exists`), DatabaseUnavailable."""
    if GAME_NAME.fullmatch(name) is None:
        wrong = "A game's name has 1 to 32 of a-z, 0-9, '_' and '-'."
        raise InvalidInput(wrong, code="invalid_game_name", fields={"name": [wrong]})
    try:
        with database.begin() as connection:
            connection.execute(sa.insert(games).values(name=name, created_at=now))
    except IntegrityError as error:  # the name is unique
        raise Conflict(f"There is a game {name!r} already.", code="game_exists") from error
