"""`leaderboard doctor` as people call it, and what it says of database, jobs and snapshots."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from leaderboard.archive.database import HEAD, Database
from leaderboard.archive.job_runs import JobRun
from leaderboard.archive.tables import games
from leaderboard.checkup import database, examination, work
from leaderboard.checkup.database import DatabaseTold
from leaderboard.cli.main import main
from leaderboard.config import Settings
from leaderboard.services import build, system_clock
from leaderboard.store.checkup.findings import SECTIONS, Finding
from scheduler import schedule
from tests.conftest import START
from tests.topologies import Cluster, Single

Run = Callable[..., Result]
SQLITE = DatabaseTold(
    kind="sqlite", version="3.40.1", revision=HEAD, settings={"journal_mode": "wal"}, disk_free=50, disk_total=100
)
POSTGRESQL = DatabaseTold(
    kind="postgresql",
    version="15.4 (Debian)",
    revision=HEAD,
    settings={
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "max_connections": "100",
        "in_recovery": "False",
    },
)
# What depends on the machine that the tests run on.
MACHINE = (
    "kernel",
    "open-files",
    "disk-space",
    "database-space",
    "latency",
    "latency-events",
    "slow-commands",
    "clock",
)


def levels(found: "Iterator[Finding] | list[Finding]") -> dict[str, str]:
    return {finding.check: finding.level for finding in found if finding.level != "ok"}


def with_settings(**settings: str) -> DatabaseTold:
    return replace(POSTGRESQL, settings={**POSTGRESQL.settings, **settings})


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (SQLITE, {}),
        (replace(SQLITE, revision=None), {"migrations": "warn"}),
        (replace(SQLITE, revision="0001"), {"migrations": "warn"}),
        (replace(SQLITE, revision="9999"), {"migrations": "fail"}),
        (replace(SQLITE, settings={"journal_mode": "delete"}), {"database-durability": "warn"}),
        (replace(SQLITE, disk_free=5), {"database-space": "warn"}),
        (POSTGRESQL, {"database-space": "unknown"}),
        (replace(POSTGRESQL, version="13.4"), {"database": "warn", "database-space": "unknown"}),
        (with_settings(in_recovery="True"), {"database": "fail", "database-space": "unknown"}),
        (with_settings(max_connections="20"), {"database": "warn", "database-space": "unknown"}),
        (with_settings(fsync="off"), {"database-durability": "fail", "database-space": "unknown"}),
        (with_settings(full_page_writes="off"), {"database-durability": "fail", "database-space": "unknown"}),
        (with_settings(synchronous_commit="off"), {"database-durability": "warn", "database-space": "unknown"}),
    ],
)
def test_the_database(told: DatabaseTold, expected: dict[str, str]) -> None:
    assert levels(database.judge(told, workers=2)) == expected


def test_postgresql(postgres_url: str) -> None:
    settings = Settings(database_url=postgres_url)
    Database.connect(settings).close()
    found, contents = examination.look(settings)
    said = levels(found)
    said.pop("database", None)  # an old server, where this machine has no other
    assert said == {"database-durability": "fail", "database-space": "unknown"}  # the tests' own runs without fsync
    assert contents is not None


def test_a_database_that_is_away(tmp_path: Path) -> None:
    found, contents = examination.look(Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    assert (levels(found), contents) == ({"database": "fail"}, None)
    found, contents = examination.look(Settings(data_dir=tmp_path))
    assert (levels(found), contents) == ({"database": "warn"}, None)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "leaderboard.sqlite3").write_text("no database at all, but a text of some length " * 50)
    found, contents = examination.look(Settings(data_dir=tmp_path))
    assert (levels(found), contents) == ({"database": "fail"}, None)


def ran(minutes_ago: float, **more: Any) -> JobRun:
    at = START - timedelta(minutes=minutes_ago)
    return replace(JobRun(1, "seal", "t", "here", at, at, at), **more)


@pytest.mark.parametrize(
    ("runs", "level"),
    [
        ({}, "warn"),
        ({"seal": ran(1), "prune": ran(100)}, None),
        ({"seal": ran(11), "prune": ran(1)}, "warn"),
        ({"seal": ran(1)}, None),
        ({"prune": ran(60)}, "warn"),
        ({"seal": ran(2000), "prune": ran(1)}, "fail"),
        ({"seal": ran(1, error="Disk full\nand more"), "prune": ran(1)}, "warn"),
        ({"seal": ran(30, ended_at=None), "prune": ran(1)}, "warn"),
    ],
)
def test_jobs(runs: dict[str, JobRun], level: str | None) -> None:
    intervals = {"seal": timedelta(seconds=20), "prune": timedelta(hours=1)}
    assert levels([work.jobs(runs, intervals, START)]).get("jobs") == level


def test_the_intervals_are_those_of_the_schedulers_table() -> None:
    assert {job.id: job.trigger.interval for job in schedule.JOBS} == work.INTERVALS  # type: ignore[attr-defined]


@pytest.mark.parametrize(("hours", "level"), [(-5, None), (0.5, None), (3, "warn"), (200, "fail")])
def test_periods_that_wait(hours: float, level: str | None) -> None:
    closes = {("g", "b"): START - timedelta(hours=hours)}
    assert levels([work.sealing(closes, START)]).get("sealing") == level


@pytest.mark.parametrize(
    ("ages", "names", "level"),
    [
        ({}, [], None),
        (None, [], None),
        (None, ["a"], "unknown"),
        ({}, ["a"], "warn"),
        ({"a": 5}, ["a", "b"], "warn"),
        ({"a": 5, "b": 25, "c": 900}, ["a", "b"], None),
        ({"a": 5, "b": 30}, ["a", "b"], "warn"),
        ({"a": 200}, ["a"], "fail"),
    ],
)
def test_snapshots(ages: dict[str, float] | None, names: list[str], level: str | None) -> None:
    newest = None if ages is None else {game: START - timedelta(hours=age) for game, age in ages.items()}
    assert levels([work.snapshots(newest, names, START)]).get("snapshots") == level


def test_the_files_of_snapshots(tmp_path: Path) -> None:
    for name in ("a-20261123T033000Z", "a-20261122T033000Z", "a-b-20261120T033000Z"):
        (tmp_path / f"{name}.ndjson.zst").touch()
    (tmp_path / ".nightly-a-20261124T033000Z.ndjson.zst.partial").touch()
    newest = work.newest_snapshots(tmp_path) or {}
    assert {game: f"{at:%d}" for game, at in newest.items()} == {"a": "23", "a-b": "20"}
    assert work.newest_snapshots(tmp_path / "none") is None


# The command.


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(tmp_path / "data"))

    def run(*args: str, code: int | None = None) -> Result:
        result = CliRunner().invoke(main, args, catch_exceptions=False)
        assert code is None or result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def single() -> Iterator[Single]:
    with Single(options=["maxmemory 1gb"]) as stage:
        yield stage


def said(result: Result) -> dict[str, str]:
    """What is not well, but for what the machine of the tests is to blame for."""
    return {
        finding["check"]: finding["level"]
        for finding in json.loads(result.stdout)["findings"]
        if finding["level"] != "ok" and finding["check"] not in MACHINE
    }


def test_an_installation_that_is_well_and_then_is_not(
    run: Run, single: Single, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", single.url)
    assert said(run("doctor", "--json", code=0)) == {"database": "warn"}
    run("keys", "create", "g", code=0)
    definition = tmp_path / "board.json"
    definition.write_text('{"periods": ["all", "day"], "partitions": 2}')
    run("boards", "put", "g", "b", "--file", str(definition), code=0)
    assert said(run("doctor", "--json", code=0)) == {"jobs": "warn", "snapshots": "unknown"}
    run("jobs", "run", "all", code=0)
    assert said(run("doctor", "--json", code=0)) == {}

    services = build(Settings.from_env())
    board = services.registry.fresh("g", "b")
    client = services.store.client
    client.zadd(board.parts[1].keys.open, {"2020-01-01": 1_577_923_200})
    with services.database.begin() as connection:
        connection.execute(sa.insert(games).values(name="other", created_at=system_clock()))
    assert said(run("doctor", "--json", code=1)) == {"sealing": "fail"}
    client.delete(board.parts[1].keys.open)
    client.set("ct:{gone}", 1)
    assert said(run("doctor", "--json", code=0)) == {"orphans": "warn"}
    client.delete("ct:{gone}")
    client.config_set("appendfsync", "no")
    assert said(run("doctor", "--json", "--strict", code=1)) == {"appendfsync": "warn"}
    services.close()


def test_for_a_person(run: Run, single: Single, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", single.url)
    single.node.client.config_set("maxmemory-policy", "allkeys-lru")
    result = run("doctor", "--full", code=1)
    lines = result.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FAIL  eviction"))
    assert "-> CONFIG SET maxmemory-policy noeviction" in lines[at + 1]
    assert lines[at + 2].strip() == "docs/operations.md#memory"
    assert "1 failures" in result.stderr
    single.node.client.config_set("maxmemory-policy", "noeviction")
    assert "FAIL" not in run("doctor", code=0).stdout


def test_the_embedded_store(run: Run) -> None:
    result = run("doctor", "--json", code=0)
    assert said(result) == {"database": "warn"}
    checks = [finding["check"] for finding in json.loads(result.stdout)["findings"]]
    assert checks == sorted(checks, key=list(SECTIONS).index)


def test_the_memory_store(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", "memory")
    assert said(run("doctor", "--json", code=1)) == {"appendonly": "fail", "database": "warn"}


def test_a_store_that_is_away(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", "redis://127.0.0.1:1")
    run("keys", "create", "g")  # the database is there
    assert said(run("doctor", "--json", code=1)) == {"store": "fail", "jobs": "warn", "sealing": "unknown"}


@pytest.mark.long
def test_several_servers_in_few_lines(run: Run, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", cluster.url)
    run("keys", "create", "g", code=0)
    result = run("doctor", code=0)
    lines = result.stdout.splitlines()
    assert len([line for line in lines if line.startswith("ok    version")]) == 1
    assert "and 5 more" in next(line for line in lines if line.startswith("ok    version"))
    unlimited = [line for line in lines if line.startswith("warn  memory-limit")]
    assert len(unlimited) == 1
    assert all(str(node.port) in unlimited[0] for node in cluster.nodes)
