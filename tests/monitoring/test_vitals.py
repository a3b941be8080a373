"""What `/metrics` tells of stores and jobs when they are not well."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leaderboard.api.vitals import Vitals
from leaderboard.archive.database import Database
from leaderboard.archive.job_runs import JobHealth, JobRuns
from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable
from leaderboard.metrics import BOUNDS, GONE, NO_ROUTE, Requests, Seen
from tests.conftest import START, Service


def _values(metrics: list[Any]) -> dict[str, float]:
    return {sample.name: sample.value for metric in metrics for sample in metric.samples}


def test_a_store_that_is_away_is_told_as_away(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise StoreUnavailable("gone")

    vitals = Vitals(service.services)
    monkeypatch.setattr(vitals._store, "_ping", away)
    found = _values(vitals.metrics())
    assert found["leaderboard_store_up"] == 0
    assert found["leaderboard_database_up"] == 1
    assert "leaderboard_store_ping_seconds" not in found
    assert "leaderboard_store_memory_used_bytes" not in found


def test_a_store_that_hangs_holds_nobody_up(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    vitals, hangs = Vitals(service.services), threading.Event()
    asked = []

    def ping() -> None:
        asked.append(1)
        hangs.wait(20)

    monkeypatch.setattr(vitals._store, "_ping", ping)
    began = time.monotonic()
    assert _values(vitals.metrics())["leaderboard_store_up"] == 0
    assert _values(vitals.metrics())["leaderboard_store_up"] == 0
    assert time.monotonic() - began < 4
    assert len(asked) == 1, "it is not asked again while it is asked"
    hangs.set()
    deadline = time.monotonic() + 5
    while _values(vitals.metrics())["leaderboard_store_up"] == 0:
        assert time.monotonic() < deadline


def test_jobs_tell_of_their_last_success_and_what_failed_since(tmp_path: Path) -> None:
    database = Database.connect(Settings(data_dir=tmp_path))
    runs = JobRuns(database)

    def ran(job: str, minute: int, error: str | None = None, seconds: int = 2) -> None:
        begun = START + timedelta(minutes=minute)
        run = runs.start(job, f"t{minute}", "here", begun, begun)
        runs.finish(run, begun + timedelta(seconds=seconds), counts=None if error else {"done": 1}, error=error)

    ran("seal", 0, "Broken: once")
    ran("seal", 1)
    ran("seal", 2, "Broken: again")
    ran("seal", 3, "interrupted: The scheduler is ending.")
    ran("seal", 4, "Broken: again", seconds=7)
    runs.start("seal", "t5", "here", START, START + timedelta(minutes=5))  # under way
    ran("stats", 1, "Broken: always")
    ran("prune", 1)
    done = START + timedelta(minutes=1, seconds=2)
    assert runs.health() == [
        JobHealth("prune", done, 2, 0),
        JobHealth("seal", done, 7, 2),
        JobHealth("stats", None, 2, 1),
    ]
    database.close()


def test_requests_are_counted_by_what_they_took() -> None:
    requests = Requests()
    for seconds in (0.0001, BOUNDS[0], 0.003, 9.0):
        seen = Seen("GET")
        seen.route, seen.status = "/x", 200
        requests.note(seen, seconds)
    requests.note(Seen("BREW"), 1.0)
    taken = requests.take()
    *buckets, total = taken["GET", "/x", 200]
    assert buckets == [2, 0, 0, 1] + [0] * (len(BOUNDS) - 4) + [1]
    assert total == pytest.approx(9.0036)
    assert sum(taken["other", NO_ROUTE, GONE][:-1]) == 1
    assert requests.take() == {}
