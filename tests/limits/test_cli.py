"""`leaderboard games limits`, and how soon other processes notice."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from leaderboard.archive.database import Database
from leaderboard.archive.tables import games as table
from leaderboard.cli.main import main
from leaderboard.config import Settings
from leaderboard.errors import DatabaseUnavailable
from leaderboard.games.limits import GameLimits

Run = Callable[..., Result]
NONE = {"player_submissions": None, "key_reads": None, "daily_submissions": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def run(folder: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(folder))
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", valkey_url)

    def call(*args: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, args)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


@pytest.fixture
def game(run: Run) -> str:
    name = "g-" + secrets.token_hex(6)
    run("keys", "create", name)
    return name


def shown(run: Run, game: str, *args: str) -> Any:
    return json.loads(run("games", "limits", game, *args, "--json").stdout)


def test_limits_are_set_shown_and_cleared(run: Run, game: str) -> None:
    assert shown(run, game) == NONE
    wanted = {**NONE, "player_submissions": "10/s burst 20", "key_reads": "6000/60s"}
    assert shown(run, game, "--player-submissions", "10/S burst  20", "--key-reads", "6000/60s") == wanted
    assert shown(run, game, "--daily-submissions", "5/day") == {**wanted, "daily_submissions": "5/day"}
    assert shown(run, game) == {**wanted, "daily_submissions": "5/day"}
    assert shown(run, game, "--clear", "daily_submissions", "--key-reads", "none") == {**wanted, "key_reads": None}
    assert shown(run, game, "--clear", "all") == NONE


def test_a_game_may_have_no_limit_where_the_others_have_one(
    run: Run, game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADERBOARD_LIMIT_KEY_READS", "100/s")
    assert shown(run, game) == {**NONE, "key_reads": "100/s"}
    lines = run("games", "limits", game, "--key-reads", "none").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["player_submissions", "none", "default"],
        ["key_reads", "none", "set"],
        ["daily_submissions", "none", "default"],
    ]
    assert shown(run, game, "--clear", "key_reads") == {**NONE, "key_reads": "100/s"}


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--key-reads", "10"], 1, "key_reads:"),
        (["--key-reads", "1/s", "--daily-submissions", "1/h"], 1, "daily_submissions:"),
        (["--key-reads", "1/s", "--clear", "all"], 2, "Set a limit, or clear it"),
        (["--clear", "reads"], 2, "--clear"),
    ],
)
def test_what_is_no_limit_changes_nothing(run: Run, game: str, args: list[str], code: int, said: str) -> None:
    assert said in run("games", "limits", game, *args, code=code).stderr
    assert shown(run, game) == NONE


def test_a_game_is_made_by_its_first_key_alone(run: Run) -> None:
    assert "keys create" in run("games", "limits", "no-such-game", "--key-reads", "1/s", code=1).stderr


def test_settings_and_limits_leave_each_other_alone(run: Run, game: str) -> None:
    run("games", "limits", game, "--key-reads", "9/s")
    run("games", "set", game, "--week-start", "sunday")
    assert shown(run, game) == {**NONE, "key_reads": "9/s"}
    run("games", "limits", game, "--clear", "all")
    assert "sunday" in run("games", "list").stdout


class Stage:
    """Two processes over one database, and seconds moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder, redis_url="memory", limit_key_reads="1/s")
        self.database = Database.connect(self.settings)
        self.seconds = 100.0
        self.one, self.other = (GameLimits(self.database, self.settings, lambda: self.seconds) for _ in range(2))

    def keep(self, text: str) -> None:
        with self.database.begin() as connection:
            connection.execute(sa.update(table).values(limits=text))


@pytest.fixture
def stage(run: Run, game: str, folder: Path) -> Any:
    stage = Stage(folder)
    yield stage, game
    stage.database.close()


def test_other_processes_notice_within_their_cache(stage: tuple[Stage, str]) -> None:
    place, game = stage
    assert place.other.known(game) is None
    assert place.other.of(game).shown["key_reads"] == "1/s"
    place.one.change(game, {"key_reads": "7/s"})
    assert place.one.of(game).shown["key_reads"] == "7/s"
    place.seconds += place.settings.key_cache_seconds - 0.01
    assert place.other.of(game).shown["key_reads"] == "1/s"
    place.seconds += 0.02
    assert place.other.known(game) is None
    assert place.other.of(game).shown["key_reads"] == "7/s"


def test_while_the_database_is_away_the_last_limits_stand(
    stage: tuple[Stage, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, game = stage
    place.one.change(game, {"key_reads": "7/s"})
    place.one.of(game)
    place.seconds += 60

    asked = []

    def away() -> Any:
        asked.append(place.one.of(game).shown["key_reads"] if asked else "")  # what others are told meanwhile
        raise DatabaseUnavailable("It is away.")

    monkeypatch.setattr(place.database, "begin", away)
    for _ in range(3):
        assert place.one.of(game).shown["key_reads"] == "7/s"
    assert asked == [""]
    place.seconds += 6
    assert place.one.of(game).shown["key_reads"] == "7/s"
    assert asked == ["", "7/s"]
    assert place.other.of(game).shown["key_reads"] == "1/s"  # never seen: the default
    with pytest.raises(DatabaseUnavailable):
        place.one.change(game, {"key_reads": "8/s"})


@pytest.mark.parametrize("text", ["x", "[]", '{"key_reads": 7}', '{"key_reads": "7"}', '"key_reads"'])
def test_limits_that_cannot_be_read_are_the_defaults(stage: tuple[Stage, str], text: str) -> None:
    place, game = stage
    place.keep(text)
    assert place.one.of(game).shown == {**NONE, "key_reads": "1/s"}
    assert place.one.change(game, {"daily_submissions": "5/day", "key_reads": None}).shown == {
        **NONE,
        "key_reads": "1/s",
        "daily_submissions": "5/day",
    }


def test_limits_of_a_later_version_are_passed_over(stage: tuple[Stage, str]) -> None:
    place, game = stage
    place.keep('{"key_reads": "7/s", "writes_a_month": "5"}')
    assert place.one.of(game).shown == {**NONE, "key_reads": "7/s"}
