"""Pages of who plays and who comes back."""

import re
from pathlib import Path
from typing import Any

import pytest

from leaderboard.stats.lifetimes import PeriodLike
from leaderboard.stats.ranges import read_range
from leaderboard.web.analysis.ranges import label, read_asked, tick
from leaderboard.web.analysis.retention import Cell, read_offsets
from tests.conftest import START, Service
from tests.web.analytics_stage import Visitor, send
from tests.web.test_charts import colours, contrast, rgb

_STYLES = Path(__file__).parents[2] / "leaderboard" / "web" / "static"


def _played(player: str, *days: int) -> list[dict[str, Any]]:
    return [{"name": "login", "player": player, "at": f"2026-11-{day:02}T08:00:00Z"} for day in days]


def _some(service: Service) -> None:
    """Today is the 23rd."""
    players = {"ada": (20, 21, 23), "bob": (20, 21), "cid": (20,), "dan": (20, 23), "eve": (22, 23), "fay": (23,)}
    send(service, *(event for player, days in players.items() for event in _played(player, *days)))


@pytest.fixture
def visitor(service: Service) -> Visitor:
    return Visitor(service)


def test_active_players_by_day(service: Service, visitor: Visitor) -> None:
    _some(service)
    page = visitor.get("/active", range="7d")
    assert page.status == 200
    assert page.table("Active players by day") == [
        ["Day", "Players", "7 days", "30 days", "New", "Stickiness"],
        ["2026-11-23", "4", "6", "6", "1", "66.7 %"],
        ["2026-11-22", "1", "5", "5", "1", "20.0 %"],
        ["2026-11-21", "2", "4", "4", "0", "50.0 %"],
        ["2026-11-20", "4", "4", "4", "4", "100.0 %"],
        *([f"2026-11-{day}", "0", "0", "0", "0", "0.0 %"] for day in (19, 18, 17)),
    ]
    drawn = [row for table in page.tables if table.caption == "Active players" for row in table.rows]
    assert drawn[-1] == ["2026-11-23", "4", "6", "6", "1"]
    assert page.stats["Players on 2026-11-23"] == "4"


def test_nobody_played(service: Service, visitor: Visitor) -> None:
    page = visitor.get("/active")
    assert page.status == 200
    assert "Nobody played in this range" in page.text
    assert "curl" in page.text
    assert "Nobody was new in this range" in visitor.get("/retention").text


@pytest.mark.parametrize("rest", ["/active", "/retention", "/funnels", "/funnels/way"])
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"from": "x"}, "A date such as 2026-11-22"),
        ({"from": "1950-01-01"}, "More than"),
        ({"range": "24h"}, "There is no such range; choose one of 7d, 30d, 90d"),
    ],
)
def test_a_bad_range_is_refused_at_the_form(
    service: Service, visitor: Visitor, rest: str, asked: dict[str, str], error: str
) -> None:
    body = {"steps": ["login", "match"]}
    assert service.request("PUT", "/v1/funnels/way", json=body).status == 201
    page = visitor.get(rest, **asked)
    assert page.status == 422
    assert page.errors[0].startswith(error)
    assert page.fields["from"] == asked.get("from", "")


def test_days_that_are_not_kept_are_told_of_at_the_form(service: Service) -> None:
    service.clock.set(START.replace(year=2024))
    _ = [send(service, {"name": "login", "player": "ada", "at": "2024-11-20T08:00:00Z"})]
    service.clock.set(START.replace(year=2026, month=12))
    visitor = Visitor(service)
    page = visitor.get("/active", **{"from": "2024-11-19", "to": "2024-11-22"})
    assert page.status == 422
    assert "2024-11-20 is not kept any more" in page.errors[0]
    assert page.fields["to"] == "2024-11-22"


