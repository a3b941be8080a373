"""The whole way of a period with PostgreSQL as the archive; tests/periods does it on SQLite."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leaderboard.app import create_app
from leaderboard.config import Settings
from tests.conftest import START, FakeClock, Service
from tests.periods.running import FreeRun
from tests.periods.test_sealing import DAY, NEXT_DAY, fill, read_all, seal


@pytest.fixture
def service(empty_postgres_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Service]:
    clock = FakeClock(START)
    app = create_app(
        Settings(data_dir=tmp_path, redis_url=valkey_url, database_url=empty_postgres_url), clock=clock.now
    )
    service = Service(app, clock)
    service.new_game()
    yield service
    service.services.close()


@pytest.mark.parametrize(
    "definition", [{}, {"operator": "sum", "ties": "dense"}, {"ties": "last", "operator": "last"}], ids=str
)
def test_a_sealed_day_reads_the_same_hot_and_cold(service: Service, definition: dict[str, Any]) -> None:
    fill(service, retention={"day": 0}, **definition)
    service.clock.set(NEXT_DAY)
    closed = read_all(service)
    assert seal(service, NEXT_DAY)["dropped"] >= 1
    cold = read_all(service)
    assert repr(cold) == repr(closed).replace("'closed'", "'archived'")
    service.bulk([{"board": "b", "player": "eve", "score": 99, "at": START.isoformat()}], backfill="true")
    assert service.get(f"/boards/b/top?period=day&id={DAY}")["entries"][0]["player"] == "eve"
    assert service.request("DELETE", "/v1/players/eve").json["boards"]["b"] >= 1
    service.services.sealing.run(NEXT_DAY + timedelta(days=1), FreeRun())
    assert read_all(service) == cold
