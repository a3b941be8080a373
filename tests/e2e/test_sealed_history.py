"""Sixteen years of football, sealed by one run of the job: every table still answers, and the store is nearly empty."""

import json
from pathlib import Path

import pytest
import redis

from leaderboard.store.embedded import running_url
from tests.e2e import football
from tests.e2e.processes import run, serving
from tests.e2e.test_load import call, make_boards, table, write

EVERY = {"year": 1, "month": 1, "week": 10, "day": 40}  # every so manieth of them is read


@pytest.mark.long
def test_every_past_table_answers_from_the_archive(tmp_path: Path) -> None:
    file, data_dir = tmp_path / "all.ndjson", tmp_path / "data"
    write(file, football.results())
    key = make_boards(data_dir)
    run(data_dir, "load", "football", str(file))
    with serving(data_dir, "--workers", "1", "--no-scheduler") as (_, url):
        url_of_store = running_url(data_dir)
        assert url_of_store is not None
        store = redis.Redis.from_url(url_of_store)
        before = store.info("memory")["used_memory"]
        counts = json.loads(run(data_dir, "jobs", "run", "seal", "--json").stdout)
        after = store.info("memory")["used_memory"]
        print(f"{counts}, {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after")  # noqa: T201 - for -s
        hot = store.zrange("lb:{football:points}:known", 0, -1)
        wanted = set()
        for period, step in EVERY.items():
            known = call(url, key, f"/boards/points/periods?period={period}&limit=1000")["periods"]
            wanted |= {(period, one["id"]) for one in known[::step]}
        tables = football.league_tables(football.results(), wanted)
        for period, period_id in sorted(wanted):
            assert table(url, key, period, period_id) == tables[period, period_id], period_id
        exported = run(data_dir, "export", "football", "points", "--period", "year", "--id", "2015").stdout.splitlines()
    rows = [(row["player"], row["score"], row["subscore"]) for row in map(json.loads, exported)]
    assert rows == tables["year", "2015"]
    assert counts["sealed"] > 10_000
    assert counts["dropped"] > 10_000
    assert after < before / 5
    assert len(hot) < 1 + 4 + 14 + 13 + 36  # all, and of each name what retention keeps and the current one
