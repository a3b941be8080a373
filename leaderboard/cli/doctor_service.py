"""What `leaderboard doctor` asks beside the store: the database, the jobs, their work and their snapshots."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from leaderboard.archive.database import HEAD, Database
from leaderboard.archive.job_runs import JobRun, JobRuns
from leaderboard.archive.tables import boards, games
from leaderboard.boards.definition import Board
from leaderboard.config import Settings
from leaderboard.errors import DatabaseUnavailable
from leaderboard.store.checkup.findings import Finding, fail, listed, ok, size, unknown, warn

_OLDEST_POSTGRESQL = 14
_DATABASE_SHARE = 0.1  # of a disk that is to be free
_CONNECTIONS = 16  # that each process may take
_LEAST_PATIENCE = timedelta(minutes=10)
_DAY = timedelta(days=1)
_LATE_SEAL = timedelta(hours=1)
_LOST_SEAL = timedelta(days=7)
_OLD_SNAPSHOT = timedelta(hours=26)
_USELESS_SNAPSHOT = timedelta(days=7)
_NIGHTLY = re.compile(r"([a-z0-9_-]{1,32})-([0-9]{8}T[0-9]{6}Z)\.ndjson\.zst", re.ASCII)
_KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTold:
    """What the database said. `settings` are PostgreSQL's, or SQLite's pragmas."""

    kind: str  # sqlite or postgresql
    version: str
    revision: str | None
    settings: Mapping[str, str]
    disk_free: int | None = None  # bytes; None where that is not to be seen
    disk_total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What it holds, as far as a check-up is interested."""

    games: frozenset[str]
    boards: Mapping[tuple[str, str], Sequence[str]]  # each with its lists of periods that are not sealed
    runs: Mapping[str, JobRun]


def connect(settings: Settings) -> Database | None:
    """The database without bringing its schema up to date; None where it is a file that is not there yet."""
    url = sa.make_url(settings.resolved_database_url)
    if url.get_backend_name() == "sqlite":
        if not url.database or not Path(url.database).exists():
            return None
        return Database(sa.create_engine(url))
    return Database(sa.create_engine(url, connect_args={"connect_timeout": 5}))


def ask(database: Database) -> DatabaseTold:
    """Raises DatabaseUnavailable."""
    engine = database.engine
    with database.begin() as connection:
        known = sa.inspect(connection).has_table("alembic_version")
        revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() if known else None
        if engine.dialect.name == "sqlite":
            version = str(connection.execute(sa.text("SELECT sqlite_version()")).scalar())
            mode = str(connection.execute(sa.text("PRAGMA journal_mode")).scalar())
            disk = shutil.disk_usage(Path(str(engine.url.database)).parent)
            return DatabaseTold(
                kind="sqlite", version=version, revision=revision, settings={"journal_mode": mode},
                disk_free=disk.free, disk_total=disk.total,
            )  # fmt: skip
        names = ("fsync", "synchronous_commit", "full_page_writes", "max_connections", "server_version", "in_recovery")
        shown = {name: connection.execute(sa.text(f"SHOW {name}")).scalar() for name in names[:-1]}
        shown["in_recovery"] = connection.execute(sa.select(sa.func.pg_is_in_recovery())).scalar()
    version = str(shown.pop("server_version"))
    told = {name: str(value) for name, value in shown.items()}
    return DatabaseTold(kind="postgresql", version=version, revision=revision, settings=told)


def read(database: Database) -> Contents:
    """Raises DatabaseUnavailable."""
    with database.begin() as connection:
        known = frozenset(connection.execute(sa.select(games.c.name)).scalars())
        found = [
            Board.parse(row.game, row.name, row.rev, row.definition) for row in connection.execute(sa.select(boards))
        ]
    lists = {(board.game, board.name): [part.keys.open for part in board.parts] for board in found}
    return Contents(games=known, boards=lists, runs=JobRuns(database).last())


