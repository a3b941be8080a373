"""A submission that is refused leaves no trace: no key, no entry, no new version of the board."""

from collections.abc import Callable
from typing import Any

import pytest

JSON = {"Content-Type": "application/json"}


def traces(service: Any) -> dict[bytes, Any]:
    """Everything the store holds of this game, idempotency markers apart."""
    client = service.services.store.client
    readers: dict[bytes, Callable[[bytes], Any]] = {
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"hash": client.hgetall,
        b"string": client.get,
    }
    keys = [key for key in client.scan_iter(match=f"lb:{{{service.game}:*", count=10_000) if b"}:idem:" not in key]
    return {key: readers[client.type(key)](key) for key in keys}


def refuse(service: Any, item: dict[str, Any], code: str, status: int = 422, key: str = "server") -> None:
    """Sends the item both ways and looks into the store."""
    before = traces(service)
    board = item.get("board", "b")
    alone = {name: value for name, value in item.items() if name != "board"}
    reply = service.request("POST", f"/v1/boards/{board}/scores", json=alone, key=key)
    assert (reply.status, reply.json["code"]) == (status, code)
    reply = service.request("POST", "/v1/scores", json={"scores": [{"board": board, **item}]}, key=key)
    assert reply.status == 200, reply.body
    assert [(one["index"], one["code"]) for one in reply.json["rejected"]] == [(0, code)]
    assert (reply.json["received"], reply.json["applied"], reply.json["unchanged"]) == (1, 0, 0)
    assert traces(service) == before


SHAPES = [
    {"player": "a"},
    {"score": 1},
    {},
    {"player": "a", "score": "1"},
    {"player": "a", "score": True},
    {"player": "a", "score": None},
    {"player": "a", "score": 1, "points": 1},
    {"player": 7, "score": 1},
    {"player": "", "score": 1},
    {"player": "a\n", "score": 1},
    {"player": "a//b", "score": 1},
    {"player": "x" * 129, "score": 1},
    {"player": "a", "score": 1, "at": "yesterday"},
    {"player": "a", "score": 1, "at": "2026-11-22T10:00:00"},
    {"player": "a", "score": 1, "at": 1_795_608_000},
    {"player": "a", "score": 1, "metadata": "text"},
    {"player": "a", "score": 1, "metadata": {"x": "y" * 1100}},
]


@pytest.mark.parametrize("held", [False, True])
def test_items_of_the_wrong_shape(service: Any, held: bool) -> None:
    service.put_board(ties="dense")
    if held:
        service.submit("a", 5, metadata={"n": 1})
    for item in SHAPES:
        refuse(service, item, "validation_error")


@pytest.mark.parametrize(
    ("definition", "item", "code"),
    [
        ({}, {"score": 9007199254740993}, "score_not_exact"),
        ({"score": {"type": "integer"}}, {"score": 0.5}, "score_not_exact"),
        ({"score": {"decimals": 1}}, {"score": 0.25}, "score_not_exact"),
        ({"score": {"min": 0, "max": 10}}, {"score": 11}, "score_out_of_range"),
        ({"score": {"min": 0, "max": 10}}, {"score": -1}, "score_out_of_range"),
        ({"operator": "sum", "score": {"min": 0, "max": 10}}, {"score": 11}, "score_out_of_range"),
        ({"operator": "sum", "score": {"min": 0, "max": 10}}, {"score": -1}, "score_out_of_range"),
        ({"operator": "sum", "ties": "first", "score": {"min": 0, "max": 10}}, {"score": -1}, "score_out_of_range"),
        ({"operator": "sum", "score": {"min": 3, "max": 10}}, {"score": 0}, "score_out_of_range"),
        ({}, {"score": 1, "at": "2026-11-23T12:01:01Z"}, "time_in_future"),
        ({"ties": "first"}, {"score": 1, "at": "1999-12-31T23:59:59Z"}, "time_out_of_range"),
        ({"ties": "last"}, {"score": 10**10}, "score_out_of_range"),
        ({}, {"score": 1, "board": "none"}, "unknown_board"),
    ],
)
def test_scores_a_board_does_not_take(service: Any, definition: Any, item: dict[str, Any], code: str) -> None:
    service.put_board(**definition)
    refuse(service, {"player": "a", **item}, code, 404 if code == "unknown_board" else 422)


def test_a_total_that_would_leave_the_range_changes_no_period(service: Any) -> None:
    """The day could take it, the week could not: then neither does."""
    service.put_board(operator="sum", score={"min": 0, "max": 10})
    service.submit("a", 8)
    service.clock.advance(days=1)
    refuse(service, {"player": "a", "score": 3}, "score_out_of_range")
    assert service.submit("a", 2)["periods"]["day"]["score"] == 2


@pytest.mark.parametrize("writes", ["server", "signed"])
def test_clients_where_only_servers_write(service: Any, writes: str) -> None:
    service.put_board(writes=writes)
    refuse(service, {"player": "a", "score": 1}, "forbidden", 403, key="client")


