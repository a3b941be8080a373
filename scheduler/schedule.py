"""The table of jobs: what runs, and when. Times are UTC.

Every run may come late, twice in a row or after days away: a job looks at the data for what is to be done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from leaderboard.running import Run
from leaderboard.services import Services
from scheduler import jobs

_UNITS = (("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Job:
    """One job; its function answers counts of what it did, all of them 0 when there was nothing to do."""

    id: str
    trigger: BaseTrigger
    function: Callable[[Services, datetime, Run], Mapping[str, int]]
    help: str

    @property
    def when(self) -> str:
        """The trigger for a person: `every 20 s`, `at 03:30 UTC`."""
        if isinstance(self.trigger, IntervalTrigger):
            return "every " + _length(self.trigger.interval)
        if isinstance(self.trigger, CronTrigger):
            return _cron(self.trigger)
        return str(self.trigger)


def _every(**length: int) -> IntervalTrigger:
    # A little later each time, so that several schedulers do not always meet.
    return IntervalTrigger(**length, jitter=1, timezone=UTC)


JOBS: tuple[Job, ...] = (
    Job("seal", _every(seconds=20), jobs.seal, "Seals periods that have ended; drops old keys."),
    Job("windows", _every(seconds=20), jobs.windows, "Builds rolling windows ahead of their time."),
    Job("captures", _every(minutes=5), jobs.captures, "Keeps the top of every board as its day begins."),
    Job("stats", _every(minutes=1), jobs.stats, "Rolls up the statistics."),
    Job("prune", _every(hours=1), jobs.prune, "Removes what has outlived its retention."),
    Job("snapshot", _every(minutes=10), jobs.snapshot, "Writes the nightly copies, once after 03:30 UTC."),
)


def _length(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return next(f"{seconds // size} {unit}" for unit, size in _UNITS if seconds % size == 0)


def _cron(trigger: CronTrigger) -> str:
    parts = {part.name: str(part) for part in trigger.fields if not part.is_default}
    if set(parts) == {"hour", "minute"} and all(text.isdigit() for text in parts.values()):
        return f"at {int(parts['hour']):02}:{int(parts['minute']):02} UTC"
    return " ".join(f"{name}={text}" for name, text in parts.items()) + " UTC"