def look(settings: Settings) -> tuple[list[Finding], Contents | None]:
    """The findings about the database, and what it holds where it has all its tables."""
    database = None
    try:
        database = connect(settings)
        if database is None:
            seen = "there is no database yet"
            return [warn("database", seen, "The first start of the service makes it; see LEADERBOARD_DATA_DIR.")], None
        told = ask(database)
        findings = list(judge(told, settings.workers))
        return findings, read(database) if told.revision == HEAD else None
    except (DatabaseUnavailable, sa.exc.SQLAlchemyError, ImportError) as error:
        reason = error.detail if isinstance(error, DatabaseUnavailable) else str(error)
        remedy = "Start it, see its log, and the address in LEADERBOARD_DATABASE_URL."
        return [fail("database", f"it does not answer: {reason}", remedy)], None
    finally:
        if database is not None:
            database.close()


def judge(told: DatabaseTold, workers: int = 0) -> Iterator[Finding]:
    """All findings about a database; `workers`: how many web processes there are to be, 0 where that is not said."""
    yield _reachable(told, workers)
    yield _migrations(told)
    yield _durability(told)
    yield _space(told)


def _reachable(told: DatabaseTold, workers: int) -> Finding:
    if told.kind == "sqlite":
        return ok("database", f"SQLite {told.version}: for the service on one machine")
    seen = f"PostgreSQL {told.version}"
    if told.settings.get("in_recovery", "False").lower() in ("true", "on"):
        return fail("database", f"{seen}, a standby that takes no writes", "Name the primary.")
    major = re.match(r"\d+", told.version)
    if major and int(major[0]) < _OLDEST_POSTGRESQL:
        return warn("database", f"{seen}, which gets no more mending", f"Upgrade to {_OLDEST_POSTGRESQL} or newer.")
    most = int(told.settings.get("max_connections", 0))
    needed = _CONNECTIONS * (workers + 1)
    if most and most < needed:
        seen += f" takes {most} connections; {workers or 'no'} workers and a scheduler may want {needed}"
        return warn("database", seen, "Raise max_connections, or put a pooler (PgBouncer, session mode) before it.")
    return ok("database", seen)


def _migrations(told: DatabaseTold) -> Finding:
    if told.revision == HEAD:
        return ok("migrations", f"the schema is that of this release ({HEAD})")
    if told.revision is None:
        return warn("migrations", "the database is empty", "The first start of the service makes its tables.")
    if told.revision > HEAD:
        seen = f"the schema ({told.revision}) is newer than this release ({HEAD})"
        return fail("migrations", seen, "Upgrade the service on this machine.")
    seen = f"the schema ({told.revision}) is older than this release ({HEAD})"
    return warn("migrations", seen, "Starting any process of this release brings it up to date.")


def _durability(told: DatabaseTold) -> Finding:
    if told.kind == "sqlite":
        mode = told.settings.get("journal_mode", "")
        if mode == "wal":
            return ok("database-durability", "journal mode WAL, synchronous FULL by the service's own connections")
        remedy = "The service sets it when it connects: see whether the file lies on a network file system."
        return warn("database-durability", f"journal mode {mode}: readers and a writer wait for each other", remedy)
    off = [name for name in ("fsync", "full_page_writes") if told.settings.get(name) == "off"]
    if off:
        seen = f"{listed(off)} off: a loss of power can destroy the archive"
        return fail("database-durability", seen, "Switch it on in postgresql.conf.")
    if told.settings.get("synchronous_commit") == "off":
        seen = "synchronous_commit off: a crash loses what was committed last, such as a period that was just sealed"
        return warn("database-durability", seen, "ALTER ROLE ... SET synchronous_commit = on.")
    return ok("database-durability", "fsync on, synchronous_commit " + told.settings.get("synchronous_commit", "on"))


def _space(told: DatabaseTold) -> Finding:
    if told.disk_free is None or not told.disk_total:
        return unknown("database-space", "the database's disk is not to be seen from here")
    seen = f"{size(told.disk_free)} of {size(told.disk_total)} free"
    if told.disk_free < _DATABASE_SHARE * told.disk_total:
        return warn("database-space", seen, "Make room: a full disk stops sealing, keys and boards; scores go on.")
    return ok("database-space", seen)


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
