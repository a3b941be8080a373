"""The clock of a process is set back: by an hour, a day, over the end of a period that is closed already."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from leaderboard.services import Services
from tests.conftest import START, Service
from tests.periods.running import FreeRun

JUMPS = [timedelta(hours=-1), timedelta(hours=-25), timedelta(minutes=-5), timedelta(days=-8)]
STEPS = [timedelta(0), timedelta(seconds=1), timedelta(minutes=20), timedelta(hours=7), timedelta(days=1)]
PERIODS = ["all", "year", "month", "week", "day", "hour"]
READS = (
    "/boards/b/top",
    "/boards/b/top?period=day",
    "/boards/b/top?period=hour",
    "/boards/b/top?window=7d",
    "/boards/b/rank?period=week&score=3",
    "/boards/b/players/ada",
    "/boards/b/distribution?period=day",
    "/boards/b/periods?period=day",
    "/boards/b/analytics",
    "/boards/b/changes",
    "/stats/match",
    "/analytics/active",
    "/counters",
)


def total(service: Service, period: str = "all") -> int:
    entries = service.get(f"/boards/b/top?period={period}", headers={"Cache-Control": "no-cache"})["entries"]
    return int(sum(row["score"] for row in entries))


def run_jobs(services: Services, now: datetime) -> None:
    services.sealing.run(now, FreeRun())
    services.windows.run(now, FreeRun())
    services.captures.run(now, FreeRun())
    services.rollup.run(now, FreeRun(), services.calendar_of)


@pytest.mark.parametrize(
    "jump", [*JUMPS[:2], *(pytest.param(jump, marks=pytest.mark.long) for jump in JUMPS[2:])], ids=str
)
def test_clock_set_back(service: Service, jump: timedelta) -> None:
    """What was submitted before stays; what comes counts once, where it may still count; every read answers."""
    service.put_board(operator="sum", periods=PERIODS, rolling=["24h", "7d"])
    for day in range(3):
        service.submit("ada", 1)
        service.request("POST", "/v1/events", json={"events": [{"name": "match", "player": "ada"}]})
        service.clock.set(START + timedelta(days=day))
        run_jobs(service.services, service.clock.now())
    keyed = {"Idempotency-Key": "before"}
    body = {"player": "ada", "score": 10}
    first = service.request("POST", "/v1/boards/b/scores", json=body, headers=keyed)
    was = total(service)
    service.clock.set(service.clock.now() + jump)
    for path in READS:
        assert service.request("GET", "/v1" + path).status == 200, path
    again = service.request("POST", "/v1/boards/b/scores", json=body, headers=keyed)
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    service.submit("ada", 100)
    assert service.request("POST", "/v1/events", json={"events": [{"name": "match", "player": "ada"}]}).status == 200
    run_jobs(service.services, service.clock.now())
    assert total(service) == was + 100
    service.clock.set(service.clock.now() - jump)
    run_jobs(service.services, service.clock.now())
    assert total(service) == was + 100
    for path in READS:
        assert service.request("GET", "/v1" + path).status == 200, path


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_clock_that_jumps_to_and_fro(service: Service, seed: int) -> None:
    """All-time is the sum of what was acknowledged; no closed period ever changes, nor counts more than came."""
    random = Random(seed)
    service.put_board(operator="sum", periods=PERIODS, rolling=["7d"])
    acknowledged = 0
    sealed: dict[str, Any] = {}
    for number in range(40):
        service.clock.set(service.clock.now() + random.choice([*STEPS, *STEPS, *JUMPS]))
        amount = 1 << random.randrange(8)
        assert service.submit(f"p{random.randrange(4)}", amount)["updated"]
        acknowledged += amount
        if number % 5 == 0:
            run_jobs(service.services, service.clock.now())
            for period in service.get("/boards/b/periods?period=day&limit=100")["periods"]:
                day = service.get(f"/boards/b/top?period=day&id={period['id']}")
                if day["period"]["state"] != "open":
                    assert sealed.setdefault(period["id"], day["entries"]) == day["entries"]
    assert total(service) == acknowledged
    assert sealed
