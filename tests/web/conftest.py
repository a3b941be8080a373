"""Fixtures of the pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.app import create_app
from leaderboard.config import Settings
from tests.conftest import FakeClock, Service


@pytest.fixture
def alone(store_url: str, tmp_path: Path) -> Iterator[Service]:
    """A service with a database of its own, for pages that tell of all games: what other tests made is not there."""
    clock = FakeClock()
    app = create_app(Settings(data_dir=tmp_path, redis_url=store_url, read_staleness_ms=0), clock=clock.now)
    service = Service(app, clock)
    service.new_game()
    yield service
    front = app.extensions.pop("test_front", None)
    if front is not None:
        front.close()
    service.services.close()
