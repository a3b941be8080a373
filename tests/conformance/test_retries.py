"""Idempotency-Key: the same request again gets the same answer and changes nothing."""

import json
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
JSON = {"Content-Type": "application/json"}
KEY = {"Idempotency-Key": "order 66/äöü".encode().decode("latin-1")}
SINGLE = "/v1/boards/b/scores"
BULK = "/v1/scores"
ONE = {"player": "a", "score": 10}
MANY = {
    "scores": [
        {"board": "b", "player": "a", "score": 10},
        {"board": "b", "player": "a", "score": "bad"},
        {"board": "none", "player": "a", "score": 1},
        {"board": "b", "player": "b", "score": 1_000_000},
        {"board": "b", "player": "b", "score": 0},
        {"board": "b", "player": "b", "score": 0},
    ]
}
WAYS = [(SINGLE, ONE), (BULK, MANY)]
both_ways = pytest.mark.parametrize(("path", "body"), WAYS, ids=["single", "bulk"])


@pytest.fixture
def board(service: Any) -> Any:
    """A board that shows at once when something is applied twice."""
    service.put_board(operator="sum", score={"min": -1000, "max": 1000})
    return service


def post(service: Any, path: str, body: Any, headers: Any = KEY, **more: Any) -> Any:
    return service.request("POST", path, json=body, headers=headers, **more)


def standings(service: Any, board: str = "b") -> dict[str, Any]:
    return {row["player"]: row["score"] for row in service.get(f"/boards/{board}/top", headers=FRESH)["entries"]}


def version(service: Any, board: str = "b") -> Any:
    return service.services.store.client.hget(f"lb:{{{service.game}:{board}}}:meta", "version")


@both_ways
def test_the_same_request_again_changes_nothing(board: Any, path: str, body: Any) -> None:
    first = post(board, path, body)
    assert (first.status, first.headers.get("Idempotency-Replayed")) == (200, None)
    held, was = standings(board), version(board)
    board.clock.advance(hours=2)
    for _ in range(3):
        again = post(board, path, body)
        assert (again.status, again.body) == (200, first.body)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert (standings(board), version(board)) == (held, was)
    assert held["a"] == 10


@both_ways
def test_the_answer_is_that_of_the_first_time_whatever_came_since(board: Any, path: str, body: Any) -> None:
    first = post(board, path, body)
    board.bulk([{"board": "b", "player": player, "score": 500} for player in "abc"])
    assert post(board, path, body).body == first.body
    board.request("DELETE", "/v1/boards/b/players/a")
    assert post(board, path, body).body == first.body
    assert "a" not in standings(board)


@both_ways
def test_the_same_key_with_another_body(board: Any, path: str, body: Any) -> None:
    first = post(board, path, body)
    held, was = standings(board), version(board)
    other = json.loads(json.dumps(body).replace("10", "11", 1))
    for _ in range(2):
        reply = post(board, path, other)
        assert (reply.status, reply.json["code"]) == (422, "idempotency_key_reused")
        assert reply.headers["Content-Type"] == "application/problem+json"
    assert (standings(board), version(board)) == (held, was)
    assert post(board, path, body).body == first.body
    assert post(board, path, other, {"Idempotency-Key": "another"}).status == 200


@both_ways
def test_without_a_key_nothing_is_remembered(board: Any, path: str, body: Any) -> None:
    for _ in range(3):
        assert "Idempotency-Replayed" not in post(board, path, body, {}).headers
    assert standings(board)["a"] == 30


def test_a_key_means_something_on_its_own_path_only(board: Any) -> None:
    board.put_board("c", operator="sum")
    assert post(board, SINGLE, ONE).status == 200
    elsewhere = post(board, "/v1/boards/c/scores", {"player": "a", "score": 7})
    assert (elsewhere.status, elsewhere.headers.get("Idempotency-Replayed")) == (200, None)
    bulk = post(board, BULK, {"scores": [{"board": "b", **ONE}]})
    assert (bulk.status, bulk.headers.get("Idempotency-Replayed")) == (200, None)
    assert (standings(board)["a"], standings(board, "c")["a"]) == (20, 7)


