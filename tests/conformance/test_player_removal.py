"""One player on every board, and forgetting one: on a board, and everywhere."""

from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}


def top(service: Any, board: str = "b", **query: Any) -> dict[str, Any]:
    rows = service.get(f"/boards/{board}/top", query=query or None, headers=FRESH)["entries"]
    return {row["player"]: row["score"] for row in rows}


def everywhere(service: Any, player: str, **query: Any) -> dict[str, Any]:
    answer = service.get(f"/players/{player}", query=query or None, headers=FRESH)
    assert answer["player"] == player
    return {row["board"]: row for row in answer["boards"]}


def put_three_boards(service: Any) -> None:
    service.put_board("b", ties="dense")
    service.put_board("c", order="asc", subscore={"min": 0, "max": 9})
    service.put_board("d", periods=["week"])
    for player, score in (("a", 5), ("x", 9), ("y", 5)):
        service.submit(player, score, "b", metadata={"of": player})
        service.submit(player, score, "c", subscore=1)
        service.submit(player, score, "d")


def test_a_player_on_every_board(service: Any) -> None:
    put_three_boards(service)
    service.put_board("empty")
    service.submit("x", 1, "empty")
    found = everywhere(service, "a")
    assert set(found) == {"b", "c"}
    assert (found["b"]["rank"], found["b"]["score"], found["b"]["subscore"], found["b"]["total"]) == (2, 5, None, 3)
    assert (found["c"]["rank"], found["c"]["score"], found["c"]["subscore"]) == (1, 5, 1)
    assert found["b"]["period"]["id"] == "all"
    assert set(everywhere(service, "a", period="week")) == {"b", "c", "d"}
    assert set(everywhere(service, "a", period="day")) == {"b", "c"}
    assert everywhere(service, "a", period="day", ago=1) == {}
    assert everywhere(service, "a", metadata="true")["b"]["metadata"] == {"of": "a"}
    one = service.get("/boards/b/players/a", headers=FRESH)
    assert {name: one[name] for name in found["b"]} == found["b"]


@pytest.mark.parametrize("ties", ["shared", "dense", "first", "last"])
def test_a_player_who_was_deleted_is_in_no_period(service: Any, ties: str) -> None:
    service.put_board(ties=ties)
    for _ in range(3):
        for player in "ab":
            service.submit(player, 7)
        service.clock.advance(days=1)
    assert service.request("DELETE", "/v1/boards/b/players/a").status == 204
    assert top(service) == top(service, period="month") == top(service, period="week") == {"b": 7}
    for ago in (1, 2, 3):
        assert top(service, period="day", ago=ago) == {"b": 7}
        reply = service.request("GET", f"/v1/boards/b/players/a?period=day&ago={ago}", headers=FRESH)
        assert (reply.status, reply.json["code"]) == (404, "unknown_player")
    assert service.get("/boards/b/players/b", headers=FRESH)["rank"] == 1


def test_only_that_board_forgets(service: Any) -> None:
    put_three_boards(service)
    assert service.request("DELETE", "/v1/boards/b/players/a").status == 204
    assert top(service, "b") == {"x": 9, "y": 5}
    assert top(service, "c") == {"a": 5, "y": 5, "x": 9}
    assert top(service, "d", period="week") == {"x": 9, "a": 5, "y": 5}


def test_forgetting_everywhere(service: Any) -> None:
    put_three_boards(service)
    service.clock.advance(days=40)
    reply = service.request("DELETE", "/v1/players/a")
    assert reply.status in (200, 204)
    assert everywhere(service, "a") == {}
    for board, query in (("b", {}), ("c", {}), ("d", {"period": "week", "id": "2026-W48"})):
        assert set(top(service, board, **query)) == {"x", "y"}
    assert set(top(service, "b", period="day", id="2026-11-23")) == {"x", "y"}
    client = service.services.store.client
    for key in client.scan_iter(match=f"lb:{{{service.game}:*", count=10_000):
        if client.type(key) == b"zset":
            assert b"a" not in client.zrange(key, 0, -1), key
        elif client.type(key) == b"hash":
            assert b"a" not in client.hgetall(key), key


@pytest.mark.parametrize("operator", ["best", "last", "sum"])
def test_somebody_forgotten_begins_anew(service: Any, operator: str) -> None:
    """Nothing of the old entry comes back, and nothing of it takes the new one away."""
    service.put_board(operator=operator, ties="dense")
    service.submit("a", 100, metadata={"old": 1})
    service.request("DELETE", "/v1/boards/b/players/a")
    answer = service.submit("a", 3)
    assert (answer["score"], answer["updated"], answer["periods"]["all"]["previous_rank"]) == (3, True, None)
    assert all(outcome["score"] == 3 for outcome in answer["periods"].values())
    service.clock.advance(days=60)
    assert top(service) == {"a": 3}
    assert service.get("/boards/b/players/a?metadata=true", headers=FRESH)["metadata"] is None


def test_a_best_after_a_removal_arrives_in_every_period(service: Any) -> None:
    service.put_board()
    service.submit("a", 100)
    service.clock.advance(days=1)
    service.submit("a", 50)
    service.request("DELETE", "/v1/boards/b/players/a")
    service.bulk([{"board": "b", "player": "a", "score": 10}])
    for name in ("all", "month", "week", "day"):
        assert top(service, period=name) == {"a": 10}


def test_deleting_nobody(service: Any) -> None:
    service.put_board()
    service.submit("b", 1)
    reply = service.request("DELETE", "/v1/boards/b/players/a")
    assert (reply.status, reply.json["code"]) == (404, "unknown_player")
    reply = service.request("DELETE", "/v1/boards/none/players/a")
    assert (reply.status, reply.json["code"]) == (404, "unknown_board")
    assert service.request("DELETE", "/v1/players/a").status in (200, 204, 404)
    assert top(service) == {"b": 1}


def test_a_player_is_not_deleted_twice(service: Any) -> None:
    service.put_board()
    service.submit("a", 1)
    assert [service.request("DELETE", "/v1/boards/b/players/a").status for _ in range(2)] == [204, 404]


def test_a_deleted_board_is_gone_and_comes_back_empty(service: Any) -> None:
    put_three_boards(service)
    assert service.request("DELETE", "/v1/boards/b").status == 204
    assert service.request("DELETE", "/v1/boards/b").json["code"] == "unknown_board"
    assert {board["name"] for board in service.get("/boards")["boards"]} == {"c", "d"}
    assert set(everywhere(service, "a")) == {"c"}
    report = service.bulk([{"board": "b", "player": "a", "score": 1}])
    assert [one["code"] for one in report["rejected"]] == ["unknown_board"]
    left = list(service.services.store.client.scan_iter(match=f"lb:{{{service.game}:b}}*", count=10_000))
    assert left == []
    service.put_board("b", order="asc", operator="sum")
    assert top(service, "b") == top(service, "b", period="week") == {}
    assert service.get("/boards/b/periods?period=day", headers=FRESH)["periods"] == []
    assert service.submit("a", 2, "b")["periods"]["day"] == {
        "id": "2026-11-23",
        "score": 2,
        "rank": 1,
        "previous_rank": None,
        "updated": True,
    }
