"""The database is locked, full, or away: scores go on, what is defined does not."""

import os
import pwd
import resource
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.archive import postgres
from tests.faults.conftest import Rig, Rigs
from tests.faults.load import Load
from tests.faults.service import BOUND_SECONDS
from tests.faults.test_store import BACK_SECONDS, FIRST_SECONDS
from tests.faults.waiting import wait_for

pytestmark = pytest.mark.long

KEYS_SECONDS = 8.0  # by then every copy of a key, in processes and in the store, has been looked up again


def check_scores_go_on(rig: Rig, load: Load, since: float) -> None:
    """Who was known stays known, and what needs no database is served."""
    told = rig.client.ask("PUT", "/v1/boards/other", {})
    assert (told.status, told.json["code"]) == (503, "database_unavailable")
    assert told.seconds < BOUND_SECONDS
    wait_for(lambda: time.monotonic() > since + KEYS_SECONDS, BOUND_SECONDS, "every key to be looked up again")
    load.check_all(200, "keyed", "plain", "bulk", "top", "health", since=since)
    assert load.slowest(since) < BOUND_SECONDS


def check_recovered(rig: Rig, load: Load) -> None:
    load.await_all_good(BACK_SECONDS)
    rig.client.eventually("PUT", "/v1/boards/other", {})
    assert [board["name"] for board in rig.client.eventually("GET", "/v1/boards")["boards"]] == ["other", "total"]


def test_sqlite_locked(rig: Rig) -> None:
    file = rig.serving.data_dir / "leaderboard.sqlite3"
    with Load(rig.client) as load, closing(sqlite3.connect(file, isolation_level=None)) as other:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        other.execute("BEGIN EXCLUSIVE")
        check_scores_go_on(rig, load, since)
        other.execute("ROLLBACK")
        check_recovered(rig, load)


def test_disk_full_under_sqlite(rig: Rig) -> None:
    """No file that the workers write grows any more: neither SQLite's, nor their log, nor their metrics."""
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        limit_files(rig, 4096)
        check_scores_go_on(rig, load, since)
        limit_files(rig, resource.RLIM_INFINITY)
        check_recovered(rig, load)


def limit_files(rig: Rig, size: int) -> None:
    """Python ignores the signal that comes with it, so for the workers it is an error as of a full disk."""
    for pid in rig.serving.workers:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture
def own_postgres() -> Iterator[str]:
    """A server that no other test shares, which may be stopped."""
    binaries = postgres.find_binaries()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs PostgreSQL's binaries")
        pytest.skip("no PostgreSQL binaries on this machine")
    with postgres.running(binaries) as url:
        yield url


def control(url: str, *order: str) -> None:
    """Stops or starts the server at a URL."""
    binaries = postgres.find_binaries()
    assert binaries is not None
    folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    user: Any = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    command = [binaries / "pg_ctl", "-D", folder / "data", "-w", "-t", "30", "-l", folder / "log", *order]
    subprocess.run(command, user=user, cwd=folder, check=True, capture_output=True)


def test_postgresql_stopped_and_started(own_postgres: str, rigs: Rigs) -> None:
    rig = rigs.start(database_url=own_postgres)
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        control(own_postgres, "-m", "immediate", "stop")
        load.await_status("ready", 503, BOUND_SECONDS, since=since)
        check_scores_go_on(rig, load, since)
        stranger = rig.client.ask("GET", "/v1/boards", Authorization="Bearer lb_server_unknown")
        assert stranger.status == 503  # nobody can tell whether it is a key
        folder = parse_qs(urlsplit(own_postgres).query)["host"][0]
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        control(own_postgres, "-o", options, "start")
        check_recovered(rig, load)
