"""What web processes and schedulers tell each other of jobs, by way of the store.

A scheduler says which jobs it has and when they are due. Whoever wants one to be run at once leaves a request, which a
scheduler takes within a second or so: no job is ever run by a web process, whose requests are to be short.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from leaderboard.store import keys
from leaderboard.store.connection import Store, translated

TOLD_SECONDS: Final = 30  # after which a scheduler that says nothing is taken to be gone
WANTED_SECONDS: Final = 300  # after which a request that nobody took is forgotten
_T = TypeVar("_T")


class ScheduledJob(msgspec.Struct, frozen=True):
    """A job as its scheduler tells of it; `due` None: not known."""

    id: str
    when: str
    help: str
    due: datetime | None = None


class Told(msgspec.Struct, frozen=True):
    """What a scheduler said last, and when by its own clock."""

    runner: str
    at: datetime
    jobs: tuple[ScheduledJob, ...]


class Request(msgspec.Struct, frozen=True):
    """Somebody wants a job to be run now."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class JobRequests:
    """The letters between them. Every method raises StoreUnavailable."""

    store: Store

    def tell(self, told: Told) -> None:
        """Says what is scheduled; of several schedulers the last one counts."""
        with translated():
            self.store.client.set(keys.jobs_told(), msgspec.json.encode(told), ex=TOLD_SECONDS)

    def told(self) -> Told | None:
        """What a scheduler said in the last `TOLD_SECONDS`; None where none did."""
        with translated():
            return _read(self.store.client.get(keys.jobs_told()), Told)

    def ask(self, job: str, by: str, now: datetime) -> bool:
        """Wants a job to be run; False where somebody wants that already."""
        request = msgspec.json.encode(Request(by, now))
        with translated():
            return bool(self.store.client.set(keys.job_wanted(job), request, nx=True, ex=WANTED_SECONDS))

    def wanted(self, jobs: Sequence[str]) -> dict[str, Request]:
        """Which of some jobs are wanted."""
        if not jobs:
            return {}
        with translated():
            kept: Any = self.store.client.mget([keys.job_wanted(job) for job in jobs])
        read = {job: _read(one, Request) for job, one in zip(jobs, kept, strict=True)}
        return {job: request for job, request in read.items() if request is not None}

    def take(self, job: str) -> bool:
        """Takes a request away, to see to it; False where somebody else was first."""
        with translated():
            return bool(self.store.client.delete(keys.job_wanted(job)))


def _read(kept: Any, kind: type[_T]) -> _T | None:
    """What a key holds; a later version may have written what this one cannot read."""
    if kept is None:
        return None
    try:
        return msgspec.json.decode(kept, type=kind)
    except msgspec.MsgspecError:
        return None
