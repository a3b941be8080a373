"""`leaderboard memory`, and what it measures on both stores."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leaderboard.boards.usage import BoardUsage, Usage
from leaderboard.cli.main import main
from leaderboard.cli.memory import human_size, human_time
from tests.conftest import START, Service
from tests.periods.running import FreeRun


def fill(service: Service) -> None:
    definition: dict[str, Any] = {"periods": ["all", "day"], "rolling": ["24h"], "ties": "dense"}
    service.put_board("big", **definition)
    service.put_board("small", periods=["all"])
    service.bulk([{"board": "big", "player": f"p{n}", "score": n, "metadata": {"n": n}} for n in range(300)])
    service.submit("ada", 1, "small")
    service.request(
        "POST", "/v1/boards/big/scores", json={"player": "ada", "score": 1}, headers={"Idempotency-Key": "once"}
    )
    service.get("/boards/big/top?window=24h")


def usage(service: Service, **which: Any) -> dict[str, BoardUsage]:
    measured = Usage(service.services.store, service.services.registry)
    found = measured.boards(which.get("game", service.game), which.get("name"), service.clock.now())
    return {board.name: board for board in found if board.game == service.game}


def test_every_key_is_counted_once(service: Service) -> None:
    fill(service)
    boards = usage(service)
    assert boards.keys() == {"big", "small"}
    big = boards["big"]
    states = {period.id: (period.state, period.entries) for period in big.periods.values()}
    assert states == {
        "all": ("open", 301),
        "2026-11-23": ("open", 301),
        "2026-11-23T12": ("bucket", 301),
        "r24h:2026-11-23T12": ("window", 301),
    }
    assert big.periods["all"].seconds_left is None
    assert (big.periods["2026-11-23"].seconds_left or 0) > 30 * 86_400
    assert big.other_keys == 4  # meta, known, open and the marker
    client = service.services.store.client
    if big.size is not None:
        keys = list(client.scan_iter(f"lb:{{{service.game}:big}}:*"))
        assert big.size == sum(client.memory_usage(key, samples=20) for key in keys)
        assert big.size > (boards["small"].size or 0) > 0
    assert usage(service, name="small").keys() == {"small"}
    assert usage(service, game=None).keys() == {"big", "small"}


def test_states(service: Service) -> None:
    fill(service)
    day = "2026-11-23"
    closed = START.replace(hour=0, day=24, minute=5)
    service.clock.set(closed)
    assert usage(service)["big"].periods[day].state == "closed"
    sealed = closed.replace(minute=30)
    service.clock.set(sealed)
    service.services.sealing.run(sealed, FreeRun())
    assert usage(service)["big"].periods[day].state == "sealed"


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["memory", *args])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def game(tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", valkey_url)
    for args in (["keys", "create", "mem"], ["boards", "put", "mem", "b", "--file", "-"]):
        CliRunner().invoke(main, args, input='{"periods": ["all", "day"]}', catch_exceptions=False)
    lines = "".join(f'{{"player": "p{n}", "score": {n}, "at": "2024-02-03T10:00:00Z"}}\n' for n in range(50))
    CliRunner().invoke(main, ["load", "mem", "-", "--board", "b", "--again"], input=lines, catch_exceptions=False)
    return "mem"


def test_the_table_and_the_json(game: str) -> None:
    result = run(game)
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["board,", "period", "state", "entries", "memory", "goes", "in"]
    assert lines[1].split()[0] == "mem/b"
    assert {line.split()[0]: line.split()[1:3] for line in lines[2:4]} == {
        "all": ["open", "50"],
        "2024-02-03": ["closed", "50"],
    }
    assert "The store uses " in result.stderr
    document = json.loads(run(game, "--board", "b", "--json").stdout)
    board = document["boards"][0]
    assert (board["game"], board["board"]) == ("mem", "b")
    assert board["bytes"] == sum(period["bytes"] for period in board["periods"]) + board["other"]["bytes"]
    assert document["server"]["policy"] == "noeviction"
    assert document["server"]["used"] > board["bytes"] > 0
    assert "mem/b" in run().stdout


def test_wrong_calls(game: str) -> None:
    run("--board", "b", code=2)
    assert "no board 'nope'" in run(game, "--board", "nope", code=1).stderr
    run("no-such-game", code=1)


def test_units() -> None:
    sizes = [None, 0, 1023, 1024, 1536, 1024**2 - 1, 5 * 1024**3, 2 * 1024**5]
    assert list(map(human_size, sizes)) == [
        "-", "0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.0 GiB", "2048.0 TiB",
    ]  # fmt: skip
    assert list(map(human_time, [5, 61, 3700, 90_000])) == ["0 min 5 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]
