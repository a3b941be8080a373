"""Whether the work of the schedulers is done: the jobs, what waits to be sealed, and the snapshots."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from leaderboard.archive.job_runs import JobRun
from leaderboard.store.checkup.findings import Finding, fail, listed, ok, unknown, warn

# How often each job is to run. The table of jobs itself is the schedulers', which nothing here may ask; a test holds
# the two together.
INTERVALS: Final[Mapping[str, timedelta]] = {
    "seal": timedelta(seconds=20),
    "windows": timedelta(seconds=20),
    "captures": timedelta(minutes=5),
    "stats": timedelta(minutes=1),
    "prune": timedelta(hours=1),
    "snapshot": timedelta(minutes=10),
}
_LEAST_PATIENCE = timedelta(minutes=10)
_DAY = timedelta(days=1)
_LATE_SEAL = timedelta(hours=1)
_LOST_SEAL = timedelta(days=7)
_OLD_SNAPSHOT = timedelta(hours=26)
_USELESS_SNAPSHOT = timedelta(days=7)
_NIGHTLY = re.compile(r"([a-z0-9_-]{1,32})-([0-9]{8}T[0-9]{6}Z)\.ndjson\.zst", re.ASCII)
_KEYS_AT_ONCE = 500


def jobs(runs: Mapping[str, JobRun], intervals: Mapping[str, timedelta], now: datetime) -> Finding:
    """Whether the scheduler works. `intervals`: how often each job is to run."""
    if not runs:
        remedy = "Run 'python -m scheduler' beside the web processes; 'leaderboard serve' starts one."
        return warn("jobs", "no job ever ran", remedy)
    begun = min(run.started_at for run in runs.values())  # a job that never ran has not been due for longer
    late = {}
    for name, interval in intervals.items():
        waited = now - (runs[name].started_at if name in runs else begun)
        if waited > max(3 * interval, _LEAST_PATIENCE):
            late[name] = waited
    failed = [f"{name}: {run.error.splitlines()[0]}" for name, run in sorted(runs.items()) if run.error]
    if late:
        seen = "late: " + listed([f"{name} ({_ago(runs.get(name), now)})" for name in late], 10)
        remedy = "Start a scheduler ('python -m scheduler'); see its log. 'leaderboard jobs list' tells more."
        return (fail if max(late.values()) > _DAY else warn)("jobs", seen, remedy)
    if failed:
        return warn("jobs", f"failed: {listed(failed, 10)}", "See the scheduler's log; the next run tries again.")
    return ok("jobs", f"all {len(intervals)} ran in time")


def _ago(run: JobRun | None, now: datetime) -> str:
    if run is None:
        return "never ran"
    return f"{_length(now - run.started_at)} ago" + ("" if run.ended_at else ", not ended")


def oldest_open(client: Any, lists: Mapping[tuple[str, str], Sequence[str]]) -> dict[tuple[str, str], datetime]:
    """When the first period of each board that is not sealed closed or closes. Raises RedisError."""
    found: dict[tuple[str, str], datetime] = {}
    keys = [(board, key) for board, some in lists.items() for key in some]
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        pipeline = client.pipeline(transaction=False)
        for _, key in some:
            pipeline.zrange(key, 0, 0, withscores=True)
        for (board, _), rows in zip(some, pipeline.execute(), strict=True):
            if rows:
                at = datetime.fromtimestamp(rows[0][1], UTC)
                found[board] = min(at, found.get(board, at))
    return found


def sealing(closes: Mapping[tuple[str, str], datetime], now: datetime) -> Finding:
    """Whether periods that are over get into the archive."""
    late = {board: now - at for board, at in closes.items() if now - at > _LATE_SEAL}
    if not late:
        return ok("sealing", "no period waits to be sealed")
    names = ["/".join(board) for board in sorted(late, key=lambda board: -late[board])]
    longest = max(late.values())
    seen = f"periods of {len(late)} boards wait to be sealed, for up to {_length(longest)}: {listed(names)}"
    remedy = (
        "See 'jobs'. What is not sealed 30 days after its retention is gone. 'leaderboard jobs run seal' does it now."
    )
    return (fail if longest > _LOST_SEAL else warn)("sealing", seen, remedy)


def newest_snapshots(folder: Path) -> dict[str, datetime] | None:
    """The newest nightly file of each game; None where there is no such folder."""
    found: dict[str, datetime] = {}
    with suppress(OSError):
        for path in folder.iterdir():
            match = _NIGHTLY.fullmatch(path.name)
            if match:
                at = datetime.strptime(match[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                found[match[1]] = max(at, found.get(match[1], at))
        return found
    return None


def snapshots(newest: Mapping[str, datetime] | None, names: Sequence[str], now: datetime) -> Finding:
    """Whether every game with boards has a copy that is young enough."""
    remedy = "See 'jobs', LEADERBOARD_SNAPSHOT_DIR and its disk; 'leaderboard jobs run snapshot' writes them now."
    if not names:
        return ok("snapshots", "there are no boards yet")
    if newest is None:
        return unknown("snapshots", "the folder of snapshots is not on this machine", "Run the check-up where it is.")
    missing = [game for game in names if game not in newest]
    if missing:
        return warn("snapshots", f"none of {listed(missing)}", remedy)
    age = max(now - newest[game] for game in names)
    seen = f"the newest of each game, at most {_length(age)} old"
    if age > _USELESS_SNAPSHOT:
        return fail("snapshots", seen, remedy)
    return warn("snapshots", seen, remedy) if age > _OLD_SNAPSHOT else ok("snapshots", seen)


def _length(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h" if hours >= 2 else f"{max(0, hours * 60):.0f} min"
