"""The relational database: one engine a process, and its migrations."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from leaderboard.config import Settings
from leaderboard.errors import ConfigError, DatabaseUnavailable

HEAD = "0006"  # the newest migration; looked at before Alembic is even imported
_MIGRATIONS = Path(__file__).parent / "migrations"
# A host that is gone without a word is noticed within some ten seconds.
_POSTGRES = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_LOCK_ID = 0x6C656164  # "lead": PostgreSQL's advisory lock for migrating


class Database:
    """Hands out connections and turns every driver error into DatabaseUnavailable."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @classmethod
    def connect(cls, settings: Settings) -> "Database":
        """Makes the engine and brings the schema up to date. Raises ConfigError, DatabaseUnavailable."""
        url = sa.make_url(settings.resolved_database_url)
        if url.get_backend_name() == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        try:
            engine = sa.create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite", **_pool(url))
        except ModuleNotFoundError as error:
            raise ConfigError("PostgreSQL needs the extra: pip install 'leaderboard[postgres]'.") from error
        if url.get_backend_name() == "sqlite":
            sa.event.listen(engine, "connect", _tune_sqlite)
        database = cls(engine)
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction: committed at the end of the block, rolled back on an error."""
        with _translated(), self.engine.begin() as connection:
            yield connection

    def migrate(self) -> None:
        """Brings the schema to HEAD; safe to call from several processes at once. Raises ConfigError."""
        with self._turn():
            if self._revision() != HEAD:
                self._upgrade()

    def _upgrade(self) -> None:
        with _translated(), self._migrating() as connection:
            # Slow to import, seldom needed; and by one thread at a time, for its modules import each other.
            from alembic import command  # noqa: PLC0415
            from alembic.config import Config  # noqa: PLC0415
            from alembic.util import CommandError  # noqa: PLC0415

            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise ConfigError(f"The database was made by a newer release: {error}.") from error

    def ping(self) -> None:
        """Raises DatabaseUnavailable unless the database answers."""
        with self.begin() as connection:
            connection.execute(sa.select(1))

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()

    def _revision(self) -> str | None:
        with self.begin() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()

    @contextmanager
    def _migrating(self) -> Iterator[sa.Connection]:
        """One connection, and nobody else migrating meanwhile."""
        if self.engine.dialect.name == "postgresql":
            with self.engine.connect() as connection:
                connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK_ID)))
                connection.commit()
                try:
                    yield connection
                    connection.commit()
                finally:
                    connection.rollback()
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK_ID)))
                    connection.commit()
            return
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time, where the database is a file: to switch it to WAL nobody else may have it open, and
        SQLite does not wait for that."""
        file = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or not file or file == ":memory:":
            yield
            return
        try:
            lock = Path(f"{file}.lock").open("a")  # noqa: SIM115 - its errors are told, those of the block are not
        except OSError as error:
            raise DatabaseUnavailable(f"The database is away: {error.strerror}.") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _pool(url: sa.URL) -> dict[str, object]:
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        return {"poolclass": sa.StaticPool, "connect_args": {"check_same_thread": False}}
    found: dict[str, object] = {"pool_size": 4, "max_overflow": 12, "pool_timeout": 5}
    if url.get_backend_name() == "postgresql":
        found["connect_args"] = _POSTGRES
    return found


def _tune_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    # WAL lets readers and a writer work side by side; FULL keeps what was committed over a loss of power.
    for pragma in ("busy_timeout = 5000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if isinstance(error, DBAPIError) and isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError):
            raise
        raise DatabaseUnavailable(f"The database is away: {type(error).__name__}.") from error
