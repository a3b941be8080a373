"""The table, and APScheduler running one."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from leaderboard.archive.job_runs import JobRuns
from leaderboard.running import Run
from leaderboard.services import Services
from scheduler import clockwork as clockwork_module
from scheduler.clockwork import Clockwork
from scheduler.schedule import JOBS, Job

SECONDS = 10
DAILY = CronTrigger(hour=3, minute=30, timezone=UTC)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwork_module, "_FIRST_WITHIN_MS", 1)


def test_the_table() -> None:
    assert {job.id: job.when for job in JOBS} == {
        "seal": "every 20 s",
        "windows": "every 20 s",
        "captures": "every 5 min",
        "stats": "every 1 min",
        "prune": "every 1 h",
        "snapshot": "every 10 min",
    }
    assert all(job.help for job in JOBS)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.id)
def test_a_trigger_fires_at_the_times_it_names_in_utc(job: Job) -> None:
    at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    then = job.trigger.get_next_fire_time(at, at)
    exact = {"seal": 20, "windows": 20, "captures": 300, "stats": 60, "prune": 3600, "snapshot": 600}[job.id]
    assert timedelta(seconds=exact) <= then - at <= timedelta(seconds=exact + 5)


def test_other_triggers_are_named_too() -> None:
    def when(trigger: Any) -> str:
        return Job("job", trigger, lambda *_: {}, "").when

    assert when(CronTrigger(day_of_week="mon", hour=1, timezone=UTC)) == "day_of_week=mon hour=1 UTC"
    assert when(IntervalTrigger(seconds=90, timezone=UTC)) == "every 90 s"


def test_every_job_runs_at_the_start_and_a_failing_one_again(services: Services, job_id: str) -> None:
    once, again = threading.Event(), threading.Event()
    failures: list[int] = []

    def daily(_services: Services, _now: datetime, _run: Run) -> Mapping[str, int]:
        once.set()
        return {"done": 1}

    def failing(_services: Services, _now: datetime, _run: Run) -> Mapping[str, int]:
        failures.append(1)
        if len(failures) > 1:
            again.set()
        raise ValueError

    table = (
        Job(job_id, DAILY, daily, ""),
        Job(job_id + "-fails", IntervalTrigger(seconds=0.05, timezone=UTC), failing, ""),
    )
    clockwork = Clockwork(services, table)
    clockwork.start()
    assert once.wait(SECONDS)
    assert again.wait(SECONDS)
    clockwork.stop()
    assert JobRuns(services.database).recent(job_id)[0].counts == {"done": 1}


def test_a_stop_waits_for_the_next_checkpoint(services: Services, job_id: str) -> None:
    begun = threading.Event()

    def endless(_services: Services, _now: datetime, run: Run) -> Mapping[str, int]:
        begun.set()
        while True:
            run.checkpoint()

    clockwork = Clockwork(services, (Job(job_id, DAILY, endless, ""),))
    clockwork.start()
    assert begun.wait(SECONDS)
    clockwork.stop()
    (run,) = JobRuns(services.database).recent(job_id)
    assert run.error == "interrupted: The scheduler is ending."
    assert run.ended_at is not None
