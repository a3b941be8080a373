"""The record of what the scheduler did: one row a run, the last ones of each job."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.archive.tables import job_runs

KEPT = 200
_NO_TOKEN = ""


_INTERRUPTED = "interrupted:%"  # how the error of a run begins that was told to end


@dataclass(frozen=True, slots=True)
class JobHealth:
    """How a job is doing."""

    job: str
    succeeded_at: datetime | None  # when it last ended well; None where that is not known
    seconds: float | None  # that its last run took that has ended
    failures: int  # since it last ended well, as far as they are kept


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run: under way, or killed, while `ended_at` is None; then it has its counts or an error."""

    id: int
    job: str
    token: str
    runner: str
    as_of: datetime
    started_at: datetime
    ended_at: datetime | None = None
    counts: Mapping[str, int] | None = None
    error: str | None = None


class JobRuns:
    """Writes and reads them. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, job: str, token: str, runner: str, as_of: datetime, at: datetime) -> JobRun:
        """Notes that a run begins."""
        with self._database.begin() as connection:
            return _insert(connection, job=job, token=token, runner=runner, as_of=as_of, started_at=at)

    def finish(
        self, run: JobRun, at: datetime, *, counts: Mapping[str, int] | None = None, error: str | None = None
    ) -> None:
        """Notes how it ended: with its counts, or an error.

        One that did nothing takes the place of the last one of its job that did nothing, for they come every minute.
        """
        text = None if counts is None else json.dumps(dict(counts))
        done = sa.update(job_runs).where(job_runs.c.id == run.id).values(ended_at=at, counts=text, error=error)
        with self._database.begin() as connection:
            connection.execute(done)
            if error is None and not any((counts or {}).values()):
                _forget_earlier(connection, run, job_runs.c.counts == text, job_runs.c.error.is_(None))
            else:
                connection.execute(_surplus(KEPT))

    def not_begun(self, job: str, runner: str, as_of: datetime, at: datetime, error: str) -> None:
        """Notes that a run could not even be claimed; one row a job, the last, for that comes again and again."""
        row = {"job": job, "token": _NO_TOKEN, "runner": runner, "as_of": as_of, "started_at": at}
        with self._database.begin() as connection:
            run = _insert(connection, **row, ended_at=at, error=error)
            _forget_earlier(connection, run, job_runs.c.token == _NO_TOKEN)

    def last(self) -> dict[str, JobRun]:
        """The last run of every job that ever ran."""
        newest = sa.select(sa.func.max(job_runs.c.id)).group_by(job_runs.c.job)
        return {run.job: run for run in self._read(sa.select(job_runs).where(job_runs.c.id.in_(newest)))}

    def recent(self, job: str, limit: int = 20) -> list[JobRun]:
        """The last runs of a job, the newest first."""
        return self._read(sa.select(job_runs).where(job_runs.c.job == job).order_by(job_runs.c.id.desc()).limit(limit))

    def health(self) -> list[JobHealth]:
        """How every job is doing that ever ran."""
        runs = job_runs.c
        well = sa.and_(runs.ended_at.is_not(None), runs.error.is_(None))
        good = sa.select(runs.job, sa.func.max(runs.id).label("id")).where(well).group_by(runs.job).subquery()
        ended = sa.select(sa.func.max(runs.id)).where(runs.ended_at.is_not(None)).group_by(runs.job)
        failed = (
            sa.select(runs.job, sa.func.count())
            .outerjoin(good, good.c.job == runs.job)
            .where(runs.error.is_not(None), runs.error.not_like(_INTERRUPTED))
            .where(runs.id > sa.func.coalesce(good.c.id, 0))
            .group_by(runs.job)
        )
        with self._database.begin() as connection:
            successes = dict(
                connection.execute(sa.select(runs.job, runs.ended_at).join(good, good.c.id == runs.id)).all()
            )
            failures: dict[str, int] = dict(connection.execute(failed).all())
            last = [_run(row) for row in connection.execute(sa.select(job_runs).where(runs.id.in_(ended)))]
        return [
            JobHealth(run.job, successes.get(run.job), _seconds(run), failures.get(run.job, 0))
            for run in sorted(last, key=lambda one: one.job)
        ]

    def under(self, job: str, token: str) -> JobRun | None:
        """The run of a job under this claim, if it has been noted yet."""
        found = self._read(sa.select(job_runs).where(job_runs.c.job == job, job_runs.c.token == token))
        return found[0] if found else None

    def prune(self, keep: int = KEPT) -> int:
        """Removes all but the last `keep` of each job; answers how many. `finish` does so by itself."""
        with self._database.begin() as connection:
            return connection.execute(_surplus(keep)).rowcount

    def _read(self, query: sa.Select[Any]) -> list[JobRun]:
        with self._database.begin() as connection:
            return [_run(row) for row in connection.execute(query)]


def _insert(connection: sa.Connection, **row: Any) -> JobRun:
    row["runner"] = row["runner"][:255]
    made = connection.execute(sa.insert(job_runs).values(row)).inserted_primary_key
    assert made is not None  # noqa: S101 - for the type checker: one row always has one
    return JobRun(id=made[0], **row)


def _seconds(run: JobRun) -> float | None:
    return None if run.ended_at is None else (run.ended_at - run.started_at).total_seconds()


def _surplus(keep: int) -> sa.Delete:
    place = sa.func.row_number().over(partition_by=job_runs.c.job, order_by=job_runs.c.id.desc()).label("place")
    placed = sa.select(job_runs.c.id, place).subquery()
    return sa.delete(job_runs).where(job_runs.c.id.in_(sa.select(placed.c.id).where(placed.c.place > keep)))


def _forget_earlier(connection: sa.Connection, run: JobRun, *alike: sa.ColumnElement[bool]) -> None:
    connection.execute(sa.delete(job_runs).where(job_runs.c.job == run.job, job_runs.c.id < run.id, *alike))


def _run(row: sa.Row[Any]) -> JobRun:
    values = dict(row._mapping)  # noqa: SLF001 - public, whatever its name looks like
    values["counts"] = None if values["counts"] is None else json.loads(values["counts"])
    return JobRun(**values)
