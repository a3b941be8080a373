"""The relational side, on SQLite and on a private PostgreSQL: migrations, keys, boards."""

import fcntl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from leaderboard.archive import database as database_module
from leaderboard.archive.database import HEAD, Database
from leaderboard.archive.tables import games, metadata
from leaderboard.boards.definition import read_definition
from leaderboard.config import Settings
from leaderboard.errors import ConfigError, DatabaseUnavailable, Unauthenticated
from leaderboard.services import Services, build

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, valkey_url: str) -> Settings:
    url = request.getfixturevalue("empty_postgres_url") if request.param == "postgresql" else None
    return Settings(data_dir=tmp_path, redis_url=valkey_url, database_url=url)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    services = build(settings, clock=lambda: NOW)
    yield services
    services.close()


def test_migrations_make_the_tables_that_the_code_knows(settings: Settings) -> None:
    database = Database.connect(settings)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    database.close()


def test_several_processes_may_migrate_at_once(settings: Settings) -> None:
    failures: list[BaseException] = []

    def connect() -> None:
        try:
            Database.connect(settings).close()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=connect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_sqlite_is_opened_for_the_first_time_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for others when it is switched to WAL: two that start at once would fail now and then."""
    revision, refused = Database._revision, []

    def look(self: Database) -> str | None:
        with (tmp_path / "leaderboard.sqlite3.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                refused.append(1)
        return revision(self)

    monkeypatch.setattr(Database, "_revision", look)
    for _ in range(2):
        Database.connect(Settings(data_dir=tmp_path)).close()
    assert len(refused) == 2


def test_times_come_back_aware_and_to_the_microsecond(services: Services) -> None:
    services.access.create_key("times", "server", NOW.astimezone(tz=None))
    (key,) = services.access.list_keys("times")
    assert key.created_at == NOW
    assert key.created_at.utcoffset() == timedelta(0)


def test_a_key_opens_its_game_until_it_is_revoked(services: Services) -> None:
    key = services.access.create_key("chess", "client", NOW)
    identity = services.access.identify(key)
    assert (identity.game, identity.role) == ("chess", "client")
    services.access.revoke(identity.key_id, NOW)
    services.access._cached.clear()  # what another process, or this one a second later, knows
    with pytest.raises(Unauthenticated):
        services.access.identify(key)


def test_a_game_keeps_its_boards(services: Services) -> None:
    services.access.create_key("chess", "server", NOW)
    made, is_new = services.registry.put("chess", "blitz", read_definition({"order": "asc"}), NOW)
    again, is_new_again = services.registry.put("chess", "blitz", read_definition({"order": "asc"}), NOW)
    assert (is_new, is_new_again) == (True, False)
    assert again.rev == made.rev
    assert [board.shown() for board in services.registry.all("chess")] == [made.shown()]
    services.registry.delete("chess", "blitz")
    assert services.registry.all("chess") == []


def test_only_hashes_of_keys_are_kept(services: Services) -> None:
    key = services.access.create_key("chess", "server", NOW)
    with services.database.begin() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(sa.select(table)).all()]
    assert rows
    assert key not in repr(rows)


@pytest.mark.parametrize(
    "url", ["sqlite:////nonexistent/folder/file.sqlite3", "postgresql+psycopg://tests@/tests?host=/nonexistent"]
)
def test_a_database_that_is_away_is_said_to_be(url: str) -> None:
    database = Database(sa.create_engine(url))
    with pytest.raises(DatabaseUnavailable):
        database.ping()
    database.close()


def test_what_fails_half_way_leaves_nothing(services: Services) -> None:
    with pytest.raises(ZeroDivisionError), services.database.begin() as connection:  # noqa: PT012 - it must fail inside
        connection.execute(sa.insert(games).values(name="half", created_at=NOW))
        _ = 1 / 0
    assert not services.access.game_exists("half")


def test_a_database_of_a_newer_release_is_said_to_be(settings: Settings) -> None:
    database = Database.connect(settings)
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(ConfigError, match=r"newer release.*9999"):
        Database.connect(settings)
