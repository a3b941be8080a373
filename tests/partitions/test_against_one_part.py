"""What a board with parts answers, held against what the same board answers without: live, closed, archived, back."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.captures import capture
from tests.conftest import START, Service
from tests.partitions.twins import SPREAD, Twins

NEXT_DAY = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
DAY = "period=day&id=2026-11-23"


def some_items(count: int, seed: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Scores of which many are equal, some seconds apart."""
    chance = random.Random(seed)
    return [
        {
            "player": f"p/{chance.randrange(count)}",
            "score": chance.randint(-4, 25),
            "at": (START - timedelta(seconds=chance.randrange(5))).isoformat(),
            **more,
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("partitions", "definition"),
    [
        (4, {"ties": "first", "operator": "sum", "rolling": ["24h"]}),
        pytest.param(4, {"max_entries": 30}, marks=pytest.mark.long),
        pytest.param(16, {}, marks=pytest.mark.long),
        pytest.param(2, {"order": "asc", "operator": "last", "rolling": ["7d"]}, marks=pytest.mark.long),
        pytest.param(64, {"ties": "last"}, marks=pytest.mark.long),
        pytest.param(3, {"score": {"decimals": 2}, "operator": "sum"}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_it_answers_as_a_board_without_parts(service: Service, partitions: int, definition: dict[str, Any]) -> None:
    live_closed_archived_and_back(service, partitions, definition)


def live_closed_archived_and_back(service: Service, partitions: int, definition: dict[str, Any]) -> None:
    twins = Twins(service, partitions, retention={"day": 1, "hour": 30}, periods=["all", "day"], **definition)
    twins.bulk(some_items(100), backfill="true")
    twins.bulk(some_items(20, 2, metadata={"n": 1}), backfill="true")
    for number, ranks in enumerate([None, "day", "none", None]):
        twins.submit(f"p/{number}", 7 + number, query={"ranks": ranks} if ranks else None)
        twins.submit(f"p/{number}", 30 + number, query={"ranks": ranks} if ranks else None)
    twins.compare()
    for window in definition.get("rolling", ()):
        twins.compare(f"window={window}", seed=2)
    if "max_entries" not in definition:  # with it, each part has somebody in reserve
        twins.ask("/boards/{}/players/p/3", "DELETE")
    service.clock.set(NEXT_DAY)
    twins.ask(f"/boards/{{}}/top?{DAY}")
    twins.seal(NEXT_DAY)
    twins.ask(f"/boards/{{}}/top?{DAY}")
    twins.seal(NEXT_DAY + timedelta(days=9))  # when no window reads that day any more
    service.clock.set(NEXT_DAY)
    there = [part.keys.standings("2026-11-23") for part in service.services.registry.get(service.game, SPREAD).parts]
    assert not sum(service.services.store.client.exists(key) for key in there)
    twins.compare(DAY, seed=5)
    twins.ask("/boards/{}/periods?period=day")
    twins.bulk(some_items(3, 6), backfill="true")  # only some of the parts come back
    twins.compare(DAY, seed=7)
    twins.ask("/boards/{}/periods?period=day")


def test_who_is_forgotten_is_gone_everywhere_and_the_others_stay(service: Service) -> None:
    twins = Twins(service, 4, retention={"day": 0}, periods=["all", "day"])
    twins.bulk(some_items(60), backfill="true")
    twins.seal(NEXT_DAY)
    twins.bulk([{"player": "p/1", "score": 99}, {"player": "new", "score": 1}])
    capture(service)
    reply = service.request("DELETE", "/v1/players/p/1")
    assert len(set(reply.json["boards"].values())) == 1
    assert "p/1" not in twins.pages("", 20)
    assert "p/1" not in twins.compare(DAY)
    twins.ask("/players/p/1")


def test_changes_since_the_day_began(service: Service) -> None:
    twins = Twins(service, 3, periods=["all", "week"], max_entries=40)
    twins.bulk(some_items(80), backfill="true")
    service.clock.set(NEXT_DAY)
    assert capture(service) == 4
    twins.bulk([{"player": f"p/{n}", "score": 40 - n} for n in range(5)])
    twins.ask("/boards/{}/changes?limit=30")
    twins.ask("/boards/{}/changes?limit=5&period=week")


def test_every_board_of_a_player(service: Service) -> None:
    twins = Twins(service, 4, rolling=["7d"])
    twins.submit("ada", 3)
    twins.submit("bob", 3)
    for query in ("", "?period=week", "?window=7d", "?period=day&ago=1"):
        boards = service.get("/players/bob" + query)["boards"]
        spread, whole = [{**one, "board": ""} for one in boards] or [None, None]
        assert spread == whole, query
