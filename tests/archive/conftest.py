"""The archive on SQLite and on a private PostgreSQL, which tests/conftest.py starts once a run."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.archive.tables import metadata
from leaderboard.config import Settings


@pytest.fixture
def empty_postgres_url(postgres_url: str) -> str:
    """The server with no tables in it."""
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    return postgres_url


@pytest.fixture(scope="session")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, sqlite_folder: Path) -> Iterator[Database]:
    """One with empty tables."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    database = Database.connect(Settings(data_dir=sqlite_folder, redis_url="memory", database_url=url))
    empty(database)
    yield database
    database.close()


def empty(database: Database) -> None:
    """Removes every row."""
    with database.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))


@pytest.fixture
def wipe(database: Database) -> Callable[[], None]:
    """Empties every table; for many examples on one database."""
    return partial(empty, database)
