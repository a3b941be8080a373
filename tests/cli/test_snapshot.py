"""`leaderboard snapshot` and `leaderboard restore` as people call them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leaderboard.cli.main import main
from leaderboard.config import Settings
from leaderboard.services import Services, build
from tests.periods.running import FreeRun

Run = Callable[..., Result]
GAME = "snap"
LINES = "".join(
    f'{{"player": "{player}", "score": {score}, "at": "2024-02-0{day}T10:00:00Z", "metadata": {{"day": {day}}}}}\n'
    for day, player, score in ((3, "ada", 5), (3, "Ödön, 2", 9), (4, "ada", 7), (4, "🏆", 1))
)


@pytest.fixture
def run(tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", valkey_url)
    monkeypatch.chdir(tmp_path)

    def call(*args: str, code: int = 0, **more: Any) -> Result:
        result = CliRunner().invoke(main, args, **more)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


@pytest.fixture
def services(run: Run) -> Iterator[Services]:
    """Two boards with scores in two days long ago."""
    services = build(Settings.from_env())
    for key in services.store.client.scan_iter(f"lb:{{{GAME}:*"):
        services.store.client.delete(key)
    run("keys", "create", GAME)
    for board in ("points", "goals"):
        definition = {"operator": "sum", "periods": ["all", "day"], "retention": {"day": 2}}
        run("boards", "put", GAME, board, "--file", "-", input=json.dumps(definition))
        run("load", GAME, "-", "--board", board, input=LINES)
    yield services
    services.close()


def exported(run: Run, board: str) -> list[str]:
    periods = ([], ["--period", "day", "--id", "2024-02-03"], ["--period", "day", "--id", "2024-02-04"])
    return [run("export", GAME, board, *period).stdout.replace(board, "") for period in periods]


def test_a_board_goes_into_a_file_and_comes_back(run: Run, services: Services, tmp_path: Path) -> None:
    before = exported(run, "points")
    said = run("snapshot", GAME, "--out", "all.zst").stderr
    assert said == "2 boards, 6 periods, 14 entries\n"
    run("snapshot", GAME, "points", "points", "--out", "one.zst")
    assert [path.name for path in sorted(tmp_path.glob("*zst*"))] == ["all.zst", "one.zst"]
    assert (tmp_path / "all.zst").stat().st_mode & 0o777 == 0o600
    run("load", GAME, "-", "--board", "points", input=LINES.replace('"ada"', '"eve"'))
    assert exported(run, "points") != before
    result = run("restore", GAME, "points", "--from", "all.zst", code=1)
    assert "--replace" in result.stderr
    assert result.stderr.count("\n") == 1
    run("restore", GAME, "points", "--from", "one.zst", "--as", "copy")
    assert exported(run, "copy") == before
    said = run("restore", GAME, "points", "--from", "all.zst", "--replace").stdout
    assert said == "points: 3 periods, 7 entries\n"
    assert exported(run, "points") == before
    assert "no board 'goals'" in run("restore", GAME, "goals", "--from", "one.zst", "--replace", code=1).stderr
    run("keys", "create", "elsewhere")
    run("restore", "elsewhere", "points", "--from", "one.zst")


def test_stdout_and_stdin(run: Run, services: Services) -> None:
    body = run("snapshot", GAME, "points", "--out", "-").stdout_bytes
    run("restore", GAME, "points", "--from", "-", "--as", "copy", input=body)
    assert exported(run, "copy") == exported(run, "points")


def test_a_damaged_file_changes_nothing(run: Run, services: Services, tmp_path: Path) -> None:
    before = exported(run, "points")
    run("snapshot", GAME, "--out", "all.zst")
    body = (tmp_path / "all.zst").read_bytes()
    for damaged in (body[:-9], body[:200] + b"x" + body[201:], b"", b"{}"):
        (tmp_path / "all.zst").write_bytes(damaged)
        result = run("restore", GAME, "points", "--from", "all.zst", "--replace", code=1)
        assert result.stderr.startswith("Error: The file is not a whole snapshot: ")
    assert exported(run, "points") == before


def test_a_file_that_cannot_be_written_is_not_there(run: Run, services: Services, tmp_path: Path) -> None:
    assert "No such file" in run("snapshot", GAME, "--out", "no/such/folder/x.zst", code=1).stderr
    run("snapshot", GAME, "nope", "--out", "x.zst", code=1)
    run("snapshot", "no-such-game", "--out", "x.zst", code=1)
    assert not list(tmp_path.glob("*x.zst*"))
    run("restore", GAME, "points", "--from", "no-such-file", code=2)


def test_an_archived_period_comes_back(run: Run, services: Services) -> None:
    before = exported(run, "points")
    services.sealing.run(datetime.now(UTC), FreeRun())
    keys = services.registry.get(GAME, "points").keys
    assert not services.store.client.exists(keys.standings("2024-02-03"))
    day = ("--period", "day", "--id", "2024-02-03")
    said = run("restore", GAME, "points", *day).stdout
    assert said.startswith("points: 2024-02-03, 2 entries, stays in the store until ")
    assert services.store.client.exists(keys.standings("2024-02-03"))
    services.sealing.run(datetime.now(UTC), FreeRun())
    assert services.store.client.exists(keys.standings("2024-02-03"))
    assert exported(run, "points") == before
    assert "in the store already" in run("restore", GAME, "points", *day, code=1).stderr
    run("restore", GAME, "points", "--period", "day", "--id", "2024-02-04", "--reopen", "--days", "1")
    assert services.store.client.zscore(keys.open, "2024-02-04") is not None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--period", "day", "--id", "2024-02-05"], "not in the archive"),
        (["--period", "day", "--id", "2024-02-30"], "2024-02-30"),
        (["--period", "week", "--id", "2024-W06"], "keeps no week"),
    ],
)
def test_a_period_that_cannot_come_back_says_why(run: Run, services: Services, args: list[str], said: str) -> None:
    result = run("restore", GAME, "points", *args, code=1)
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert not services.store.client.exists(services.registry.get(GAME, "points").keys.held)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--period", "day"],
        ["--id", "2024-02-03"],
        ["--from", "x", "--period", "day", "--id", "2024-02-03"],
        ["--from", "x", "--reopen"],
        ["--from", "x", "--days", "3"],
        ["--period", "day", "--id", "2024-02-03", "--replace"],
        ["--period", "day", "--id", "2024-02-03", "--as", "copy"],
        ["--period", "day", "--id", "2024-02-03", "--days", "31"],
        ["--period", "all", "--id", "all"],
    ],
)
def test_a_wrong_call_ends_with_2(run: Run, args: list[str]) -> None:
    run("restore", GAME, "points", *args, code=2)


def test_a_name_that_no_board_can_have(run: Run, services: Services) -> None:
    run("snapshot", GAME, "--out", "all.zst")
    assert "no name for a board" in run("restore", GAME, "points", "--from", "all.zst", "--as", "a b", code=1).stderr
