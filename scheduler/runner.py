"""One run of one job: claimed, recorded, carried out, given back."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

import structlog

from leaderboard import tracing
from leaderboard.archive.job_runs import JobRun, JobRuns
from leaderboard.errors import DatabaseUnavailable, Interrupted, StoreUnavailable, Unavailable
from leaderboard.services import Services
from scheduler.lease import LIFETIME_SECONDS, Claims, Lease, Monotonic
from scheduler.schedule import Job

_LONGEST_ERROR = 2000
_log = structlog.get_logger(__name__)


class Runner:
    """Runs jobs for one process; any number of them may run the same jobs, one at a time each."""

    def __init__(
        self,
        services: Services,
        *,
        stopping: Callable[[], bool],
        lifetime_seconds: float = LIFETIME_SECONDS,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        """`stopping` tells whether runs are to end at their next checkpoint, and no more to begin."""
        self._services = services
        self._stopping = stopping
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.claims = Claims(services.store, lifetime_seconds, monotonic, stopping)
        self.runs = JobRuns(services.database)

    def attempt(self, job: Job) -> bool:
        """Runs the job now and logs how it went; whatever happens, there is a next time.

        Answers False where it was not begun: somebody else is running it, or this process is to end.
        """
        if self._stopping():
            return False
        began = time.monotonic()
        try:
            counts = self.run(job)
        except Interrupted as error:
            _log.info("job interrupted", job=job.id, reason=error.detail)
        except Unavailable as error:
            _log.error("job failed", job=job.id, reason=error.detail)
        except Exception:  # noqa: BLE001 - the scheduler lives on
            _log.exception("job failed", job=job.id)
        else:
            if counts and any(counts.values()):
                _log.info("job done", job=job.id, counts=dict(counts), seconds=round(time.monotonic() - began, 3))
            return counts is not None
        return True

    def run(self, job: Job, as_of: datetime | None = None) -> Mapping[str, int] | None:
        """Runs the job as of that time, or now; answers its counts, or None if somebody else is running it.

        Raises StoreUnavailable, DatabaseUnavailable, Interrupted, and what the job raises; all that is recorded.
        """
        as_of = as_of or self._services.clock()
        lease = self._claim(job, as_of)
        if lease is None:
            return None
        try:
            return self._recorded(job, as_of, lease)
        finally:
            lease.release()

    def holder(self, job: Job) -> JobRun | None:
        """The run that holds the job, if one does and has been recorded yet. Raises Unavailable."""
        token = self.claims.holder(job.id)
        return self.runs.under(job.id, token) if token else None

    def _claim(self, job: Job, as_of: datetime) -> Lease | None:
        try:
            return self.claims.take(job.id)
        except StoreUnavailable as error:
            with suppress(DatabaseUnavailable):
                self.runs.not_begun(job.id, self.name, as_of, self._services.clock(), _text(error))
            raise

    def _recorded(self, job: Job, as_of: datetime, lease: Lease) -> Mapping[str, int]:
        clock = self._services.clock
        run = self.runs.start(job.id, lease.token, self.name, as_of, clock())
        try:
            with tracing.job(job.id):
                counts = job.function(self._services, as_of, lease)
        except BaseException as error:
            with suppress(DatabaseUnavailable):  # the job's own error is the one to tell
                self.runs.finish(run, clock(), error=_text(error))
            raise
        self.runs.finish(run, clock(), counts=counts)
        return counts


def _text(error: BaseException) -> str:
    if isinstance(error, Interrupted):
        return f"interrupted: {error.detail}"
    return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
