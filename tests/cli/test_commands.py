"""The commands as people call them, on a data folder of their own."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leaderboard.cli.main import main

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", valkey_url)
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def call(*args: str, code: int = 0, **kwargs: Any) -> Result:
        result = runner.invoke(main, args, **kwargs)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


@pytest.fixture
def game(run: Run, request: pytest.FixtureRequest) -> str:
    name = "cli-" + str(abs(hash(request.node.name)))[:12]
    run("keys", "create", name)
    return name


def put(run: Run, game: str, board: str, **definition: Any) -> Any:
    result = run("boards", "put", game, board, "--file", "-", input=json.dumps(definition))
    return json.loads(result.stdout)


def test_a_key_is_all_that_stdout_says(run: Run) -> None:
    result = run("keys", "create", "solo", "--role", "client")
    assert result.stdout.startswith("lb_client_")
    assert result.stdout.count("\n") == 1
    listed = json.loads(run("keys", "list", "solo", "--json").stdout)
    assert [(key["game"], key["role"], key["revoked_at"]) for key in listed] == [("solo", "client", None)]
    run("keys", "revoke", listed[0]["id"])
    assert json.loads(run("keys", "list", "solo", "--json").stdout)[0]["revoked_at"] is not None


@pytest.mark.parametrize("args", [["keys", "create"], ["nonsense"], ["top", "g"], ["load", "g", "/no/such/file"]])
def test_a_wrong_call_ends_with_2(run: Run, args: list[str]) -> None:
    run("keys", "create", "g")
    run(*args, code=2)


@pytest.mark.parametrize(
    "args",
    [
        ["keys", "create", "Not A Game"],
        ["keys", "revoke", "nothing"],
        ["boards", "list", "no-such-game"],
        ["top", "no-such-game", "b"],
        ["export", "no-such-game", "b"],
    ],
)
def test_a_failure_ends_with_1_and_one_sentence_on_stderr(run: Run, args: list[str]) -> None:
    result = run(*args, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_a_definition_that_is_wrong_names_its_fields(run: Run, game: str) -> None:
    definition = json.dumps({"order": "up", "score": {"min": 3, "max": 1}})
    result = run("boards", "put", game, "b", "--file", "-", input=definition, code=1)
    assert "order:" in result.stderr


def test_ndjson_and_csv_plain_and_gzipped_load_the_same(run: Run, game: str, tmp_path: Path) -> None:
    rows = [
        ("ada", "12.5", "2024-02-03T10:00:00Z"),
        ("Ödön, 2", "3", "2024-02-04T10:00:00Z"),
        ("ada", "9", "2024-02-04T10:00:00Z"),
    ]
    ndjson = "".join(f'{{"player": "{player}", "score": {score}, "at": "{at}"}}\n' for player, score, at in rows)
    csv = "player,score,at\n" + "".join(f'"{player}",{score},{at}\n' for player, score, at in rows)
    for number, (text, packed) in enumerate([(ndjson, False), (ndjson, True), (csv, False), (csv, True)]):
        board = f"b{number}"
        put(run, game, board, periods=["all", "day"])
        file = tmp_path / f"file{number}"
        file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        report = json.loads(run("load", game, str(file), "--board", board, "--json").stdout)
        assert (report["applied"], report["unchanged"], report["rejected"]) == (3, 0, 0)
        top = json.loads(run("top", game, board, "--json").stdout)
        assert [(row["player"], row["score"]) for row in top] == [("ada", 12.5), ("Ödön, 2", 3)]
        day = json.loads(run("top", game, board, "--period", "day", "--id", "2024-02-04", "--json").stdout)
        assert [(row["rank"], row["player"], row["score"]) for row in day] == [(1, "ada", 9), (2, "Ödön, 2", 3)]


def test_loading_again_changes_nothing_and_again_does(run: Run, game: str, tmp_path: Path) -> None:
    put(run, game, "b", operator="sum", periods=["all"])
    text = '{"board": "b", "player": "ada", "score": 5}\n'
    for args, applied, passed in (([], 1, 0), ([], 1, 1), (["--again"], 1, 0)):
        report = json.loads(run("load", game, "-", "--json", *args, input=text).stdout)
        assert (report["applied"], report["passed_over"]) == (applied, passed)
    assert json.loads(run("top", game, "b", "--json").stdout)[0]["score"] == 10


def test_refused_lines_go_to_a_file_once(run: Run, game: str, tmp_path: Path) -> None:
    put(run, game, "b", operator="sum", periods=["all"], score={"type": "integer", "min": 0, "max": 9})
    lines = [
        '{"board": "b", "player": "ada", "score": 5}',
        "not json",
        '{"board": "nope", "player": "ada", "score": 5}',
        '{"board": "b", "player": "ada", "score": 5}',
        '{"board": "b", "player": "ada", "score": 9007199254740993.0, "colour": 1}',
        "",
        '{"board": "b", "player": "", "score": 1}',
    ]
    file = tmp_path / "scores.ndjson"
    file.write_text("\n".join(lines) + "\n")
    for _ in range(2):
        report = json.loads(run("load", game, str(file), "--json").stdout)
        assert (report["applied"], report["rejected"]) == (1, 5)
    rejects = [json.loads(line) for line in (tmp_path / "scores.ndjson.rejects.ndjson").read_text().splitlines()]
    assert sorted((row["line"], row["code"]) for row in rejects) == [
        (2, "unreadable_body"),
        (3, "unknown_board"),
        (4, "score_out_of_range"),
        (5, "validation_error"),
        (7, "validation_error"),
    ]


@pytest.mark.parametrize("form", ["ndjson", "csv"])
@pytest.mark.parametrize(
    "definition",
    [
        {"periods": ["all", "day"]},
        {"periods": ["all", "day"], "order": "asc", "score": {"decimals": 3}},
        {
            "periods": ["all", "day"],
            "operator": "sum",
            "score": {"min": 0, "max": 9},
            "subscore": {"min": -5, "max": 5},
        },
    ],
)
def test_what_is_exported_loads_back(run: Run, game: str, form: str, definition: dict[str, Any]) -> None:
    board = f"from-{form}-{abs(hash(repr(definition))) % 10**9}"
    put(run, game, board, **definition)
    at = "2024-02-04T10:00:00Z"
    more = {"subscore": -2} if "subscore" in definition else {}
    items = [
        {
            "board": board,
            "player": player,
            "score": score,
            "at": at,
            "metadata": {"n": score},
            **more,
        }
        for player, score in (("ada", 1), ('q"uo,te', 2), ("WAC/St. Andrä", 2))
    ]
    run("load", game, "-", input="".join(json.dumps(item) + "\n" for item in items))
    for period in (["--period", "all"], ["--period", "day", "--id", "2024-02-04"]):
        exported = run("export", game, board, "--format", form, *period).stdout
        other = board + period[1]
        put(run, game, other, **definition)
        run("load", game, "-", "--board", other, input=exported)
        again = run("export", game, other, "--format", form, *period).stdout
        assert again.replace(other, board) == exported


def test_the_demo_may_be_loaded_twice(run: Run) -> None:
    first, second = (run("demo").stdout for _ in range(2))
    link = re.compile(r"http://127\.0\.0\.1:8000/signin/link/[\w-]{43}$", re.MULTILINE)
    assert len({link.search(text)[0] for text in (first, second)}) == 2  # type: ignore[index]
    assert link.sub("", first) == link.sub("", second)
    table = json.loads(run("top", "football", "points", "--limit", "8", "--json").stdout)
    assert [(row["player"], row["score"], row["subscore"]) for row in table[-2:]] == [
        ("Newcastle United FC", 60, 23),
        ("Manchester United FC", 60, -1),
    ]
