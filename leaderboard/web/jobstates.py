"""The jobs of the schedulers, as a person wants to see them: when, how the last run went, who waits for the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from leaderboard.archive.job_runs import JobRun, JobRuns
from leaderboard.services import Services
from leaderboard.store import keys
from leaderboard.store.connection import as_text, translated
from leaderboard.store.job_requests import JobRequests, Request, ScheduledJob, Told

State = Literal["never", "running", "done", "failed", "broken off"]
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class JobState:
    """A job; `request`: somebody wants it to be run now."""

    job: ScheduledJob
    last: JobRun | None
    is_running: bool
    request: Request | None

    @property
    def state(self) -> State:
        if self.last is None:
            return "never"
        if self.last.ended_at is None:
            return "running" if self.is_running else "broken off"
        return "failed" if self.last.error else "done"

    @property
    def is_bad(self) -> bool:
        return self.state in ("failed", "broken off")

    @property
    def seconds(self) -> float | None:
        """How long the last run took."""
        return seconds_of(self.last) if self.last else None

    @property
    def detail(self) -> str:
        """What the last run did, or why it failed, in a line."""
        return detail_of(self.last) if self.last else ""


@dataclass(frozen=True, slots=True)
class Jobs:
    """All of them; `told` None: no scheduler has said anything lately."""

    told: Told | None
    states: Sequence[JobState]


def read(services: Services) -> Jobs:
    """Raises StoreUnavailable, DatabaseUnavailable."""
    requests, runs = JobRequests(services.store), JobRuns(services.database)
    told = requests.told()
    found = Jobs(told, [])
    for _ in range(_LOOKS):  # a run may end between the looks at the two stores
        last = runs.last()
        table = {job.id: job for job in told.jobs} if told else {}
        table |= {name: ScheduledJob(name, "", "") for name in sorted(last) if name not in table}
        holders, wanted = _holders(services, list(table)), requests.wanted(list(table))
        states = [_state(job, last.get(job.id), holders.get(job.id), wanted.get(job.id)) for job in table.values()]
        found = Jobs(told, states)
        if all(state.state != "broken off" for state in states):
            break
    return found


def seconds_of(run: JobRun) -> float | None:
    """How long a run took; None: it has not ended."""
    return None if run.ended_at is None else (run.ended_at - run.started_at).total_seconds()


def detail_of(run: JobRun) -> str:
    """What a run did, or why it failed, in a line."""
    if run.error:
        return run.error.splitlines()[0]
    counts: Mapping[str, int] = run.counts or {}
    done = [f"{name.replace('_', ' ')}: {number:,}" for name, number in counts.items() if number]
    return ", ".join(done) or ("there was nothing to do" if run.ended_at else "")


def _state(job: ScheduledJob, last: JobRun | None, holder: str | None, request: Request | None) -> JobState:
    return JobState(job, last, last is not None and last.ended_at is None and last.token == holder, request)


def _holders(services: Services, names: Sequence[str]) -> dict[str, str]:
    """Under which claims jobs are running now."""
    with translated():
        found = {name: services.store.client.get(keys.job(name)) for name in names}
    return {name: as_text(token) for name, token in found.items() if token is not None}