def test_a_key_means_something_to_its_caller_only(board: Any) -> None:
    board.put_board("c", operator="sum", writes="client")
    path = "/v1/boards/c/scores"
    assert [post(board, path, ONE, key=key).headers.get("Idempotency-Replayed") for key in ("server", "client")] == [
        None,
        None,
    ]
    assert standings(board, "c")["a"] == 20
    board.new_game()
    board.put_board("c", operator="sum")
    assert "Idempotency-Replayed" not in post(board, path, {"player": "b", "score": 1}).headers
    assert standings(board, "c") == {"b": 1}


def test_a_key_is_kept_for_a_day(board: Any) -> None:
    client = board.services.store.client
    before = set(client.scan_iter(count=10_000))
    post(board, SINGLE, ONE)
    post(board, BULK, MANY)
    kept = [key for key in set(client.scan_iter(count=10_000)) - before if b"idem:" in key]
    assert len(kept) >= 2
    day = 24 * 3600 * 1000
    assert all(day - 60_000 < client.pttl(key) <= day for key in kept)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"player": "a"}, 422),
        ({"player": "a", "score": "10"}, 422),
        ({"player": "a//b", "score": 10}, 422),
        ({"player": "a", "score": 10, "nonsense": 1}, 422),
        ({"player": "a", "score": 0.1, "at": "2036-11-23T12:00:00Z"}, 422),
        ({"player": "a", "score": 1001}, 422),
        ({"player": "a", "score": 9007199254740993}, 422),
    ],
)
def test_a_single_score_that_is_refused_is_not_remembered(board: Any, wrong: Any, status: int) -> None:
    """Whoever sends something wrong may correct it and try again under the same key."""
    for _ in range(2):
        reply = post(board, SINGLE, wrong)
        assert (reply.status, reply.headers.get("Idempotency-Replayed")) == (status, None)
        assert reply.json["code"] != "idempotency_key_reused"
    good = post(board, SINGLE, ONE)
    assert (good.status, good.headers.get("Idempotency-Replayed")) == (200, None)
    assert standings(board) == {"a": 10}
    assert post(board, SINGLE, ONE).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("wrong", "headers", "status"),
    [
        (b'{"scores": [', JSON, 400),
        (b"[]", JSON, 422),
        (b'{"scores": []}', {"Content-Type": "text/plain"}, 415),
        (json.dumps({"scores": [{}] * 10_001}).encode(), JSON, 413),
    ],
)
def test_a_batch_that_cannot_be_read_is_not_remembered(board: Any, wrong: bytes, headers: Any, status: int) -> None:
    assert board.request("POST", BULK, data=wrong, headers={**KEY, **headers}).status == status
    good = post(board, BULK, MANY)
    assert (good.status, good.headers.get("Idempotency-Replayed")) == (200, None)
    assert standings(board)["a"] == 10


def test_a_board_that_is_not_there_yet_is_not_remembered(service: Any) -> None:
    assert post(service, SINGLE, ONE).json["code"] == "unknown_board"
    service.put_board()
    assert post(service, SINGLE, ONE).status == 200


def test_a_right_that_is_not_there_yet_is_not_remembered(service: Any) -> None:
    service.put_board()
    assert post(service, SINGLE, ONE, key="client").status == 403
    service.put_board(writes="client")
    assert post(service, SINGLE, ONE, key="client").status == 200


@both_ways
def test_a_key_has_200_characters_at_most(board: Any, path: str, body: Any) -> None:
    assert post(board, path, body, {"Idempotency-Key": "x" * 200}).status == 200
    assert post(board, path, body, {"Idempotency-Key": "x" * 200}).headers["Idempotency-Replayed"] == "true"
    held = standings(board)
    reply = post(board, path, body, {"Idempotency-Key": "x" * 201})
    assert (reply.status, reply.headers["Content-Type"]) == (422, "application/problem+json")
    assert standings(board) == held


def test_a_total_that_was_refused_stays_refused_for_its_batch(board: Any) -> None:
    """A report is an answer: what it rejected is not tried again behind the caller's back."""
    first = post(board, BULK, MANY).json
    assert [one["index"] for one in first["rejected"]] == [1, 2, 3]
    assert (first["received"], first["applied"], first["unchanged"]) == (6, 2, 1)
    board.put_board("none", operator="sum")
    again = post(board, BULK, MANY)
    assert again.json == first
    assert standings(board, "none") == {}
