"""`leaderboard stats`: the same figures as over HTTP, drawn to fit."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.api import stats as api
from leaderboard.app import create_app
from leaderboard.cli import stats
from leaderboard.cli.main import main
from leaderboard.cli.stats import Canvas
from leaderboard.config import Settings
from tests.conftest import FakeClock, Service

Run = Callable[..., Result]
ANY_NUMBER = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.just(0))
EVENTS = [
    {"player": "ada", "value": 3, "at": "2024-05-01T22:30:00Z", "properties": {"country": "AT", "level": 1}},
    {"player": "bob", "value": -2, "at": "2024-05-02T10:00:00Z", "properties": {"country": "DE", "level": 1}},
    {"player": "bob", "value": -4, "at": "2024-05-02T21:59:59Z", "properties": {"country": "DE", "level": 2}},
    {"player": "eve", "at": "2024-05-03T22:00:00Z", "properties": {"country": "DE"}},
    {"player": "ada", "value": 8, "at": "2024-05-05T09:00:00Z", "properties": {"country": "=1+1", "level": 2}},
    {"at": "2024-05-05T09:00:00Z"},
]
RANGE = ("--from", "2024-05-02", "--to", "2024-05-07")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stats")


@pytest.fixture(scope="module")
def service(folder: Path, valkey_url: str) -> Iterator[Service]:
    """A game in Vienna with some events."""
    app = create_app(Settings(data_dir=folder, redis_url=valkey_url))
    service = Service(app, FakeClock())
    service.new_game()
    service.request("PUT", "/v1/game", json={"time_zone": "Europe/Vienna"})
    post(service, [{"name": "match", **event} for event in EVENTS])
    yield service
    service.services.close()


@pytest.fixture
def run(folder: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command for that game, on a narrow terminal."""
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(folder))
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", str(service.services.settings.redis_url))
    monkeypatch.setenv("COLUMNS", "32")

    def call(*args: str, game: str = "", name: str = "match", code: int = 0, charset: str = "utf-8") -> Result:
        result = CliRunner(charset=charset).invoke(main, ["stats", game or service.game, name, *args])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


def post(service: Service, events: list[dict[str, Any]]) -> None:
    reply = service.request("POST", "/v1/events", json={"events": events}, query={"backfill": "true"})
    assert reply.status == 200, reply.body
    assert reply.json["applied"] == len(events)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.parametrize(
    ("args", "query"),
    [
        (RANGE, "from=2024-05-02&to=2024-05-07"),
        (("--from", "2024-04-30T23:59:59+02:00", "--to", "2024-05-02", "--step", "hour"),
         "from=2024-04-30T21:59:59Z&to=2024-05-02&step=hour"),
        (("--from", "2023-01-01", "--to", "2025-01-01", "--step", "year", "--group-by", "country"),
         "from=2023-01-01&to=2025-01-01&step=year&group_by=country"),
        ((*RANGE, "--step", "week", "--group-by", "level,country", "--prop", "level=1", "--prop", "level=",
          "--prop", "country=DE", "--field", "sum"),
         "from=2024-05-02&to=2024-05-07&step=week&group_by=level,country&prop.level=1&prop.level=&prop.country=DE"),
    ],
)  # fmt: skip
def test_files_are_what_http_answers(run: Run, service: Service, form: str, args: tuple[str, ...], query: str) -> None:
    reply = service.request("GET", f"/v1/stats/match?{query}&format={form}")
    assert (reply.status, reply.body.count(b"\n") > 1) == (200, True)
    result = run(*args, "--format", form)
    assert (result.stdout_bytes, result.stderr) == (reply.body, "")


def test_a_step_is_a_row_with_a_bar(run: Run, service: Service) -> None:
    result = run(*RANGE)
    assert result.stdout.splitlines() == [
        "2024-05-02  3  █████████████████",  # the first was half an hour after midnight in Vienna
        "2024-05-03  0",
        "2024-05-04  1  █████▋",
        "2024-05-05  2  ███████████▍",
        "2024-05-06  0",
    ]
    assert result.stderr == "match, count by day, 2024-05-02 to 2024-05-06 (Europe/Vienna): 6 in all\n"


def test_values_below_zero_are_shaded_and_unknown_ones_have_no_bar(run: Run) -> None:
    assert run(*RANGE, "--field", "sum").stdout.splitlines() == [
        "2024-05-02  -3  ░░░░░░",
        "2024-05-03   0",
        "2024-05-04   0",
        "2024-05-05   8  ████████████████",
        "2024-05-06   0",
    ]
    result = run(*RANGE, "--step", "week", "--field", "mean", charset="ascii")
    assert result.stdout.splitlines() == ["2024-W18  1.25  ################", "2024-W19     -"]
    assert result.stderr.endswith(": 1.25 in all\n")
    result = run(*RANGE, "--step", "month", "--field", "mean", "--prop", "country=DE", charset="ascii")
    assert result.stdout.splitlines() == ["2024-05  -3.00  ----------------"]
    assert "2024-05-02T00  1  #" in run(*RANGE, "--step", "hour", charset="latin-1").stdout
    result = run(*RANGE, "--step", "year", "--field", "players")
    assert result.stdout.startswith("2024  3  ████")
    assert result.stderr.endswith(": 3 at most, standard error 0.81 %\n")


