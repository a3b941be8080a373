"""The sample data as a plain-Python tally, to hold the service against."""

import gzip
import importlib.util
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tests" / "data" / "football_results.ndjson.gz"
_PERIODS = ["all", "year", "month", "week", "day"]
BOARDS: dict[str, dict[str, Any]] = {
    "points": {
        "operator": "sum",
        "periods": _PERIODS,
        "score": {"type": "integer", "min": 0, "max": 1_000_000},
        "subscore": {"min": -1_000_000, "max": 1_000_000},
    },
    "goals": {"operator": "sum", "periods": _PERIODS, "score": {"type": "integer", "min": 0}},
    "biggest_win": {
        "operator": "best",
        "ties": "first",
        "periods": _PERIODS,
        "score": {"type": "integer", "min": 1, "max": 99},
    },
}


def results() -> Iterator[dict[str, Any]]:
    """Every match."""
    with gzip.open(RESULTS, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def submissions(matches: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the converter in scripts/ makes of them."""
    spec = importlib.util.spec_from_file_location("converter", ROOT / "scripts" / "football_submissions.py")
    assert spec is not None
    assert spec.loader is not None
    converter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(converter)
    for match in matches:
        yield from converter.submissions(match)


def period_ids(day: str) -> dict[str, str]:
    """The ids of the periods a day lies in."""
    year, week, _ = date.fromisoformat(day).isocalendar()
    return {"all": "all", "year": day[:4], "month": day[:7], "week": f"{year}-W{week:02}", "day": day}


Table = list[tuple[str, int, int]]


def league_tables(matches: Iterable[dict[str, Any]], wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Table]:
    """(club, points, goal difference) of the wanted (period, id)s, as a league would list them."""
    tallies: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for match in matches:
        difference = match["home_goals"] - match["away_goals"]
        for key in wanted & set(period_ids(match["date"]).items()):
            for club, margin in ((match["home"], difference), (match["away"], -difference)):
                tallies[key][club][0] += 3 if margin > 0 else 1 if margin == 0 else 0
                tallies[key][club][1] += margin
    return {
        key: sorted(
            ((club, points, margin) for club, (points, margin) in clubs.items()),
            key=lambda row: (-row[1], -row[2], row[0].encode()),
        )
        for key, clubs in tallies.items()
    }