def test_a_client_may_not_say_when(service: Any) -> None:
    service.put_board(writes="client")
    refuse(service, {"player": "a", "score": 1, "at": "2026-11-23T11:00:00Z"}, "forbidden", 403, key="client")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"scores": [{"board": "b", "player": "a", "score": 1}, {"board": ', {}, 400),
        (b'{"scores": [{"board": "b", "player": "a", "score": NaN}]}', {}, 400),
        (b'{"scores": [{"board": "b", "player": "a", "score": 1}]} x', {}, 400),
        (b'{"scores": {"board": "b", "player": "a", "score": 1}}', {}, 422),
        (b'[{"board": "b", "player": "a", "score": 1}]', {}, 422),
        (b'{"scores": [{"board": "b", "player": "a", "score": 1}]}', {"Content-Type": "text/plain"}, 415),
        (b'{"scores": [{"board": "b", "player": "a", "score": 1}]}', {"Content-Encoding": "gzip"}, 400),
        (b'{"scores": [{"board": "b", "player": "a", "score": 1}]}', {"Content-Encoding": "br"}, 415),
        (b'{"scores": [{"board": "b", "player": "\xff", "score": 1}]}', {}, 400),
    ],
)
def test_bodies_that_cannot_be_read_store_nothing(service: Any, body: bytes, headers: Any, status: int) -> None:
    service.put_board()
    before = traces(service)
    reply = service.request("POST", "/v1/scores", data=body, headers={**JSON, **headers})
    assert reply.status == status
    assert traces(service) == before


def test_ten_thousand_items_and_no_more(service: Any) -> None:
    service.put_board(periods=["all"])
    items = [{"board": "b", "player": "a", "score": 1}] * 10_001
    before = traces(service)
    assert service.request("POST", "/v1/scores", json={"scores": items}).status == 413
    assert traces(service) == before
    assert service.bulk(items[:10_000])["received"] == 10_000


def test_a_bad_item_stops_no_good_one(service: Any) -> None:
    service.put_board(score={"min": 0, "max": 10})
    items: list[Any] = [
        {"board": "b", "player": "a", "score": 1},
        {"board": "b", "player": "b", "score": 11},
        {"board": "none", "player": "a", "score": 1},
        "nothing like an item",
        {"board": "b", "player": "a", "score": 1},
        {"board": "../b", "player": "a", "score": 1},
        {"board": "b", "player": "", "score": 1},
        {"board": "b", "player": "c", "score": 2},
        None,
    ]
    report = service.bulk(items)
    assert [one["index"] for one in report["rejected"]] == [1, 2, 3, 5, 6, 8]
    assert {one["index"]: one["code"] for one in report["rejected"]}[1] == "score_out_of_range"
    assert {one["index"]: one["code"] for one in report["rejected"]}[2] == "unknown_board"
    assert all(one["detail"] for one in report["rejected"])
    assert (report["received"], report["applied"], report["unchanged"]) == (9, 2, 1)
    found = service.get("/boards/b/top", headers={"Cache-Control": "no-cache"})
    assert [(row["player"], row["score"]) for row in found["entries"]] == [("c", 2), ("a", 1)]


def test_a_definition_that_is_refused_changes_nothing(service: Any) -> None:
    service.put_board(score={"min": 0, "max": 10})
    service.submit("a", 5)
    before, boards = traces(service), service.get("/boards")
    for definition in (
        {"order": "up"},
        {"periods": []},
        {"time_zone": "Mars/Phobos"},
        {"max_entries": 3, "operator": "sum"},
        {"max_entries": 3, "rolling": ["7d"]},
        {"ties": "dense", "partitions": 2},
        {"ties": "first", "score": {"min": 0, "max": 2**40}},
        {"subscore": {"max": 5}},
        {"score": {"min": 2, "max": 1}},
        {"nonsense": 1},
    ):
        for board in ("b", "none"):
            assert service.request("PUT", f"/v1/boards/{board}", json=definition).status == 422, definition
            assert traces(service) == before
    assert service.get("/boards") == boards


def test_what_cannot_change_once_there_are_scores(service: Any) -> None:
    service.put_board(score={"min": 0, "max": 10})
    service.put_board("empty", score={"min": 0, "max": 10})
    service.submit("a", 5)
    shown, standings = service.get("/boards/b"), service.get("/boards/b/top")
    for change in (
        *({"order": "asc"}, {"operator": "sum"}, {"ties": "dense"}, {"ties": "first"}, {"time_zone": "Asia/Tokyo"}),
        *({"score": {"min": 0, "max": 11}}, {"week_start": "sunday"}, {"day_start": "04:00"}),
        {"subscore": {"min": 0, "max": 9}},
    ):
        definition = {"score": {"min": 0, "max": 10}, **change}
        reply = service.request("PUT", "/v1/boards/b", json=definition)
        assert (reply.status, reply.headers["Content-Type"]) == (409, "application/problem+json"), change
        assert service.request("PUT", "/v1/boards/empty", json=definition).status == 200, change
        assert (service.get("/boards/b"), service.get("/boards/b/top")) == (shown, standings)
    assert service.request("DELETE", "/v1/boards/b/players/a").status == 204
    assert service.request("PUT", "/v1/boards/b", json={"order": "asc"}).status == 200  # there are none any more
