"""Rows around a player: symmetric, filled up at the ends; and looking players up."""

from itertools import product
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}


def read(service: Any, path: str, **query: Any) -> Any:
    return service.get(path, query=query, headers=FRESH)


def put_line(service: Any, count: int, **definition: Any) -> None:
    """Players 1 to count, each at the rank of its name."""
    service.put_board(**definition)
    sign = 1 if definition.get("order") == "asc" else -1
    service.bulk([{"board": "b", "player": str(rank), "score": sign * rank} for rank in range(1, count + 1)])


def around(service: Any, player: int, rows: int) -> list[int]:
    answer = read(service, f"/boards/b/players/{player}", around=rows)
    assert answer["rank"] == player
    assert [entry["rank"] for entry in answer["entries"]] == [int(entry["player"]) for entry in answer["entries"]]
    return [entry["rank"] for entry in answer["entries"]]


# (player of 20, rows): the first and the last rank shown.
ROWS = {
    (10, 11): (5, 15),  # five above, five below
    (10, 3): (9, 11),
    (10, 1): (10, 10),
    (10, 2): (10, 11),  # even: one more below
    (10, 4): (9, 12),
    (10, 10): (6, 15),
    (1, 11): (1, 11),  # what lies above is missing, so more lies below
    (1, 2): (1, 2),
    (2, 3): (1, 3),  # rank 2 shows rank 1
    (3, 11): (1, 11),
    (6, 11): (1, 11),
    (7, 11): (2, 12),
    (20, 11): (10, 20),
    (20, 1): (20, 20),
    (20, 2): (19, 20),
    (19, 4): (17, 20),
    (18, 4): (17, 20),
    (17, 4): (16, 19),
    (15, 11): (10, 20),
    (14, 11): (9, 19),
    (10, 19): (1, 19),
    (11, 19): (2, 20),
    (10, 20): (1, 20),
    (10, 21): (1, 20),
    (1, 1000): (1, 20),
    (20, 1000): (1, 20),
}


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_rows_around(service: Any, order: str) -> None:
    put_line(service, 20, order=order, periods=["all"])
    shown = {case: around(service, *case) for case in ROWS}
    assert shown == {case: list(range(first, last + 1)) for case, (first, last) in ROWS.items()}


def test_around_the_only_player(service: Any) -> None:
    put_line(service, 1)
    assert [around(service, 1, rows) for rows in (1, 2, 3, 11)] == [[1]] * 4


@pytest.mark.parametrize("ties", ["shared", "dense", "first", "last"])
def test_around_a_player_in_a_tie(service: Any, ties: str) -> None:
    """The middle of the rows is the player's own, not just one of the same rank."""
    service.put_board(ties=ties, periods=["all"])
    for number in range(20):
        service.submit(f"p{number:02}", 7, query={"ranks": "none"})
        service.clock.advance(seconds=1)
    listed = [entry["player"] for entry in read(service, "/boards/b/top", limit=20)["entries"]]
    for place, rows in product((5, 10, 14), (1, 2, 5, 6)):
        answer = read(service, f"/boards/b/players/{listed[place]}", around=rows)
        shown = [entry["player"] for entry in answer["entries"]]
        above = (rows - 1) // 2
        assert shown == listed[place - above : place - above + rows]
        mine = next(entry for entry in answer["entries"] if entry["player"] == listed[place])
        assert mine["rank"] == answer["rank"]


def test_rows_around_have_the_values_of_their_players(service: Any) -> None:
    put_line(service, 5)
    answer = read(service, "/boards/b/players/3", around=3)
    assert answer["entries"] == [
        {"rank": rank, "player": str(rank), "score": -rank, "subscore": None} for rank in (2, 3, 4)
    ]
    assert (answer["board"], answer["total"], answer["score"], answer["player"]) == ("b", 5, -3, "3")
    assert "entries" not in read(service, "/boards/b/players/3")


