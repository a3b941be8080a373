"""A store in which no other test's games have analytics: the jobs are run for all games, at times of these tests."""

from collections.abc import Iterator

import pytest

from leaderboard.store.stat_keys import STAT_GAMES
from tests.conftest import Service


@pytest.fixture
def alone(service: Service) -> Iterator[Service]:
    client = service.services.store.client
    others = client.smembers(STAT_GAMES)
    client.delete(STAT_GAMES)
    yield service
    client.delete(STAT_GAMES)
    if others:
        client.sadd(STAT_GAMES, *others)
