"""Reading periods: the list of them, by id and by count, and periods that come and go with a definition."""

from datetime import UTC, datetime
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}


def read(service: Any, path: str, **query: Any) -> Any:
    return service.get(path, query=query or None, headers=FRESH)


def top(service: Any, board: str = "b", **query: Any) -> dict[str, Any]:
    return {row["player"]: row["score"] for row in read(service, f"/boards/{board}/top", **query)["entries"]}


def play_four_days(service: Any) -> None:
    """Sunday the 22nd to Wednesday the 25th; nobody plays on Tuesday."""
    for day, scores in ((22, {"a": 1}), (23, {"a": 3, "b": 3}), (25, {"b": 9, "c": 4, "d": 2})):
        service.clock.set(datetime(2026, 11, day, 12, tzinfo=UTC))
        service.bulk([{"board": "b", "player": player, "score": score} for player, score in scores.items()])


def test_periods_are_listed_newest_first(service: Any) -> None:
    service.put_board()
    play_four_days(service)
    found = read(service, "/boards/b/periods", period="day")
    assert found["board"] == "b"
    assert [(row["name"], row["id"], row["state"], row["total"]) for row in found["periods"]] == [
        ("day", "2026-11-25", "open", 3),
        ("day", "2026-11-23", "closed", 2),
        ("day", "2026-11-22", "closed", 1),
    ]
    winners = [(row["winner"]["player"], row["winner"]["score"]) for row in found["periods"]]
    assert winners == [("b", 9), ("a", 3), ("a", 1)]
    assert found["periods"][1]["starts_at"] == "2026-11-23T00:00:00Z"
    assert found["periods"][1]["ends_at"] == "2026-11-24T00:00:00Z"
    weeks = read(service, "/boards/b/periods", period="week")["periods"]
    assert [(row["id"], row["total"]) for row in weeks] == [("2026-W48", 4), ("2026-W47", 1)]
    everything = read(service, "/boards/b/periods")["periods"]
    assert [(row["id"], row["state"], row["total"]) for row in everything] == [("all", "open", 4)]
    assert (everything[0]["starts_at"], everything[0]["ends_at"]) == (None, None)


def test_only_so_many_periods_are_listed(service: Any) -> None:
    service.put_board(periods=["all", "day"])
    items = [{"board": "b", "player": "a", "score": n, "at": f"2026-10-{n:02}T10:00:00Z"} for n in range(1, 26)]
    service.bulk(items, backfill="true")
    for limit, wanted in ((1, 1), (3, 3), (25, 25), (1000, 25)):
        rows = read(service, "/boards/b/periods", period="day", limit=limit)["periods"]
        assert [row["id"] for row in rows] == [f"2026-10-{n:02}" for n in range(25, 25 - wanted, -1)]
    assert len(read(service, "/boards/b/periods", period="day")["periods"]) == 10


def test_a_period_that_everybody_has_left_has_no_winner(service: Any) -> None:
    service.put_board()
    play_four_days(service)
    service.request("DELETE", "/v1/players/a")
    rows = read(service, "/boards/b/periods", period="day")["periods"]
    assert [(row["id"], row["total"]) for row in rows if row["total"]] == [("2026-11-25", 3), ("2026-11-23", 1)]
    assert [row["winner"] and row["winner"]["player"] for row in rows if row["total"]] == ["b", "b"]


@pytest.mark.parametrize("path", ["top", "scores", "players/b", "distribution", "percentile?p=100", "rank?score=5"])
def test_every_read_takes_a_period_by_id_and_by_count(service: Any, path: str) -> None:
    service.put_board()
    play_four_days(service)
    more = "&" if "?" in path else "?"
    by_id = read(service, f"/boards/b/{path}{more}period=day&id=2026-11-23")
    by_count = read(service, f"/boards/b/{path}{more}period=day&ago=2")
    assert by_id == by_count
    assert (by_id["total"], by_id["period"]["id"], by_id["period"]["state"]) == (2, "2026-11-23", "closed")
    now = read(service, f"/boards/b/{path}{more}period=day")
    assert (now["total"], now["period"]["id"], now["period"]["state"]) == (3, "2026-11-25", "open")
    assert now == read(service, f"/boards/b/{path}{more}period=day&ago=0")


def test_a_lookup_takes_a_period_too(service: Any) -> None:
    service.put_board()
    play_four_days(service)
    ids = {"players": ["a", "b", "c"]}
    found = service.request("POST", "/v1/boards/b/lookup?period=day&ago=2", json=ids, headers=FRESH).json
    assert ([row["player"] for row in found["entries"]], found["missing"]) == (["a", "b"], ["c"])


