"""Services alone, without the app, on both stores; a job's id and a stopwatch of their own for each test."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from leaderboard.config import Settings
from leaderboard.services import Services, build
from tests.conftest import FakeClock


@dataclass
class Stopwatch:
    """A monotonic clock, moved by hand."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def services(store_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[Services]:
    services = build(Settings(data_dir=tmp_path, redis_url=store_url), clock=clock.now)
    yield services
    services.close()


@pytest.fixture
def job_id() -> str:
    """New each time, because the store is one for all tests."""
    return "job-" + secrets.token_hex(6)
