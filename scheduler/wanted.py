"""Jobs that somebody wants to be run at once, and what is told of all of them; both by way of the store."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

import structlog

from leaderboard.errors import StoreUnavailable
from leaderboard.services import Clock
from leaderboard.store.job_requests import JobRequests, ScheduledJob, Told
from scheduler.runner import Runner
from scheduler.schedule import Job

POLL_SECONDS: Final = 1.0
_TELL_SECONDS: Final = 5.0
_log = structlog.get_logger(__name__)


class Wanted:
    """Looks every second for what is wanted, in a thread of its own; the jobs run in further threads."""

    def __init__(
        self,
        runner: Runner,
        requests: JobRequests,
        jobs: Sequence[Job],
        due: Callable[[Job], datetime | None],
        clock: Clock,
    ) -> None:
        """`due`: when a job runs next by itself."""
        self._runner = runner
        self._requests = requests
        self._jobs = jobs
        self._due = due
        self._clock = clock
        self._ending = threading.Event()
        self._running: set[str] = set()  # jobs that this process runs because somebody wanted it
        self._guard = threading.Lock()
        self._pool = ThreadPoolExecutor(max(len(jobs), 1), thread_name_prefix="wanted")
        self._thread = threading.Thread(target=self._look, name="wanted", daemon=True)
        self._tell_at = 0.0

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Takes nothing up any more; returns when what runs has come to its end or next checkpoint."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _look(self) -> None:
        while True:
            try:
                self._look_once()
            except StoreUnavailable:  # who waits for it hears of that from everybody else
                pass
            except Exception:  # noqa: BLE001 - the scheduler lives on
                _log.exception("wanted jobs cannot be looked for")
            if self._ending.wait(POLL_SECONDS):
                return

    def _look_once(self) -> None:
        if time.monotonic() >= self._tell_at:
            jobs = tuple(ScheduledJob(job.id, job.when, job.help, self._due(job)) for job in self._jobs)
            self._requests.tell(Told(self._runner.name, self._clock(), jobs))
            self._tell_at = time.monotonic() + _TELL_SECONDS
        table = {job.id: job for job in self._jobs}
        for job_id, request in self._requests.wanted(list(table)).items():
            with self._guard:
                if job_id in self._running:
                    continue
                self._running.add(job_id)
            self._pool.submit(self._run, table[job_id], request.by)

    def _run(self, job: Job, by: str) -> None:
        """Runs it, if it is still wanted; what somebody else runs just now stays wanted, for it began before."""
        try:
            if self._runner.claims.holder(job.id) is not None or not self._requests.take(job.id):
                return
            _log.info("job wanted", job=job.id, by=by)
            if not self._runner.attempt(job):  # begun by another one in that moment
                self._requests.ask(job.id, by, self._clock())
        except StoreUnavailable as error:
            _log.warning("a wanted job was not run", job=job.id, reason=error.detail)
        finally:
            with self._guard:
                self._running.discard(job.id)
