"""The real football through the real command line: right to the last tie, and after any crash."""

import itertools
import json
import os
import signal
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import football
from tests.e2e.processes import begin, end, run, serving

CRASH_MATCHES = 9000


def call(url: str, key: str, path: str) -> Any:
    request = urllib.request.Request(f"{url}/v1{path}", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def table(url: str, key: str, period: str, period_id: str) -> list[tuple[str, int, int]]:
    """A whole table of `points`, page by page."""
    rows: list[tuple[str, int, int]] = []
    cursor = ""
    while True:
        page = call(url, key, f"/boards/points/top?limit=500&period={period}&id={period_id}{cursor}")
        rows += [(entry["player"], entry["score"], entry["subscore"]) for entry in page["entries"]]
        if page["next"] is None:
            return rows
        cursor = "&cursor=" + urllib.parse.quote(page["next"])


def make_boards(data_dir: Path) -> str:
    key = run(data_dir, "keys", "create", "football").stdout.strip()
    for name, definition in football.BOARDS.items():
        run(data_dir, "boards", "put", "football", name, "--file", "-", stdin=json.dumps(definition).encode())
    return key


def write(file: Path, matches: Any) -> int:
    lines = [json.dumps(item, ensure_ascii=False) for item in football.submissions(matches)]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return len(lines)


def test_the_demo_ends_as_the_league_did(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "1", "--demo") as (process, url):
        assert process.stdout is not None
        key = next(line.split()[-1] for line in process.stdout if "a key" in line)
        rows = table(url, key, "all", "all")
    assert [row[:2] for row in rows[:6]] == [
        ("Manchester City FC", 91),
        ("Arsenal FC", 89),
        ("Liverpool FC", 82),
        ("Aston Villa FC", 68),
        ("Tottenham Hotspur FC", 66),
        ("Chelsea FC", 63),
    ]
    # Both on 60: Newcastle before Manchester United by goal difference alone.
    assert rows[6:8] == [("Newcastle United FC", 60, 23), ("Manchester United FC", 60, -1)]


@pytest.mark.long  # real processes, a dozen seconds each
@pytest.mark.parametrize("victim", ["serve", "load"])
def test_a_load_that_is_killed_goes_on_where_it_was(tmp_path: Path, victim: str) -> None:
    matches = list(itertools.islice(football.results(), CRASH_MATCHES))
    file = tmp_path / "submissions.ndjson"
    data_dir = tmp_path / "data"
    lines = write(file, matches)
    key = make_boards(data_dir)
    with serving(data_dir, "--workers", "1") as (service, url):
        loading = begin(data_dir, "load", "football", str(file))
        while not call(url, key, "/boards/goals/top?limit=1")["total"]:
            time.sleep(0.005)
        if victim == "load":
            os.killpg(loading.pid, signal.SIGKILL)
        else:
            os.killpg(service.pid, signal.SIGKILL)  # the workers too; the store ends with its parent
        code = loading.wait(60)
        end(loading)
        assert code != 0
    with serving(data_dir, "--workers", "1") as (_, url):
        done = call(url, key, "/boards/goals/top?limit=1")["total"]
        again = run(data_dir, "load", "football", str(file), "--json")
        report = json.loads(again.stdout)
        rows = table(url, key, "all", "all")
        third = json.loads(run(data_dir, "load", "football", str(file), "--json").stdout)
    assert done > 0
    assert 0 < report["passed_over"] < lines  # it was killed in the middle, and did not begin anew
    assert report["applied"] + report["unchanged"] == report["lines"] == lines
    assert report["rejected"] == 0
    assert third["passed_over"] == lines
    assert rows == football.league_tables(matches, {("all", "all")})["all", "all"]


@pytest.mark.long
def test_sixteen_years_are_right_in_every_period(tmp_path: Path) -> None:
    file, data_dir = tmp_path / "all.ndjson", tmp_path / "data"
    lines = write(file, football.results())
    key = make_boards(data_dir)
    wanted = {("all", "all"), ("year", "2023"), ("month", "2024-05"), ("week", "2015-W53"), ("day", "2012-05-13")}
    tables = football.league_tables(football.results(), wanted)
    with serving(data_dir, "--workers", "1") as (_, url):
        report = json.loads(run(data_dir, "load", "football", str(file), "--json").stdout)
        assert (report["lines"], report["rejected"]) == (lines, 0)
        for period, period_id in wanted:
            assert table(url, key, period, period_id) == tables[period, period_id], period_id
        # By hand: VVV-Venlo lost 0:13 to Ajax on 2020-10-24, the widest margin in the data.
        best = call(url, key, "/boards/biggest_win/top?limit=1&metadata=true")["entries"][0]
        assert (best["player"], best["score"]) == ("AFC Ajax", 13)
        assert best["metadata"]["result"] == "13:0"
        years = call(url, key, "/boards/points/periods?period=year&limit=100")["periods"]
        assert [year["id"] for year in years] == [str(year) for year in range(2026, 2009, -1)]
        # The last day of the season of 2011-12: Manchester City 3:2 Queens Park Rangers.
        city = call(url, key, "/boards/points/players/Manchester%20City?period=day&id=2012-05-13")
        assert (city["score"], city["subscore"]) == (3, 1)
