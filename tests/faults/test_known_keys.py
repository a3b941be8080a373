"""Keys while the database, the store, or both are away: who was known stays known, and nobody waits for long."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.config import Settings
from leaderboard.errors import DatabaseUnavailable, StoreUnavailable, Unauthenticated
from leaderboard.games.access import Access
from tests.conftest import START

MINUTES = 60.0


class Parts:
    """A database and a store that can be away, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.asked = 0  # of the database
        self.told = 0  # to the store
        self.database_is_away = self.store_is_away = False
        self._database = Database.connect(Settings(data_dir=folder, redis_url="memory"))
        self._kept: dict[str, tuple[float, bytes]] = {}
        self.client = self
        self.access = Access(self, self, 1.5, lambda: self.now)  # type: ignore[arg-type]

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        self.asked += 1
        if self.database_is_away:
            raise DatabaseUnavailable("away")
        with self._database.begin() as connection:
            yield connection

    def glance(self, key: str) -> Any:
        if self.store_is_away:
            raise StoreUnavailable("away")
        until, value = self._kept.get(key, (0.0, b""))
        return value if self.now < until else None

    def set(self, key: str, value: bytes, px: int) -> None:
        self.told += 1
        self._kept[key] = (self.now + px / 1000, value)

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = Parts(tmp_path)
    yield parts
    parts.close()


def test_a_known_key_outlasts_the_database_for_a_while(parts: Parts) -> None:
    key = parts.access.create_key("game", "server", START)
    known = parts.access.identify(key)
    parts.database_is_away = True
    for _ in range(100):
        parts.now += 8
        assert parts.access.identify(key) == known == parts.access.known(key)
    parts.now += 2 * MINUTES
    with pytest.raises(DatabaseUnavailable):
        parts.access.identify(key)
    parts.database_is_away = False
    assert parts.access.identify(key) == known


def test_a_key_that_is_not_known_is_not_let_in(parts: Parts) -> None:
    key = parts.access.create_key("game", "server", START)
    parts.database_is_away = True
    with pytest.raises(DatabaseUnavailable):
        parts.access.identify(key)


def test_the_others_do_not_wait_for_whoever_asks_a_database_that_is_away(parts: Parts) -> None:
    key = parts.access.create_key("game", "server", START)
    parts.access.identify(key)
    parts.database_is_away = True
    parts.now += 3
    parts.access.identify(key)
    asked = parts.asked
    for _ in range(40):
        parts.now += 0.1
        parts.access.identify(key)
    assert parts.asked == asked
    parts.now += 2
    parts.access.identify(key)
    assert parts.asked == asked + 1


def test_a_revoked_key_is_refused_once_the_database_is_back(parts: Parts) -> None:
    key = parts.access.create_key("game", "server", START)
    parts.access.identify(key)
    parts.database_is_away = True
    parts.now += 3
    parts.access.identify(key)
    parts.database_is_away = False
    Access(parts, parts, 1.5, lambda: parts.now).revoke(key, START)  # type: ignore[arg-type]
    parts.now += 5
    with pytest.raises(Unauthenticated):
        parts.access.identify(key)
    parts.database_is_away = True
    with pytest.raises((Unauthenticated, DatabaseUnavailable)):
        parts.access.identify(key)


def test_a_store_that_does_not_answer_is_told_nothing(parts: Parts) -> None:
    """To set what it could not be asked for would wait for all of its timeouts."""
    key = parts.access.create_key("game", "server", START)
    parts.store_is_away = True
    assert parts.access.identify(key).game == "game"
    assert parts.told == 0
    parts.store_is_away = False
    parts.now += 2
    parts.access.identify(key)
    assert parts.told == 1