def test_retention(service: Service, visitor: Visitor) -> None:
    _some(service)
    page = visitor.get("/retention", range="7d", days="1, 2,3")
    assert page.status == 200
    assert page.table("How many of those who were new") == [
        ["First day", "New players", "Day 1", "Day 2", "Day 3"],
        # Day 1 of the 23rd has not begun; of 4 and 1 who are known came 2 and 1.
        ["All", "6", "60.0 %", "0.0 %", "50.0 %"],
        ["2026-11-23", "1", "–", "–", "–"],
        ["2026-11-22", "1", "100.0 %", "–", "–"],
        ["2026-11-20", "4", "50.0 %", "0.0 %", "50.0 %"],
    ]
    assert page.html.count('class="heat heat--10"') == 1
    assert page.html.count('class="heat heat--none"') == 5
    assert page.fields["days"] == "1, 2,3"


@pytest.mark.parametrize("days", ["", "0", "x", "1,1", "366", "1,,2", ",".join(map(str, range(1, 22))), "<b>"])
def test_bad_days_are_refused_at_the_form(service: Service, visitor: Visitor, days: str) -> None:
    _some(service)
    page = visitor.get("/retention", days=days)
    assert page.status == 422
    assert page.errors == ["1 to 20 different whole numbers from 1 to 365, between commas."]
    assert page.fields["days"] == days


def test_days_are_read_as_the_service_reads_them() -> None:
    assert read_offsets("1,3, 7 ,365") == [1, 3, 7, 365]


@pytest.mark.parametrize(
    ("share", "heat"), [(None, "none"), (0.0, "0"), (0.099, "0"), (0.1, "1"), (0.3, "3"), (0.7, "7"), (1.0, "10")]
)
def test_shades_go_by_tens_of_percent(share: float | None, heat: str) -> None:
    assert Cell(share).heat == f"heat--{heat}"


@pytest.mark.parametrize(("theme", "ground", "text"), [("light", "#ffffff", "#161b22"), ("dark", "#161c24", "#e7ebf0")])
def test_numbers_are_legible_on_every_shade(theme: str, ground: str, text: str) -> None:
    base, css = (_STYLES / "base.css").read_text(), (_STYLES / "charts.css").read_text()
    assert f"--surface: {ground}" in base
    assert f"--text: {text}" in base
    heat = [int(part) for part in colours(theme)["--heat"].split()]
    shades = {int(step): float(share) for step, share in re.findall(r"\.heat--(\d+) \{[^}]*/ ([0-9.]+)\)", css)}
    assert sorted(shades) == list(range(1, 11))
    for share in shades.values():
        mixed = [one * share + other * (1 - share) for one, other in zip(heat, rgb(ground), strict=True)]
        assert contrast(mixed, rgb(text)) >= 4.5, share


def test_presets_have_as_many_steps_as_they_say(service: Service) -> None:
    calendar = service.services.calendar_of(service.game)
    for preset, count in (("24h", 24), ("7d", 7), ("30d", 30), ("90d", 90)):
        asked = read_asked({"range": preset}, calendar, START, presets=("24h", "7d", "30d", "90d"))
        assert asked.found is not None
        assert len(asked.steps) == count
        assert asked.query() == {"range": preset}


@pytest.mark.parametrize(
    ("step", "long", "short"),
    [
        ("hour", "2026-11-22 10:00", "10:00"),
        ("day", "2026-11-22", "22 Nov"),
        ("week", "2026-W47", "W47"),
        ("month", "2026-11", "Nov 2026"),
        ("year", "2026", "2026"),
    ],
)
def test_steps_are_named(service: Service, step: Any, long: str, short: str) -> None:
    found: PeriodLike = read_range(
        service.services.calendar_of(service.game), step, ("2026-11-22T10:00:00Z", None), START, most=100
    ).steps[0]
    assert (label(found), tick(found)) == (long, short)


def test_the_hour_that_comes_twice_is_told_apart(service: Service) -> None:
    settings = {"time_zone": "Europe/Vienna", "week_start": "monday", "day_start": "00:00"}
    assert service.request("PUT", "/v1/game", json=settings).status == 200
    calendar = service.services.games.bind(service.game)
    given = ("2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z")
    steps = read_range(calendar, "hour", given, START, most=100).steps
    assert [label(one) for one in steps] == ["2026-10-25 02:00", "2026-10-25 02:00 again"]
    assert [tick(one) for one in steps] == ["02:00", "02:00"]