def test_numbers_of_rows_that_are_none(service: Any) -> None:
    put_line(service, 3)
    for rows in ("-1", "1001", "all", "2.5", ""):
        reply = service.request("GET", "/v1/boards/b/players/2", query={"around": rows})
        assert (reply.status, list(reply.json["errors"])) == (422, ["around"])


def test_unknown_players_are_told_apart_from_unknown_boards(service: Any) -> None:
    put_line(service, 3)
    for query in ({}, {"around": 5}, {"period": "day"}, {"period": "day", "ago": 1}):
        reply = service.request("GET", "/v1/boards/b/players/nobody", query=query)
        assert (reply.status, reply.json["code"]) == (404, "unknown_player")
        reply = service.request("GET", "/v1/boards/none/players/1", query=query)
        assert (reply.status, reply.json["code"]) == (404, "unknown_board")
    reply = service.request("GET", "/v1/boards/b/players/1", query={"period": "day", "ago": 1})
    assert (reply.status, reply.json["code"]) == (404, "unknown_player")


def test_a_board_that_is_none_is_never_an_empty_one(service: Any) -> None:
    calls: list[tuple[str, str, Any]] = [
        *(("GET", f"/{path}", None) for path in ("top", "scores", "rank?score=1", "percentile?p=1", "distribution")),
        *(("GET", "/periods", None), ("GET", "", None), ("DELETE", "", None), ("DELETE", "/players/a", None)),
        *(("POST", "/scores", {"player": "a", "score": 1}), ("POST", "/lookup", {"players": ["a"]})),
    ]
    for method, path, body in calls:
        reply = service.request(method, f"/v1/boards/none{path}", json=body)
        assert (reply.status, reply.json["code"]) == (404, "unknown_board"), (method, path)


def lookup(service: Any, players: list[str], **query: Any) -> Any:
    reply = service.request("POST", "/v1/boards/b/lookup", json={"players": players}, query=query, headers=FRESH)
    assert reply.status == 200, reply.body
    return reply.json


def test_a_lookup_is_in_rank_order_and_tells_who_is_missing(service: Any) -> None:
    put_line(service, 9)
    found = lookup(service, ["x", "7", "2", "y", "9", "1"])
    assert [(entry["rank"], entry["player"]) for entry in found["entries"]] == [(1, "1"), (2, "2"), (7, "7"), (9, "9")]
    assert (found["missing"], found["total"], found["board"]) == (["x", "y"], 9, "b")
    assert lookup(service, ["x"])["entries"] == []
    assert lookup(service, ["1"], period="day", ago=1)["missing"] == ["1"]


def test_a_lookup_of_level_players_is_in_the_order_of_the_board(service: Any) -> None:
    for ties in ("shared", "dense", "first", "last"):
        service.put_board("b", ties=ties)
        for player in "dacb":
            service.submit(player, 3)
            service.clock.advance(seconds=1)
        listed = [entry["player"] for entry in read(service, "/boards/b/top")["entries"]]
        assert [entry["player"] for entry in lookup(service, list("abcd"))["entries"]] == listed
        service.request("DELETE", "/v1/boards/b")


def test_a_lookup_may_have_a_thousand_ids_and_no_more(service: Any) -> None:
    put_line(service, 3)
    ids = [f"x{number}" for number in range(999)]
    found = lookup(service, ["3", *ids])
    assert ([entry["player"] for entry in found["entries"]], found["missing"]) == (["3"], ids)
    reply = service.request("POST", "/v1/boards/b/lookup", json={"players": ["3", "2", *ids]})
    assert reply.status == 422


def test_lookups_that_ask_for_nothing_sensible(service: Any) -> None:
    put_line(service, 1)
    for body in ({}, {"players": "1"}, {"players": [1]}, {"players": [""]}, {"players": ["a//b"]}, []):
        assert service.request("POST", "/v1/boards/b/lookup", json=body).status == 422, body
