"""`leaderboard jobs`: what the scheduler did, and its jobs by hand."""

import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from leaderboard import jsontext
from leaderboard.archive.job_runs import JobRun
from leaderboard.boards.periods import EARLIEST, LATEST
from leaderboard.cli.context import opened, say, store_options
from leaderboard.config import Settings
from leaderboard.errors import Interrupted, StoreUnavailable
from leaderboard.times import format_time, parse_time

if TYPE_CHECKING:  # APScheduler is slow to import, and of all commands only these need it
    from scheduler.runner import Runner
    from scheduler.schedule import Job

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEAR = timedelta(days=366)  # jobs look at neighbours of the periods of that time
_POLL_SECONDS = 0.1
_LOOKS = 3
_ALL = "all"


def _read_time(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = parse_time(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    except ValueError as error:
        raise click.BadParameter(f"{error} A date alone means its first moment in UTC.") from error
    if not EARLIEST + _YEAR <= at < LATEST - _YEAR:
        raise click.BadParameter(f"Jobs know the time from {EARLIEST.year + 1} to {LATEST.year - 2}.")
    return at


@click.group()
def jobs() -> None:
    """List the scheduler's jobs, run them by hand."""


@jobs.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@store_options
def list_(as_json: bool, settings: Settings) -> None:
    """List the jobs: when they run, how the last run went, and which is running now."""
    with opened(settings) as services:
        states = _states(_runner(services, lambda: False), _table())
    if as_json:
        click.echo(jsontext.dumps([state.document() for state in states]))
        return
    for state in states:
        click.echo(state.line())


@jobs.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "--now", "as_of", metavar="TIME", callback=_read_time, help="Act as of 2026-11-22T10:15:00Z, or of 2026-11-22."
)
@click.option(
    "--wait", type=click.FloatRange(0), default=10, show_default=True, help="Seconds, if somebody else is running it."
)
@click.option("--json", "as_json", is_flag=True, help="The counts as one JSON object; of several jobs, by job.")
@store_options
def run(names: tuple[str, ...], as_of: datetime | None, wait: float, as_json: bool, settings: Settings) -> None:
    """Run the jobs NAME..., or all of them, one after the other, and print what they did.

    Ctrl-C ends a run between two pieces of its work.
    """
    chosen = _chosen(names)
    single = len(chosen) == 1 and _ALL not in names
    done: dict[str, dict[str, int]] = {}
    with opened(settings) as services, _stopped_by_signals() as stopping:
        runner = _runner(services, stopping)
        for job in chosen:
            done[job.id] = counts = dict(_run(runner, job, as_of, wait, stopping))
            if not as_json:
                for name, number in counts.items():
                    click.echo(f"{'' if single else job.id + '.'}{name}: {number}")
    if as_json:
        click.echo(jsontext.dumps(done[chosen[0].id] if single else done))


def _run(
    runner: "Runner", job: "Job", as_of: datetime | None, wait: float, stopping: Callable[[], bool]
) -> Mapping[str, int]:
    until = time.monotonic() + wait
    while not stopping():
        counts = runner.run(job, as_of)
        if counts is not None:
            return counts
        if time.monotonic() >= until:
            holder = runner.holder(job)
            who = f"{holder.runner}, since {_second(holder.started_at)}" if holder else "another process"
            raise click.ClickException(f"{job.id} is being run by {who}.")
        time.sleep(_POLL_SECONDS)
    raise Interrupted(f"{job.id} was not begun.")


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM has come; within the block they do nothing else."""
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _frame: received.append(number)) for number in numbers]
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _table() -> "Sequence[Job]":
    from scheduler import schedule  # noqa: PLC0415

    return schedule.JOBS


def _runner(services: Any, stopping: Callable[[], bool]) -> "Runner":
    from scheduler.runner import Runner  # noqa: PLC0415

    return Runner(services, stopping=stopping)


def _chosen(names: Sequence[str]) -> "list[Job]":
    table = {job.id: job for job in _table()}
    unknown = [name for name in names if name not in table and name != _ALL]
    if unknown:
        raise click.UsageError(f"There is no job {unknown[0]!r}, only {', '.join(table)} and {_ALL}.")
    return list(table.values()) if _ALL in names else [table[name] for name in dict.fromkeys(names)]


@dataclass(frozen=True)
class _State:
    """A job, its last run, and whether it is running; None: that is not known."""

    job: "Job"
    last: JobRun | None
    running: bool | None

    @property
    def error(self) -> str | None:
        if self.last is None or self.last.ended_at is not None or self.running is not False:
            return self.last.error if self.last else None
        return "did not finish"

    @property
    def seconds(self) -> float | None:
        if self.last is None or self.last.ended_at is None:
            return None
        return round((self.last.ended_at - self.last.started_at).total_seconds(), 3)

    def document(self) -> dict[str, Any]:
        return {
            "id": self.job.id,
            "when": self.job.when,
            "help": self.job.help,
            "started_at": format_time(self.last.started_at) if self.last else None,
            "as_of": format_time(self.last.as_of) if self.last else None,
            "seconds": self.seconds,
            "counts": dict(self.last.counts) if self.last and self.last.counts is not None else None,
            "error": self.error,
            "running": self.running,
            "runner": self.last.runner if self.last else None,
        }

    def line(self) -> str:
        started = _second(self.last.started_at) if self.last else "never"
        took = "" if self.seconds is None else f"{self.seconds:.1f} s"
        return f"{self.job.id:<10}  {self.job.when:<14}  {started:<20}  {took:>8}  {self._result()}".rstrip()

    def _result(self) -> str:
        if self.running and self.last:
            return f"running on {self.last.runner}"
        if self.error:
            return self.error.splitlines()[0]
        counts = self.last.counts if self.last else None
        return ", ".join(f"{name}: {number}" for name, number in (counts or {}).items())


def _states(runner: "Runner", table: "Sequence[Job]") -> list[_State]:
    # A run may end between the looks at the two stores; one that was killed looks the same every time.
    for _ in range(_LOOKS):
        last = runner.runs.last()
        try:
            holders = {job.id: runner.claims.holder(job.id) for job in table}
        except StoreUnavailable as error:
            say(f"{error.detail} What is running now is not known.")
            return [_State(job, last.get(job.id), None) for job in table]
        states = [_State(job, last.get(job.id), _is_running(last.get(job.id), holders[job.id])) for job in table]
        if all(state.error != "did not finish" for state in states):
            break
    return states


def _is_running(last: JobRun | None, holder: str | None) -> bool:
    return last is not None and last.ended_at is None and last.token == holder


def _second(at: datetime) -> str:
    return format_time(at)[:19] + "Z"
