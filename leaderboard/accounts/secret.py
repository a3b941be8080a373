"""The key that cookies and forms are signed with: the same in all processes."""

import secrets as random

import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.archive.tables import secrets

_NAME = "dashboard"


def secret_key(database: Database, given: str) -> str:
    """The one that was set, else one that was made at random once and is in the database since.

    Raises DatabaseUnavailable.
    """
    return given or _kept(database) or _made(database)


def _kept(database: Database) -> str | None:
    with database.begin() as connection:
        return connection.execute(sa.select(secrets.c.value).where(secrets.c.name == _NAME)).scalar()


def _made(database: Database) -> str:
    made = random.token_urlsafe(32)
    try:
        with database.begin() as connection:
            connection.execute(sa.insert(secrets).values(name=_NAME, value=made))
    except sa.exc.IntegrityError:  # another process was first
        return _kept(database) or made
    return made
