"""`leaderboard games`, on a data folder of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leaderboard.cli.main import main
from leaderboard.config import Settings
from leaderboard.services import build

Run = Callable[..., Result]
DEFAULTS = {"time_zone": "UTC", "week_start": "monday", "day_start": "00:00", "client_events": False}


@pytest.fixture
def run(tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", valkey_url)

    def call(*args: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, args)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


@pytest.fixture
def games(run: Run, request: pytest.FixtureRequest) -> list[str]:
    """Two games, by name; the store is shared, so they are this test's alone."""
    made = [f"{letter}-{abs(hash(request.node.name)) % 10**12}" for letter in "ab"]
    for name in reversed(made):
        run("keys", "create", name)
    return made


def listed(run: Run) -> Any:
    return json.loads(run("games", "list", "--json").stdout)


def test_set_changes_only_what_is_named(run: Run, games: list[str]) -> None:
    wanted: dict[str, Any] = {"name": games[0], **DEFAULTS}
    assert listed(run) == [wanted, {"name": games[1], **DEFAULTS}]
    for args, change in (
        (["--time-zone", "Europe/Vienna"], {"time_zone": "Europe/Vienna"}),
        (["--week-start", "sunday", "--day-start", "04:30"], {"week_start": "sunday", "day_start": "04:30"}),
        (["--client-events"], {"client_events": True}),
        (["--no-client-events"], {"client_events": False}),
    ):
        wanted |= change
        assert json.loads(run("games", "set", games[0], *args).stdout) == wanted
        assert listed(run) == [wanted, {"name": games[1], **DEFAULTS}]


def test_the_table_has_a_line_a_game(run: Run, games: list[str]) -> None:
    run("games", "set", games[1], "--time-zone", "America/Argentina/ComodRivadavia", "--client-events")
    lines = [line.split() for line in run("games", "list").stdout.splitlines()]
    assert lines[1:] == [
        [games[0], "UTC", "monday", "00:00", "no"],
        [games[1], "America/Argentina/ComodRivadavia", "monday", "00:00", "yes"],
    ]


def test_days_stay_once_there_are_events(run: Run, games: list[str], tmp_path: Path, valkey_url: str) -> None:
    services = build(Settings(data_dir=tmp_path, redis_url=valkey_url))
    services.games.bind(games[0])
    services.close()
    assert "time_zone" in run("games", "set", games[0], "--time-zone", "Europe/Vienna", code=1).stderr
    run("games", "set", games[0], "--time-zone", "UTC", "--client-events")
    assert listed(run)[0] == {"name": games[0], **DEFAULTS, "client_events": True}


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--time-zone", "Mars/Base"], 1, "time_zone:"),
        (["--day-start", "24:00"], 1, "day_start:"),
        (["--week-start", "someday"], 2, "--week-start"),
        ([], 2, "Name a setting"),
    ],
)
def test_what_is_not_acceptable_changes_nothing(
    run: Run, games: list[str], args: list[str], code: int, said: str
) -> None:
    result = run("games", "set", games[0], *args, code=code)
    assert said in result.stderr
    assert result.stdout == ""
    assert listed(run)[0] == {"name": games[0], **DEFAULTS}


def test_a_game_is_made_by_its_first_key_alone(run: Run) -> None:
    assert "keys create" in run("games", "set", "no-such-game", "--client-events", code=1).stderr
    assert listed(run) == []
    assert len(run("games", "list").stdout.splitlines()) == 1