def test_a_group_is_a_sparkline(run: Run, service: Service) -> None:
    result = run(*RANGE, "--group-by", "country")
    assert result.stdout.splitlines() == [
        "DE      3  █▁▅▁▁",
        "=1+1    1  ▁▁▁█▁",
        "AT      1  █▁▁▁▁",
        "(none)  1  ▁▁▁█▁",
    ]
    plain = run(*RANGE, "--group-by", "country", "--field", "mean", charset="ascii").stdout.splitlines()
    assert plain == ["DE      -3.00  _", "=1+1     8.00     #", "AT       3.00  #", "(none)      -"]
    assert run("--from", "2020-01-01", "--to", "2020-01-02", "--group-by", "country").stdout == ""
    post(service, [{"name": "wide", "at": "2024-05-02T10:00:00Z", "properties": {"c": c}} for c in ("日本", "Ö")])
    line = run(*RANGE, "--group-by", "c", name="wide").stdout.splitlines()
    assert line == ["Ö     1  █▁▁▁▁", "日本  1  █▁▁▁▁"]
    assert run(*RANGE, "--group-by", "c", name="wide", charset="latin-1").stdout.splitlines()[0] == "Ö     1  #____"


def test_many_steps_are_put_together_to_fit(run: Run) -> None:
    args = ("--from", "2024-01-01", "--to", "2025-01-01", "--group-by", "country", "--prop", "country=DE")
    (line,) = run(*args).stdout.splitlines()
    head, _, cells = line.rpartition("  ")
    assert head == "DE  3"
    assert len(cells) == 25  # 25 fit, beside the group and its total: 366 days by 15
    assert [number for number, cell in enumerate(cells) if cell != "▁"] == [8]


def test_what_was_cut_off_is_told_on_stderr(run: Run, service: Service) -> None:
    many = [{"name": "cut", "at": "2024-05-02T10:00:00Z", "properties": {"id": number}} for number in range(302)]
    post(service, many)
    result = run(*RANGE, "--group-by", "id", "--format", "csv", name="cut")
    (warning,) = service.get("/stats/cut?from=2024-05-02&to=2024-05-07&group_by=id")["warnings"]
    assert result.stderr == f"Warning: {warning['detail']}\n"
    assert "Warning" not in result.stdout
    assert run(*RANGE, "--format", "csv", name="cut").stderr == ""


@pytest.mark.parametrize(
    ("args", "more", "says"),
    [
        ((), {"game": "no-such-game"}, "There is no game 'no-such-game'"),
        ((), {"name": "nothing"}, "no events named 'nothing'"),
        ((), {"name": "a}b"}, "no name for an event"),
        ((*RANGE, "--group-by", "nope"), {}, "property 'nope'"),
        ((*RANGE, "--prop", "nope=1"), {}, "property 'nope'"),
        (("--from", "yesterday"), {}, "from: "),
        (("--from", "2024-05-03", "--to", "2024-05-02"), {}, "to: Not after from."),
        (("--from", "2020-01-01", "--step", "hour"), {}, "More than 10000 hours"),
    ],
)
def test_what_cannot_be_answered_ends_with_1_and_one_line(run: Run, args: Any, more: Any, says: str) -> None:
    result = run(*args, code=1, **more)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    ["--step second", "--field min", "--format json", "--prop country", "--prop =AT", "--group-by a,a", "--group-by a,",
     "--group-by=", "--group-by a,b,c,d,e,f,g,h,i", "more"],
)  # fmt: skip
def test_a_wrong_call_ends_with_2(run: Run, args: str) -> None:
    assert run(*args.split(), code=2).stdout == ""


def test_a_range_may_have_as_many_steps_as_over_http() -> None:
    assert stats.MOST_STEPS == api.MOST_STEPS


@given(
    st.lists(st.one_of(st.none(), ANY_NUMBER), min_size=1, max_size=60),
    st.integers(0, 50),
    st.sampled_from(["utf-8", "ascii"]),
)
def test_drawings_fit_and_larger_is_never_shorter(values: list[int | float | None], width: int, encoding: str) -> None:
    canvas = Canvas(width, encoding)
    known = sorted((value for value in values if value is not None), key=abs)
    largest = max(map(abs, known), default=0)
    bars = [canvas.bar(value, largest) for value in known]
    for side in (1, -1):
        lengths = [_length(bar) for bar, value in zip(bars, known, strict=True) if value * side > 0]
        assert lengths == sorted(lengths)
        assert all(0 < length <= width for length in lengths) or not width
    assert not known or not width or not largest or _length(bars[-1]) == width
    line = canvas.sparkline(values)
    assert len(line) == math.ceil(len(values) / math.ceil(len(values) / max(1, width)))
    line.encode(encoding)
    if len(line) == len(values):
        assert [cell == " " for cell in line] == [value is None for value in values]


def _length(bar: str) -> float:
    return sum(stats._EIGHTHS.index(cell) / 8 if cell in stats._EIGHTHS else 1 for cell in bar)
