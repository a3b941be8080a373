"""Commands that hold up the store, and jobs run by hand at odd times."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from leaderboard.boards.definition import read_definition
from leaderboard.cli.main import main
from leaderboard.config import Settings
from leaderboard.services import build
from tests.conftest import START, Service
from tests.periods.running import FreeRun

DAY = "2026-11-23"
AT = "2026-11-23T12:00:00Z"
NEXT_DAY = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
MANY = 200_000


def test_a_backfill_into_a_period_sealed_under_a_larger_max_entries_does_not_hold_up_the_store(
    service: Service,
) -> None:
    client = service.services.store.client
    try:
        client.slowlog_reset()
    except Exception:  # noqa: BLE001
        pytest.skip("the memory store has no slow log")
    service.put_board("b", periods=["day"], retention={"day": 5})
    service.submit("ada", 1)
    key = service.services.registry.get(service.game, "b").keys.standings(DAY)
    for start in range(0, MANY, 10_000):
        client.zadd(key, {f"p{n}": -float(n) for n in range(start, start + 10_000)})
    service.clock.set(NEXT_DAY)
    service.services.sealing.run(NEXT_DAY, FreeRun())
    service.put_board("b", periods=["day"], retention={"day": 5}, max_entries=100)
    client.slowlog_reset()
    service.bulk([{"board": "b", "player": "bob", "score": 10**6, "at": AT}], backfill="true")
    slowest = max([entry["duration"] for entry in client.slowlog_get(100)] or [0]) / 1000
    client.unlink(key)
    assert slowest < 50, f"{slowest:.0f} ms with {MANY} entries"


@pytest.fixture
def command(valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings = Settings(data_dir=tmp_path, redis_url=valkey_url)
    services = build(settings)
    services.access.create_key("review", "server", datetime.now(UTC))
    for board in services.registry.all("review"):
        services.registry.delete("review", board.name)
    services.registry.put(
        "review", "b", read_definition({"rolling": ["7d"], "periods": ["all", "day"]}), datetime.now(UTC)
    )

    def call(*arguments: str) -> Any:
        return CliRunner().invoke(
            main, ["jobs", "run", *arguments, "--data-dir", str(tmp_path), "--redis-url", valkey_url]
        )

    yield call
    services.registry.delete("review", "b")
    services.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ("windows", "--now", "1850-01-01"),
        ("windows", "--now", "2300-01-01"),
        ("seal", "--now", "0001-01-01T00:05:00Z"),
        ("prune", "--now", "0001-01-01T00:05:00Z"),
        ("stats", "--now", "0001-01-01T00:05:00Z"),
        ("all", "--now", "0001-01-01T00:05:00Z"),
    ],
)
def test_a_job_at_a_time_that_is_not_known_fails_without_a_traceback(command: Any, arguments: tuple[str, ...]) -> None:
    result = command(*arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)


def test_a_snapshot_that_cannot_be_written_fails_without_a_traceback(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEADERBOARD_SNAPSHOT_DIR", str(tmp_path / "file"))
    result = command("snapshot")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), repr(result.exception)


def test_a_snapshot_of_the_future_does_not_make_every_start_write_one(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board("b", periods=["all"])
    service.submit("ada", 1)
    snapshots = service.services.snapshots
    monkeypatch.setattr(snapshots, "_folder", tmp_path)
    snapshots.nightly(START + timedelta(days=400), FreeRun())
    assert snapshots.nightly(START, FreeRun())["boards"] >= 1
    again = snapshots.nightly(START + timedelta(minutes=1), FreeRun())
    assert again["boards"] == 0


def test_a_scheduler_that_started_in_the_morning_writes_the_next_nights_snapshot(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board("b", periods=["all"])
    service.submit("ada", 1)
    snapshots = service.services.snapshots
    monkeypatch.setattr(snapshots, "_folder", tmp_path)
    assert snapshots.nightly(datetime(2026, 11, 23, 9, 0, tzinfo=UTC), FreeRun())["boards"] >= 1
    assert snapshots.nightly(datetime(2026, 11, 24, 3, 30, tzinfo=UTC), FreeRun())["boards"] >= 1


def test_a_seal_by_hand_with_a_mistyped_year_can_be_made_good(service: Service) -> None:
    """The mark of closed periods only moves forward: no day takes a score for the next ten years."""
    service.put_board("b", periods=["all", "day"])
    service.submit("ada", 1)
    service.services.sealing.run(START + timedelta(days=3650), FreeRun())
    service.clock.set(START + timedelta(days=1))
    answer = service.submit("ada", 2)
    assert set(answer["periods"]) == {"all", "day"}
