"""Periods that ended: sealed, read from wherever they are, reopened, dropped."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import START, Service
from tests.periods.running import FreeRun

DAY = "2026-11-23"
NEXT_DAY = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
READS = [
    "/boards/b/top?period=day&id={id}&limit=3",
    "/boards/b/players/p3?period=day&id={id}&around=4",
    "/boards/b/scores?period=day&id={id}&min=10&max=40&limit=3",
    "/boards/b/rank?period=day&id={id}&score=35",
    "/boards/b/percentile?period=day&id={id}&p=50",
    "/boards/b/distribution?period=day&id={id}&bins=4",
    "/boards/b/periods?period=day",
    "/players/p3?period=day&id={id}",
]


def seal(service: Service, now: datetime) -> dict[str, int]:
    service.clock.set(now)
    return service.services.sealing.run(now, FreeRun())


def read_all(service: Service, period_id: str = DAY) -> list[object]:
    with_subscore = service.get("/boards/b")["subscore"] is not None
    more = "&subscore=1" if with_subscore else ""
    answers = [service.get(read.format(id=period_id) + (more if "/rank" in read else "")) for read in READS]
    reply = service.request(
        "POST", f"/v1/boards/b/lookup?period=day&id={period_id}", json={"players": ["p9", "p1", "nobody"]}
    )
    assert reply.status == 200
    return [*answers, reply.json]


def fill(service: Service, **definition: object) -> None:
    service.put_board("b", **definition)
    more = {"subscore": 1} if definition.get("subscore") else {}
    for number in range(12):
        service.submit(f"p{number}", number % 5 * 10, **more)
        service.clock.advance(seconds=1)


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"order": "asc", "operator": "last"},
        {"operator": "sum", "ties": "dense"},
        {"ties": "first"},
        {"ties": "last", "operator": "sum"},
        {"score": {"type": "number", "decimals": 2}},
        {"subscore": {"order": "asc", "min": 0, "max": 9}},
        {"max_entries": 8},
    ],
    ids=str,
)
def test_a_sealed_day_reads_the_same_hot_and_cold(service: Service, definition: dict[str, object]) -> None:
    fill(service, retention={"day": 2}, **definition)
    service.clock.set(NEXT_DAY)
    closed = read_all(service)
    counts = seal(service, NEXT_DAY)
    assert counts["sealed"] >= 1
    hot = read_all(service)
    assert repr(hot) == repr(closed).replace("'closed'", "'archived'")
    counts = seal(service, NEXT_DAY + timedelta(days=3))
    assert counts["dropped"] >= 1
    keys = service.services.registry.get(service.game, "b").keys
    assert not service.services.store.client.exists(keys.standings(DAY))
    service.clock.set(NEXT_DAY)  # so that `ago` and states mean the same
    assert read_all(service) == hot


def test_a_period_within_its_grace_is_not_sealed(service: Service) -> None:
    fill(service)
    service.services.sealing.run(START.replace(hour=0) + timedelta(days=1, minutes=9, seconds=59), FreeRun())
    reply = service.get(f"/boards/b/top?period=day&id={DAY}", now=NEXT_DAY)
    assert reply["period"]["state"] == "closed"


def test_pages_of_a_sealed_period_go_on_where_they_were(service: Service) -> None:
    fill(service, retention={"day": 0})
    service.clock.set(NEXT_DAY)
    first = service.get(f"/boards/b/top?period=day&id={DAY}&limit=5")
    seal(service, NEXT_DAY)
    second = service.get(f"/boards/b/top?period=day&id={DAY}&limit=5&cursor={first['next']}")
    third = service.get(f"/boards/b/top?period=day&id={DAY}&limit=5&cursor={second['next']}")
    rows = [entry["player"] for page in (first, second, third) for entry in page["entries"]]
    assert len(rows) == len(set(rows)) == 12
    assert third["next"] is None
