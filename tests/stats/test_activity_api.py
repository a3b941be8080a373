"""`/analytics`: who plays, over HTTP."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from leaderboard.stats.events import Event
from scheduler import jobs
from tests.conftest import START, Service
from tests.stats.activity import NoRun

DAY = timedelta(days=1)


def play(service: Service, player: str, *days_ago: float) -> None:
    now = service.clock.now()
    calendar = service.services.calendar_of(service.game)
    events = [Event("e", player, None, now - ago * DAY) for ago in days_ago]
    service.services.store.run_all(service.services.activity.calls(service.game, events, now, calendar))


def code(service: Service, path: str, **kwargs: Any) -> tuple[int, str]:
    reply = service.request("GET", "/v1/analytics/" + path, **kwargs)
    assert reply.headers["Content-Type"] == "application/problem+json"
    return reply.status, reply.json["code"]


@pytest.mark.parametrize("key", ["server", "client"])
def test_active(service: Service, key: str) -> None:
    play(service, "ada", 0, 1, 6)
    play(service, "bob", 7)
    head = {"time_zone": "UTC", "from": "2026-11-22T00:00:00Z", "to": "2026-11-24T00:00:00Z", "approximate": False}
    rest = {"mau": 2, "new": 0, "stickiness": Decimal("0.5")}
    days = [
        {"day": "2026-11-22", "at": "2026-11-22T00:00:00Z", "dau": 1, "wau": 2, **rest},
        {"day": "2026-11-23", "at": "2026-11-23T00:00:00Z", "dau": 1, "wau": 1, **rest},
    ]
    assert service.get("/analytics/active?from=2026-11-22", key=key) == {**head, "days": days}
    default = service.get("/analytics/active")
    assert (default["from"], default["to"], len(default["days"])) == ("2026-10-25T00:00:00Z", head["to"], 30)
    assert [day["day"] for day in default["days"] if day["new"]] == ["2026-11-16", "2026-11-17"]
    assert service.get("/analytics/active?from=2026-11-23&to=2026-11-30")["days"][-1]["wau"] == 1
    reply = service.request("GET", "/v1/analytics/active", key=key)
    assert reply.headers["Cache-Control"] == "no-store"


def test_nobody(service: Service) -> None:
    day = service.get("/analytics/active?from=2026-11-23")["days"][0]
    assert (day["dau"], day["mau"], day["stickiness"]) == (0, 0, 0)
    cohort = service.get("/analytics/retention?from=2026-11-20&to=2026-11-21")["cohorts"][0]
    assert cohort["size"] == 0
    assert cohort["retention"] == dict.fromkeys(("1", "3", "7", "14", "30"))


def test_retention(service: Service) -> None:
    for player in ("ada", "bob", "eve", "joe"):
        play(service, player, 3)
    play(service, "ada", 1, 2)
    play(service, "bob", 0)
    found = service.get("/analytics/retention?from=2026-11-20&to=2026-11-21&days=3,1,2,4")
    wanted = {"3": Decimal("0.25"), "1": Decimal("0.25"), "2": Decimal("0.25"), "4": None}
    assert found.pop("cohorts") == [{"day": "2026-11-20", "at": "2026-11-20T00:00:00Z", "size": 4, "retention": wanted}]
    assert found == {
        "time_zone": "UTC",
        "from": "2026-11-20T00:00:00Z",
        "to": "2026-11-21T00:00:00Z",
        "approximate": False,
    }


@pytest.mark.parametrize(
    "days",
    ["", "0", "366", "1,", ",1", "1,1", "+1", "01", "1 ", "%D9%A1", "1.0", "-1", "1,,2", "1e1", "x", "1&days=2",
     "1000000000000", ",".join(map(str, range(1, 22)))],
)  # fmt: skip
def test_days_are_read_strictly(service: Service, days: str) -> None:
    assert code(service, f"retention?days={days}") == (422, "validation_error")


def test_as_many_days_as_there_may_be(service: Service) -> None:
    offsets = [str(number) for number in range(365, 345, -1)]
    cohorts = service.get("/analytics/retention?days=" + ",".join(offsets))["cohorts"]
    assert list(cohorts[0]["retention"]) == offsets


def test_a_player(service: Service) -> None:
    play(service, "a/b", 1, 2, 5)
    assert service.get("/analytics/players/a/b", key="client") == {
        "player": "a/b",
        "first_day": "2026-11-18",
        "last_day": "2026-11-22",
        "active_days": 3,
        "current_streak": 2,
        "longest_streak": 2,
        "since": "2025-10-19",
    }
    assert code(service, "players/bob") == (404, "unknown_player")


def test_what_is_refused(service: Service) -> None:
    for path in ("active", "retention"):
        assert code(service, f"{path}?from=2026-11-24&to=2026-11-23") == (422, "invalid_range")
        assert code(service, f"{path}?from=2020-01-01") == (422, "too_many_points")
        assert code(service, f"{path}?step=week") == (422, "validation_error")
        assert code(service, path, key=None)[0] == 401
    assert len(service.get("/analytics/active?from=2025-10-18")["days"]) == 402  # nothing can be missing


def test_the_nightly_job_forgets_days(service: Service) -> None:
    play(service, "ada", 1)
    service.services.store.client.sadd("stats:games", service.game)
    days = f"act:{{{service.game}}}:days"
    for now, left in ((START + 400 * DAY - timedelta(seconds=1), 1), (START + 400 * DAY, 0)):
        assert jobs.prune(service.services, now, NoRun())["activity_days"] >= 1 - left
        assert service.services.store.client.zcard(days) == left
    assert code(service, "active?from=2026-11-22", now=START) == (422, "step_not_kept")
