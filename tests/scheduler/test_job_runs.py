"""The record of runs, on SQLite and on a private PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from leaderboard.archive import job_runs
from leaderboard.archive.database import Database
from leaderboard.archive.job_runs import JobRun, JobRuns
from leaderboard.config import Settings
from tests.conftest import START


@pytest.fixture(params=["sqlite", "postgresql"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobRuns]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    database = Database.connect(Settings(data_dir=tmp_path, database_url=url))
    runs = JobRuns(database)
    runs.prune(0)
    yield runs
    database.close()


def begin(runs: JobRuns, job: str = "seal", minute: int = 0) -> JobRun:
    return runs.start(job, f"token{minute}", "host:1", START, START + timedelta(minutes=minute))


def test_a_run_is_noted_from_its_start_to_its_end(runs: JobRuns) -> None:
    run = begin(runs)
    assert runs.recent("seal") == [run]
    assert runs.under("seal", "token0") == run
    assert run.ended_at is None
    end = START + timedelta(milliseconds=1500)
    runs.finish(run, end, counts={"sealed": 2, "left": 0})
    (done,) = runs.recent("seal")
    assert (done.started_at, done.ended_at, done.counts, done.error) == (START, end, {"sealed": 2, "left": 0}, None)
    assert runs.recent("other") == []
    assert runs.under("seal", "other") is None


def test_the_last_run_of_every_job(runs: JobRuns) -> None:
    for minute, job in enumerate(["seal", "prune", "seal"]):
        runs.finish(begin(runs, job, minute), START, counts={"done": minute + 1})
    assert {job: run.counts for job, run in runs.last().items()} == {"seal": {"done": 3}, "prune": {"done": 2}}


def test_of_runs_that_did_nothing_the_last_stays(runs: JobRuns) -> None:
    other = begin(runs, "prune")
    runs.finish(other, START, counts={"sealed": 0})
    for minute, sealed in enumerate([0, 0, 3, 0, 0, 0]):
        runs.finish(begin(runs, minute=minute), START, counts={"sealed": sealed})
    kept = [(run.token, run.counts) for run in runs.recent("seal")]
    assert kept == [("token5", {"sealed": 0}), ("token2", {"sealed": 3})]
    assert len(runs.recent("prune")) == 1


def test_a_run_under_way_and_a_failed_one_are_not_idle(runs: JobRuns) -> None:
    killed, failed = begin(runs, minute=0), begin(runs, minute=1)
    runs.finish(failed, START, error="ValueError: no")
    for minute in (2, 3):
        runs.finish(begin(runs, minute=minute), START, counts={})
    assert [run.token for run in runs.recent("seal")] == ["token3", "token1", killed.token]


def test_runs_that_could_not_be_claimed_take_one_row(runs: JobRuns) -> None:
    runs.finish(begin(runs), START, counts={"sealed": 1})
    for minute in range(3):
        at = START + timedelta(minutes=minute)
        runs.not_begun("seal", "host:1", at, at, "StoreUnavailable: away")
    newest, before = runs.recent("seal")
    assert (newest.started_at, newest.error) == (START + timedelta(minutes=2), "StoreUnavailable: away")
    assert before.counts == {"sealed": 1}


def test_only_the_last_runs_of_each_job_are_kept(runs: JobRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    assert job_runs.KEPT == 200
    monkeypatch.setattr(job_runs, "KEPT", 7)
    other = begin(runs, "prune")
    made = [begin(runs, minute=minute) for minute in range(9)]
    runs.finish(made[-1], START, counts={"sealed": 1})
    assert [run.id for run in runs.recent("seal", 1000)] == [run.id for run in reversed(made[2:])]
    assert runs.prune(3) == 4
    assert len(runs.recent("seal", 1000)) == 3
    assert runs.recent("prune") == [other]
