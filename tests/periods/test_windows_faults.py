"""Rolling windows and the jobs: what a second, plain description of them answers otherwise."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from leaderboard.errors import Interrupted
from tests.conftest import START, Service
from tests.periods.running import DoomedRun, FreeRun


def top(service: Service, name: str = "7d", **query: object) -> Any:
    return service.get(
        "/boards/b/top", query={"window": name, "limit": 1000, **query}, headers={"Cache-Control": "no-cache"}
    )


def yesterday(hours: int = 12) -> str:
    return (START - timedelta(hours=hours + 12)).isoformat()


def test_metadata_of_the_oldest_bucket(service: Service) -> None:
    service.put_board("b", rolling=["7d"])
    service.submit("ada", 9, metadata={"day": 2})
    top(service)
    item = {"board": "b", "player": "ada", "score": 9, "at": yesterday(), "metadata": {"day": 1}}
    service.bulk([item], backfill="true")
    assert top(service, metadata="true")["entries"][0]["metadata"] == {"day": 1}


def test_ties_first_backfilled(service: Service) -> None:
    service.put_board("b", rolling=["7d"], ties="first")
    service.submit("bob", 9)
    service.clock.advance(seconds=5)
    service.submit("ada", 9)
    top(service)
    service.bulk([{"board": "b", "player": "ada", "score": 9, "at": yesterday()}], backfill="true")
    assert [e["player"] for e in top(service)["entries"]] == ["ada", "bob"]


@pytest.mark.parametrize("what", ["top", "players/ada", "percentile?p=50", "distribution?bins=3", "scores?min=1"])
def test_a_total_of_doubles_that_is_no_double(service: Service, what: str) -> None:
    service.put_board("b", rolling=["7d"], operator="sum", periods=["day"])
    service.submit("ada", 2**1023)
    service.submit("bob", 1)
    service.clock.advance(days=1)
    service.submit("ada", 2**1023)
    reply = service.request("GET", f"/v1/boards/b/{what}{'&' if '?' in what else '?'}window=7d")
    assert reply.status == 200, reply.body
    assert b"null" not in reply.body.replace(b'"subscore":null', b"").replace(b'"next":null', b"")


def test_last_metadata_only_into_sealed(service: Service) -> None:
    service.put_board("b", operator="last", retention={"day": 0})
    service.submit("ada", 9, metadata={"n": 1})
    now = START + timedelta(days=1)
    service.clock.set(now)
    service.services.sealing.run(START + timedelta(days=1), FreeRun())
    item = {"board": "b", "player": "ada", "score": 9, "at": START.isoformat(), "metadata": {"n": 2}}
    path = "/boards/b/top?period=day&id=2026-11-23&metadata=true"
    service.bulk([item], backfill="true")
    before = service.get(path)
    service.clock.set(now + timedelta(days=1))
    service.services.sealing.run(service.clock.now(), FreeRun())
    assert service.get(path)["entries"] == before["entries"]


def test_last_metadata_only_into_sealed_hot(service: Service) -> None:
    service.put_board("b", operator="last", retention={"day": 1})
    service.submit("ada", 9, metadata={"n": 1})
    now = START + timedelta(days=1)
    service.clock.set(now)
    service.services.sealing.run(START + timedelta(days=1), FreeRun())
    item = {"board": "b", "player": "ada", "score": 9, "at": START.isoformat(), "metadata": {"n": 2}}
    path = "/boards/b/top?period=day&id=2026-11-23&metadata=true"
    service.bulk([item], backfill="true")
    before = service.get(path)
    assert before["entries"][0]["metadata"] == {"n": 2}
    service.clock.set(now + timedelta(days=2))
    service.services.sealing.run(service.clock.now(), FreeRun())
    assert service.get(path)["entries"] == before["entries"]


def test_an_item_that_counts_in_no_listed_period(service: Service) -> None:
    service.put_board("b", rolling=["7d"], periods=["hour"])
    service.submit("ada", 9, at=(START - timedelta(hours=2)).isoformat())
    assert [entry["player"] for entry in top(service)["entries"]] == ["ada"]


def test_a_build_that_ended_before_the_first_metadata_came(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = service.services.registry
    monkeypatch.setattr(registry, "everywhere", lambda: registry.all(service.game))
    service.put_board("b", rolling=["7d"])
    service.submit("ada", 9)
    service.clock.advance(days=1)
    service.submit("ada", 5)
    with suppress(Interrupted):  # behind the first bucket
        service.services.windows.run(service.clock.now(), DoomedRun(2))
    service.submit("bob", 1, metadata={"n": 1})
    assert [entry["score"] for entry in top(service)["entries"]] == [9, 1]


def seal(service: Service, now: datetime) -> None:
    service.clock.set(now)
    registry = service.services.registry
    with patch.object(registry, "everywhere", lambda: registry.all(service.game)):
        service.services.sealing.run(now, FreeRun())


def backfill(service: Service, **item: object) -> None:
    report = service.bulk([{"board": "b", **item}], backfill="true")
    assert not report["rejected"], report


def test_a_window_that_is_being_built_updates_nobody(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = service.services.registry
    monkeypatch.setattr(registry, "everywhere", lambda: registry.all(service.game))
    service.put_board("b", rolling=["7d"], operator="last")
    service.submit("ada", 9)
    service.clock.advance(days=1)
    with suppress(Interrupted):  # before the day came that has her
        service.services.windows.run(service.clock.now(), DoomedRun(2))
    report = service.bulk([{"board": "b", "player": "ada", "score": 9, "at": START.isoformat()}], backfill="true")
    assert (report["applied"], report["unchanged"]) == (0, 1)


def test_a_hidden_day_that_comes_to_be_listed_is_not_in_the_archive(service: Service) -> None:
    service.put_board("b", rolling=["7d"], periods=["all", "hour"])
    service.submit("ada", 9)
    seal(service, START + timedelta(days=2))
    service.put_board("b", rolling=["7d"], periods=["all", "hour", "day"])
    day = service.get("/boards/b/top?period=day&id=2026-11-23")
    assert (day["total"], day["period"]["state"]) in ((1, "closed"), (0, "closed"))


def test_a_day_that_was_hidden_for_a_while(service: Service) -> None:
    service.put_board("b", rolling=["7d"], periods=["all", "day"], retention={"day": 0})
    service.submit("ada", 9)
    service.clock.advance(days=1)
    service.put_board("b", rolling=["7d"], periods=["all"], retention={"day": 0})
    seal(service, service.clock.now())
    backfill(service, player="ada", score=10, at=START.isoformat())
    service.put_board("b", rolling=["7d"], periods=["all", "day"], retention={"day": 0})
    path = "/boards/b/top?period=day&id=2026-11-23"
    before = service.get(path)["entries"]
    for days in (1, 10, 12):
        seal(service, START + timedelta(days=days))
        assert service.get(path)["entries"] == before


def test_a_window_added_to_days_that_are_archived(service: Service) -> None:
    service.put_board("b", periods=["all", "day"], retention={"day": 0})
    service.submit("ada", 9)
    seal(service, START + timedelta(days=2))
    service.put_board("b", rolling=["7d"], periods=["all"], retention={"day": 0})
    assert [entry["score"] for entry in top(service)["entries"]] == [9]


def test_who_was_pushed_out_of_a_reopened_period_does_not_come_back(service: Service) -> None:
    service.put_board("b", max_entries=1)
    service.submit("ada", 1)
    seal(service, START + timedelta(days=1))
    backfill(service, player="bob", score=2, at=START.isoformat())  # better: ada is not kept any more
    assert service.request("DELETE", "/v1/boards/b/players/bob").status == 204
    path = "/boards/b/top?period=day&id=2026-11-23"
    assert service.get(path)["entries"] == []
    assert service.get("/boards/b/periods?period=day")["periods"] == []
    seal(service, START + timedelta(days=2))
    assert service.get(path)["entries"] == []
