"""A game of its own for each test of the stats, over both stores."""

from collections.abc import Iterator

import pytest

from leaderboard.config import Settings
from leaderboard.store.connection import Store
from tests.stats.drive import Game


@pytest.fixture(scope="session")
def stat_store(store_url: str) -> Iterator[Store]:
    store = Store.connect(Settings(redis_url=store_url), store_url)
    yield store
    store.close()


@pytest.fixture
def game(stat_store: Store) -> Game:
    return Game(stat_store)
