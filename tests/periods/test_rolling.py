"""Rolling windows: kept up to date with live writes, and what a rebuild from their buckets would hold."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import START, Service
from tests.periods.running import FreeRun


def window(service: Service, name: str = "7d", **query: object) -> dict[str, int]:
    answer = service.get("/boards/b/top", query={"window": name, "limit": 1000, **query})
    return {entry["player"]: entry["score"] for entry in answer["entries"]}


def live(service: Service) -> str:
    keys = service.services.registry.get(service.game, "b").keys
    return bytes(service.services.store.client.hget(keys.meta, "windows") or b"").decode()


def at_noon(days: int) -> datetime:
    return START + timedelta(days=days)


def test_a_window_holds_the_current_day_and_the_six_before(service: Service) -> None:
    service.put_board("b", rolling=["7d"], periods=["all"])
    for day in range(10):
        service.clock.set(at_noon(day))
        service.submit(f"p{day}", day)
        assert sorted(window(service).values()) == list(range(max(0, day - 6), day + 1))
    answer = service.get("/boards/b/top", query={"window": "7d"})
    assert answer["period"] == {
        "name": "7d",
        "id": "2026-12-02",
        "starts_at": "2026-11-26T00:00:00Z",
        "ends_at": "2026-12-03T00:00:00Z",
        "state": "open",
    }


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({}, 9),
        ({"order": "asc"}, 3),
        ({"operator": "last"}, 5),
        ({"operator": "sum"}, 17),
        ({"operator": "sum", "ties": "first"}, 17),
        ({"operator": "sum", "ties": "dense"}, 17),
        ({"ties": "last"}, 9),
    ],
    ids=str,
)
def test_every_operator_has_its_rule(service: Service, definition: dict[str, object], expected: int) -> None:
    service.put_board("b", rolling=["7d"], **definition)
    for day, score in enumerate((9, 3, 5)):
        service.clock.set(at_noon(day))
        assert window(service) == ({} if day == 0 else window(service))
        service.submit("ada", score)
    assert window(service) == {"ada": expected}
    service.clock.set(at_noon(7))  # built anew without the first day
    later = {9: 5, 3: 3, 5: 5, 17: 8}[expected]
    assert window(service) == {"ada": later}


def test_hours(service: Service) -> None:
    service.put_board("b", rolling=["24h"], operator="sum")
    for hour in range(30):
        service.clock.set(START + timedelta(hours=hour))
        service.submit("ada", 1)
        assert window(service, "24h") == {"ada": min(hour + 1, 24)}


def test_the_next_window_is_built_ahead_and_follows_late_writes(service: Service) -> None:
    service.put_board("b", rolling=["7d"], operator="sum", ties="first", late_grace_seconds=3600)
    service.submit("ada", 1)
    evening = START.replace(hour=20)
    service.clock.set(evening)
    service.services.windows.run(evening, FreeRun())
    assert live(service) == "7d:2026-11-23 7d:2026-11-24"
    service.submit("ada", 2)
    service.submit("bob", 3)
    midnight = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)
    service.clock.set(midnight)
    assert window(service) == {"ada": 3, "bob": 3}
    service.submit("bob", 4, at="2026-11-23T23:59:00Z")  # late, within the grace
    service.submit("eve", 5)
    assert window(service) == {"ada": 3, "bob": 7, "eve": 5}
    service.services.windows.run(midnight, FreeRun())
    assert live(service) == "7d:2026-11-23 7d:2026-11-24"
    next_day = midnight + timedelta(days=1)
    service.clock.set(next_day)
    service.services.windows.run(next_day, FreeRun())
    assert live(service) == "7d:2026-11-24 7d:2026-11-25"
    assert window(service) == {"ada": 3, "bob": 7, "eve": 5}


def test_a_backfill_reaches_the_window(service: Service) -> None:
    service.put_board("b", rolling=["7d", "30d"])
    service.submit("ada", 1)
    assert window(service) == {"ada": 1}
    assert window(service, "30d") == {"ada": 1}
    items = [{"board": "b", "player": "ada", "score": 9, "at": "2026-11-10T00:00:00Z"}]
    items += [{"board": "b", "player": "bob", "score": 5, "at": "2026-11-17T00:00:00Z"}]
    service.bulk(items, backfill="true")
    assert window(service) == {"ada": 1, "bob": 5}
    assert window(service, "30d") == {"ada": 9, "bob": 5}


def test_a_removed_player_leaves_the_window(service: Service) -> None:
    service.put_board("b", rolling=["7d"], operator="sum", ties="dense")
    service.submit("ada", 1)
    service.submit("bob", 1)
    assert window(service) == {"ada": 1, "bob": 1}
    assert service.request("DELETE", "/v1/boards/b/players/ada").status in (200, 204)
    assert window(service) == {"bob": 1}
    service.clock.advance(days=1)
    assert window(service) == {"bob": 1}


def test_a_window_needs_to_be_kept(service: Service) -> None:
    service.put_board("b")
    reply = service.request("GET", "/v1/boards/b/top?window=7d")
    assert (reply.status, reply.json["code"]) == (422, "window_not_kept")
    service.put_board("b", rolling=["7d"])
    assert window(service) == {}
    service.put_board("b")
    assert service.request("GET", "/v1/boards/b/top?window=7d").status == 422


def test_buckets_that_are_not_listed_are_not_shown(service: Service) -> None:
    service.put_board("b", rolling=["7d"], periods=["all"])
    answer = service.submit("ada", 1)
    assert list(answer["periods"]) == ["all"]
    reply = service.request("GET", "/v1/boards/b/top?period=day")
    assert (reply.status, reply.json["code"]) == (422, "period_not_kept")
    service.clock.set(at_noon(49))
    service.services.sealing.run(service.clock.now(), FreeRun())
    keys = service.services.registry.get(service.game, "b").keys
    assert not service.services.store.client.exists(keys.standings("2026-11-23"))
    assert window(service) == {}


def test_metadata_comes_with_the_score_that_stands(service: Service) -> None:
    service.put_board("b", rolling=["7d"])
    service.submit("ada", 9, metadata={"day": 1})
    service.clock.advance(days=1)
    service.submit("ada", 5, metadata={"day": 2})
    answer = service.get("/boards/b/top?window=7d&metadata=true")
    assert answer["entries"][0]["metadata"] == {"day": 1}
    service.clock.advance(days=6)
    answer = service.get("/boards/b/top?window=7d&metadata=true")
    assert (answer["entries"][0]["score"], answer["entries"][0]["metadata"]) == (5, {"day": 2})


def test_every_read_knows_windows(service: Service) -> None:
    service.put_board("b", rolling=["7d"])
    for number in range(5):
        service.submit(f"p{number}", number)
    first = service.get("/boards/b/top?window=7d&limit=2")
    second = service.get(f"/boards/b/top?window=7d&limit=2&cursor={first['next']}")
    assert [entry["player"] for entry in second["entries"]] == ["p2", "p1"]
    assert service.get("/boards/b/players/p3?window=7d&around=3")["rank"] == 2
    assert service.get("/boards/b/rank?window=7d&score=2.5")["rank"] == 3
    assert service.get("/boards/b/percentile?window=7d&p=100")["score"] == 4
    assert service.get("/boards/b/distribution?window=7d&bins=2")["bins"][1]["count"] == 3
    assert service.get("/boards/b/scores?window=7d&min=2")["total"] == 3
    assert service.get("/players/p3?window=7d")["boards"][0]["rank"] == 2
    assert service.request("GET", "/v1/boards/b/periods?window=7d").status == 422
