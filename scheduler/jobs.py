"""What each job does: a call of the services. `now` is the time it acts for; the counts say what it did."""

from collections.abc import Mapping
from datetime import datetime

from leaderboard.running import Run
from leaderboard.services import Services

Counts = Mapping[str, int]


def seal(services: Services, now: datetime, run: Run) -> Counts:
    """Seals periods that have ended, and drops the keys of those that were kept long enough."""
    return services.sealing.run(now, run)


def windows(services: Services, now: datetime, run: Run) -> Counts:
    """Builds the rolling windows that are read now or soon, and drops those whose time is over."""
    return services.windows.run(now, run)


def captures(services: Services, now: datetime, run: Run) -> Counts:
    """Keeps the top of every board as its day begins."""
    return services.captures.run(now, run)


def stats(services: Services, now: datetime, run: Run) -> Counts:
    """Rolls hours of stats up into days, weeks, months and years."""
    return services.rollup.run(now, run, services.calendar_of)


def prune(services: Services, now: datetime, run: Run) -> Counts:
    """Removes what has outlived its retention; counts the days of funnels before their times do."""
    return {
        **services.housekeeping.prune(now, run),
        **services.activity.prune(now, run),
        **services.funnels.keep_counts(now, run, services.calendar_of),
    }


def snapshot(services: Services, now: datetime, run: Run) -> Counts:
    """Writes the nightly snapshot."""
    return services.snapshots.nightly(now, run)
