"""Keys: a revoked one is dead everywhere within five seconds, whatever the caches hold."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leaderboard.archive.database import Database
from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable, Unauthenticated
from leaderboard.games.access import Access
from leaderboard.store import clients
from leaderboard.store import keys as names
from leaderboard.store.connection import Store

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PROCESS_SECONDS = 1.5


class Ticks:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Away(Store):
    """A store that cannot be reached: what a broken connection looks like from above."""

    def __init__(self) -> None:
        super().__init__(clients.make(Settings(redis_retries=0), "redis://127.0.0.1:1/0"))


@pytest.fixture
def store(valkey_url: str) -> Iterator[Store]:
    store = Store.connect(Settings(), valkey_url)
    yield store
    store.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.connect(Settings(data_dir=tmp_path))
    yield database
    database.close()


def test_another_process_forgets_a_revoked_key_when_its_copy_is_old(store: Store, database: Database) -> None:
    ticks = Ticks()
    here = Access(store, database, PROCESS_SECONDS, ticks)
    there = Access(store, database, PROCESS_SECONDS, ticks)
    key = here.create_key("g", "server", NOW)
    identity = there.identify(key)
    here.revoke(identity.key_id, NOW)
    assert there.identify(key) == identity  # its copy is still young
    ticks.at += PROCESS_SECONDS
    with pytest.raises(Unauthenticated):
        there.identify(key)
    with pytest.raises(Unauthenticated):
        here.identify(key)


def test_the_copy_in_the_store_is_short_lived_enough(store: Store, database: Database) -> None:
    access = Access(store, database, PROCESS_SECONDS)
    key = access.create_key("g", "server", NOW)
    access.identify(key)
    kept = names.auth(hashlib.sha256(key.encode()).hexdigest())
    assert 0 < store.client.pttl(kept) <= PROCESS_SECONDS * 1000
    assert 2 * PROCESS_SECONDS < 5  # the two copies one after the other


def test_revoking_while_the_store_is_away_works(database: Database, store: Store) -> None:
    away = Access(Away(), database, PROCESS_SECONDS)
    key = away.create_key("g", "server", NOW)
    identity = away.identify(key)  # from the database
    away.revoke(key, NOW)
    with pytest.raises(Unauthenticated):
        Access(store, database, PROCESS_SECONDS).identify(key)
    assert identity.role == "server"


def test_the_stand_in_is_really_away() -> None:
    with pytest.raises(StoreUnavailable):
        Away().ping()


def test_an_unknown_key_is_not_remembered_as_unknown(store: Store, database: Database) -> None:
    access = Access(store, database, PROCESS_SECONDS)
    with pytest.raises(Unauthenticated):
        access.identify("lb_server_made_up")
    assert store.client.get(names.auth("made up")) is None
    assert access._cached == {}
