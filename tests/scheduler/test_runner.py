"""Runs: claimed, recorded however they end, and never the end of the scheduler."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from apscheduler.triggers.interval import IntervalTrigger
from structlog.testing import capture_logs

from leaderboard.archive.database import Database
from leaderboard.archive.job_runs import JobRun
from leaderboard.config import Settings
from leaderboard.errors import DatabaseUnavailable, Interrupted, StoreUnavailable
from leaderboard.running import Run
from leaderboard.services import Services
from leaderboard.store import keys
from leaderboard.store.connection import Store
from scheduler.runner import Runner
from scheduler.schedule import Job
from tests.conftest import START, FakeClock
from tests.scheduler.conftest import Stopwatch

Work = Callable[[Run], Mapping[str, int]]


def make(job_id: str, work: Work) -> Job:
    trigger = IntervalTrigger(seconds=1, timezone=UTC)
    return Job(job_id, trigger, lambda _services, _now, run: work(run), "A job of the tests.")


def broken(_run: Run) -> Any:
    raise ValueError("no such thing")


@pytest.fixture
def runner(services: Services, stopwatch: Stopwatch) -> Runner:
    return Runner(services, stopping=lambda: False, monotonic=stopwatch)


def last(runner: Runner, job_id: str) -> JobRun:
    return runner.runs.recent(job_id)[0]


def test_a_run_is_recorded_and_gives_its_claim_back(runner: Runner, clock: FakeClock, job_id: str) -> None:
    seen: list[Any] = []

    def function(services: Services, now: datetime, run: Run) -> Mapping[str, int]:
        seen.extend([services.clock(), now, run.token, runner.claims.holder(job_id), last(runner, job_id)])
        clock.advance(seconds=2)
        return {"sealed": 3}

    job = Job(job_id, None, function, "")
    as_of = START - timedelta(days=9)
    assert runner.run(job, as_of) == {"sealed": 3}
    assert seen[:4] == [START, as_of, last(runner, job_id).token, last(runner, job_id).token]
    assert seen[4].ended_at is None
    done = last(runner, job_id)
    assert (done.as_of, done.started_at, done.ended_at) == (as_of, START, START + timedelta(seconds=2))
    assert (done.counts, done.error) == ({"sealed": 3}, None)
    assert runner.claims.holder(job_id) is None


def test_while_one_runs_it_another_does_not_and_leaves_no_record(
    runner: Runner, services: Services, job_id: str
) -> None:
    other = Runner(services, stopping=lambda: False)
    answers: list[Any] = []

    def work(run: Run) -> Mapping[str, int]:
        answers.append(other.run(make(job_id, broken)))
        answers.append(other.holder(make(job_id, broken)))
        return {"done": 1}

    job = make(job_id, work)
    assert runner.run(job) == {"done": 1}
    assert answers[0] is None
    assert answers[1].token == last(runner, job_id).token
    assert len(runner.runs.recent(job_id)) == 1
    assert other.holder(job) is None


def test_a_paused_holder_ends_and_leaves_the_next_one_alone(
    runner: Runner, services: Services, stopwatch: Stopwatch, job_id: str
) -> None:
    fresh = Runner(services, stopping=lambda: False)
    harm: list[str] = []

    def second(_run: Run) -> Mapping[str, int]:
        return {"done": 2}

    def first(run: Run) -> Mapping[str, int]:
        run.checkpoint()
        stopwatch.seconds += 61
        services.store.client.delete(keys.job(job_id))  # as its lifetime does
        assert fresh.run(make(job_id, second)) == {"done": 2}
        taken = fresh.claims.take(job_id)
        assert taken is not None
        harm.append(taken.token)
        run.checkpoint()
        harm.append("written")
        return {"done": 1}

    with pytest.raises(Interrupted):
        runner.run(make(job_id, first))
    assert harm == [fresh.claims.holder(job_id)]
    newest, oldest = runner.runs.recent(job_id)
    assert newest.counts == {"done": 2}
    assert oldest.error is not None
    assert oldest.error.startswith("interrupted: ")


def test_a_stop_ends_a_run_at_its_checkpoint_and_begins_no_other(services: Services, job_id: str) -> None:
    asked: list[bool] = []
    runner = Runner(services, stopping=lambda: bool(asked))

    def work(run: Run) -> Mapping[str, int]:
        asked.append(True)
        run.checkpoint()
        return {"done": 1}

    job = make(job_id, work)
    with capture_logs() as logs:
        runner.attempt(job)
        runner.attempt(job)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("job interrupted", "info")]
    (run,) = runner.runs.recent(job_id)
    assert run.error == "interrupted: The scheduler is ending."
    assert runner.claims.holder(job_id) is None


def test_a_failed_run_is_recorded_and_logged_with_its_traceback(runner: Runner, job_id: str) -> None:
    with capture_logs() as logs:
        runner.attempt(make(job_id, broken))
    assert last(runner, job_id).error == "ValueError: no such thing"
    assert [(entry["event"], entry["job"], entry["exc_info"]) for entry in logs] == [("job failed", job_id, True)]
    with pytest.raises(ValueError, match="no such thing"):
        runner.run(make(job_id, broken))
    assert runner.claims.holder(job_id) is None


def test_a_run_is_logged_only_if_it_did_something(runner: Runner, job_id: str) -> None:
    with capture_logs() as logs:
        for number in (0, 5):
            runner.attempt(make(job_id, lambda _run, number=number: {"done": number}))  # type: ignore[misc]
    assert [(entry["event"], entry["counts"]) for entry in logs] == [("job done", {"done": 5})]


def test_with_the_store_away_a_run_is_recorded_as_failed(services: Services, job_id: str) -> None:
    away = Store.connect(Settings(redis_retries=0), "unix:///nonexistent/valkey.sock")
    runner = Runner(replace(services, store=away), stopping=lambda: False)
    with capture_logs() as logs:
        for _ in range(3):
            runner.attempt(make(job_id, broken))
    assert [entry["event"] for entry in logs] == ["job failed"] * 3
    (run,) = runner.runs.recent(job_id)
    assert run.error is not None
    assert run.error.startswith("StoreUnavailable: ")
    with pytest.raises(StoreUnavailable):
        runner.run(make(job_id, broken))


def test_with_the_database_away_the_scheduler_lives_on(services: Services, job_id: str) -> None:
    away = Database(sa.create_engine("sqlite:////nonexistent/folder/file.sqlite3"))
    runner = Runner(replace(services, database=away), stopping=lambda: False)
    with capture_logs() as logs:
        runner.attempt(make(job_id, broken))
    assert [entry["event"] for entry in logs] == ["job failed"]
    with pytest.raises(DatabaseUnavailable):
        runner.run(make(job_id, broken))
    assert runner.claims.holder(job_id) is None
    away.close()


def test_with_both_away_the_scheduler_lives_on(services: Services, job_id: str) -> None:
    database = Database(sa.create_engine("sqlite:////nonexistent/folder/file.sqlite3"))
    store = Store.connect(Settings(redis_retries=0), "unix:///nonexistent/valkey.sock")
    runner = Runner(replace(services, database=database, store=store), stopping=lambda: False)
    with capture_logs() as logs:
        runner.attempt(make(job_id, broken))
    assert [entry["event"] for entry in logs] == ["job failed"]
    database.close()
