"""What a check-up asks the database, and what it thinks of the answers."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from leaderboard.archive.database import HEAD, Database
from leaderboard.config import Settings
from leaderboard.store.checkup.findings import Finding, fail, listed, ok, size, unknown, warn

_OLDEST_POSTGRESQL = 14
_DATABASE_SHARE = 0.1  # of a disk that is to be free
_CONNECTIONS = 16  # that each process may take


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTold:
    """What the database said. `settings` are PostgreSQL's, or SQLite's pragmas."""

    kind: str  # sqlite or postgresql
    version: str
    revision: str | None
    settings: Mapping[str, str]
    disk_free: int | None = None  # bytes; None where that is not to be seen
    disk_total: int | None = None


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
