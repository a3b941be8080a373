"""APScheduler as it is used here: every job when it is due, each in a thread, none twice at a time."""

import logging
import secrets
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from leaderboard.services import Services
from leaderboard.store.job_requests import JobRequests
from scheduler.runner import Runner
from scheduler.schedule import Job
from scheduler.wanted import Wanted

_FIRST_WITHIN_MS = 1000


class Clockwork:
    """Runs the jobs of a table until it is stopped: when due, when wanted, and once at the start, to catch up."""

    def __init__(self, services: Services, jobs: Sequence[Job]) -> None:
        self._stopping = threading.Event()
        self._jobs = jobs
        self._runner = Runner(services, stopping=self._stopping.is_set)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(max(len(jobs), 1))},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        # It would report every run, and every one that did not begin because the last one still goes on.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._wanted = Wanted(self._runner, JobRequests(services.store), jobs, self._due, services.clock)

    def start(self) -> None:
        """Begins, in threads of its own."""
        for job in self._jobs:
            first = datetime.now(UTC) + timedelta(milliseconds=secrets.randbelow(_FIRST_WITHIN_MS))
            self._scheduler.add_job(self._runner.attempt, job.trigger, args=(job,), id=job.id, next_run_time=first)
        self._scheduler.start()
        self._wanted.start()

    def stop(self) -> None:
        """Begins no run any more, and returns when those under way have come to their next checkpoint."""
        self._stopping.set()
        self._wanted.stop()
        self._scheduler.shutdown(wait=True)

    def _due(self, job: Job) -> datetime | None:
        found = self._scheduler.get_job(job.id)
        due: datetime | None = found and found.next_run_time
        return due