def test_periods_that_nobody_has_played_in_are_empty(service: Any) -> None:
    service.put_board()
    play_four_days(service)
    for query in ({"period": "day", "ago": 1}, {"period": "day", "id": "2026-11-24"}, {"period": "month", "ago": 7}):
        answer = read(service, "/boards/b/top", **query)
        assert (answer["total"], answer["entries"], answer["next"]) == (0, [], None)
    future = read(service, "/boards/b/top", period="day", id="2026-12-24")
    assert (future["total"], future["entries"]) == (0, [])


def test_periods_that_are_none(service: Any) -> None:
    service.put_board(periods=["all", "week", "day", "hour"])
    for name, period_id in (
        *(("day", "2026-02-30"), ("day", "2026-11"), ("day", "2026-W47"), ("day", "2026-11-2"), ("day", "22.11.2026")),
        *(("week", "2026-W54"), ("week", "2026-W00"), ("week", "2026-W7"), ("week", "2026-47"), ("week", "2025-W53")),
        *(("hour", "2026-11-22T24"), ("hour", "2026-11-22T10:00"), ("hour", "2026-11-22T10b"), ("all", "ALL")),
        *(("day", "../../etc"), ("day", "2026-11-22\0"), ("day", "٢٠٢٦-١١-٢٢"), ("day", " 2026-11-22")),
    ):
        reply = service.request("GET", "/v1/boards/b/top", query={"period": name, "id": period_id})
        assert reply.status == 422, period_id
    for query in (
        *({"period": "month"}, {"period": "century"}, {"period": ""}, {"window": "7d"}, {"window": "1d"}),
        *({"ago": "-1"}, {"ago": "x"}, {"ago": "1"}, {"period": "day", "ago": "9999999"}),
        *({"period": "day", "ago": "1", "id": "2026-11-22"}, {"period": "day", "window": "7d"}, {"nonsense": "1"}),
    ):
        assert service.request("GET", "/v1/boards/b/top", query=query).status == 422, query
    assert service.request("GET", "/v1/boards/b/top?period=day&period=week").status == 422


@pytest.mark.parametrize("operator", ["best", "last", "sum"])
def test_a_period_that_is_added_starts_empty_and_then_takes_all(service: Any, operator: str) -> None:
    """A best that does not move in the day must still arrive in the week that came later."""
    service.put_board(periods=["all", "day"], operator=operator)
    service.submit("a", 9)
    service.put_board(periods=["all", "month", "week", "day", "hour"], operator=operator)
    for name in ("month", "week", "hour"):
        assert top(service, period=name) == {}
    service.bulk([{"board": "b", "player": "a", "score": 5}])  # looks no further than it must, unlike a single one
    wanted = {"best": 9, "last": 5, "sum": 14}[operator]
    assert top(service) == top(service, period="day") == {"a": wanted}
    for name in ("month", "week", "hour"):
        assert top(service, period=name) == {"a": 5}
    answer = service.submit("a", 5)
    assert answer["periods"]["week"]["score"] == (10 if operator == "sum" else 5)


def test_a_period_that_is_taken_away_is_gone_and_comes_back_empty(service: Any) -> None:
    service.put_board(periods=["all", "week", "day"])
    service.submit("a", 9)
    service.put_board(periods=["all", "day"])
    assert service.request("GET", "/v1/boards/b/top?period=week").status == 422
    assert top(service) == top(service, period="day") == {"a": 9}
    service.put_board(periods=["all", "week", "day"])
    assert top(service, period="week") == {}
    service.submit("a", 3)
    assert (top(service, period="week"), top(service, period="day")) == ({"a": 3}, {"a": 9})


def test_a_board_that_kept_few_and_then_all(service: Any) -> None:
    """Somebody who was pushed out of the month, but not of the day, gets back in."""
    service.put_board(max_entries=1, periods=["all", "day"])
    service.submit("a", 9)
    service.clock.advance(days=1)
    service.submit("b", 5)
    assert (top(service), top(service, period="day")) == ({"a": 9}, {"b": 5})
    service.put_board(periods=["all", "day"])
    service.bulk([{"board": "b", "player": "b", "score": 4}])
    assert (top(service), top(service, period="day")) == ({"a": 9, "b": 4}, {"b": 5})


def test_a_name_of_a_period_is_one_of_the_boards(service: Any) -> None:
    service.put_board(periods=["day", "all", "day"])
    assert service.get("/boards/b")["periods"] == ["all", "day"]
    reply = service.request("POST", "/v1/boards/b/scores?ranks=week", json={"player": "a", "score": 1})
    assert reply.status == 422
    reply = service.request("POST", "/v1/boards/b/scores?ranks=nonsense", json={"player": "a", "score": 1})
    assert reply.status == 422
    assert top(service) == {}
