"""Jobs that somebody wants to be run now, and what a scheduler tells of its jobs."""

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.interval import IntervalTrigger

from leaderboard.archive.job_runs import JobRuns
from leaderboard.errors import StoreUnavailable
from leaderboard.running import Run
from leaderboard.services import Services
from leaderboard.store import keys
from leaderboard.store.job_requests import TOLD_SECONDS, WANTED_SECONDS, JobRequests
from scheduler import wanted as wanted_module
from scheduler.runner import Runner
from scheduler.schedule import Job
from scheduler.wanted import Wanted
from tests.conftest import START, FakeClock

SECONDS = 10


class Work:
    """A job that says when it runs, and can be held up."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Semaphore(0), threading.Event()
        self.may_end.set()

    def __call__(self, _services: Services, _now: datetime, _run: Run) -> Mapping[str, int]:
        self.began.release()
        assert self.may_end.wait(SECONDS)
        return {"done": 1}


@pytest.fixture
def requests(services: Services) -> JobRequests:
    return JobRequests(services.store)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def wanted(
    services: Services, clock: FakeClock, job_id: str, work: Work, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Wanted]:
    monkeypatch.setattr(wanted_module, "POLL_SECONDS", 0.02)
    job = Job(job_id, IntervalTrigger(hours=1, timezone=UTC), work, "Works.")
    runner = Runner(services, stopping=lambda: False)
    made = Wanted(runner, JobRequests(services.store), [job], lambda _: START + timedelta(hours=1), clock.now)
    made.start()
    yield made
    work.may_end.set()
    made.stop()
    services.store.client.delete(keys.jobs_told(), keys.job_wanted(job_id))


def gone(requests: JobRequests, job_id: str) -> bool:
    for _ in range(500):
        if not requests.wanted([job_id]):
            return True
        threading.Event().wait(0.02)
    return False


def test_what_is_wanted_is_run_once(wanted: Wanted, requests: JobRequests, work: Work, job_id: str) -> None:
    assert requests.ask(job_id, "ada", START)
    assert work.began.acquire(timeout=SECONDS)
    assert gone(requests, job_id)
    assert not work.began.acquire(timeout=0.2)


def test_a_request_during_a_run_is_for_another_one(
    wanted: Wanted, requests: JobRequests, work: Work, job_id: str
) -> None:
    work.may_end.clear()
    requests.ask(job_id, "ada", START)
    assert work.began.acquire(timeout=SECONDS)
    assert requests.ask(job_id, "bob", START)
    assert not work.began.acquire(timeout=0.2)
    assert requests.wanted([job_id])[job_id].by == "bob"
    work.may_end.set()
    assert work.began.acquire(timeout=SECONDS)
    assert gone(requests, job_id)


def test_what_another_scheduler_is_running_stays_wanted(
    wanted: Wanted, services: Services, requests: JobRequests, work: Work, job_id: str
) -> None:
    services.store.client.set(keys.job(job_id), "another", ex=60)
    requests.ask(job_id, "ada", START)
    assert not work.began.acquire(timeout=0.2)
    assert requests.wanted([job_id])
    services.store.client.delete(keys.job(job_id))
    assert work.began.acquire(timeout=SECONDS)
    wanted.stop()
    (run,) = JobRuns(services.database).recent(job_id)
    assert run.counts == {"done": 1}


def test_what_is_told(wanted: Wanted, services: Services, requests: JobRequests, job_id: str) -> None:
    told = None
    for _ in range(500):
        told = requests.told()
        if told is not None and [job.id for job in told.jobs] == [job_id]:
            break
        threading.Event().wait(0.02)
    assert told is not None
    (job,) = told.jobs
    assert (job.when, job.help, job.due, told.at) == ("every 1 h", "Works.", START + timedelta(hours=1), START)
    assert 0 < services.store.client.ttl(keys.jobs_told()) <= TOLD_SECONDS


def test_both_have_lifetimes_and_garbage_is_nothing(services: Services, requests: JobRequests, job_id: str) -> None:
    requests.ask(job_id, "ada", START)
    assert 0 < services.store.client.ttl(keys.job_wanted(job_id)) <= WANTED_SECONDS
    services.store.client.set(keys.job_wanted(job_id), b"{", ex=5)
    services.store.client.set(keys.jobs_told(), b'{"later": 1}', ex=5)
    assert requests.wanted([job_id]) == {}
    assert requests.wanted([]) == {}
    assert requests.told() is None
    services.store.client.delete(keys.jobs_told(), keys.job_wanted(job_id))


def test_a_store_that_is_away_ends_nothing(
    wanted: Wanted, requests: JobRequests, work: Work, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Semaphore(0)

    def away(*_: object) -> None:
        failed.release()
        raise StoreUnavailable("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(JobRequests, "wanted", away)
        assert failed.acquire(timeout=SECONDS)
        assert failed.acquire(timeout=SECONDS)
    requests.ask(job_id, "ada", START)
    assert work.began.acquire(timeout=SECONDS)
