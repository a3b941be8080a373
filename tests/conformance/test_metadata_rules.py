"""Metadata belongs to the score that stands, and comes back as it was sent."""

import json
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
JSON = {"Content-Type": "application/json"}


def held(service: Any, player: str = "a", board: str = "b", **query: Any) -> Any:
    return service.get(f"/boards/{board}/players/{player}", query={"metadata": "true", **query}, headers=FRESH)[
        "metadata"
    ]


@pytest.mark.parametrize(
    ("operator", "runs", "kept"),
    [
        ("best", [(5, {"n": 1}), (4, {"n": 2})], {"n": 1}),
        ("best", [(5, {"n": 1}), (5, {"n": 2})], {"n": 1}),  # the first of them stands
        ("best", [(5, {"n": 1}), (6, {"n": 2})], {"n": 2}),
        ("best", [(5, {"n": 1}), (6, None)], None),  # what stands now came without
        ("best", [(5, None), (4, {"n": 2})], None),
        ("last", [(5, {"n": 1}), (4, {"n": 2})], {"n": 2}),
        ("last", [(5, {"n": 1}), (4, None)], None),
        ("sum", [(5, {"n": 1}), (4, {"n": 2})], {"n": 2}),
    ],
)
@pytest.mark.parametrize("ties", ["shared", "dense", "first"])
def test_metadata_stays_with_the_score_that_stands(
    service: Any, ties: str, operator: str, runs: list[Any], kept: Any
) -> None:
    service.put_board(operator=operator, ties=ties)
    service.put_board("bulk", operator=operator, ties=ties)
    items = []
    for score, metadata in runs:
        more = {"metadata": metadata} if metadata else {}
        service.submit("a", score, **more)
        items.append({"board": "bulk", "player": "a", "score": score, **more})
    service.bulk(items)
    assert [held(service), held(service, board="bulk")] == [kept, kept]


def test_each_period_has_the_metadata_of_its_own_score(service: Any) -> None:
    service.put_board()
    service.submit("a", 9, metadata={"day": 1})
    service.clock.advance(days=1)
    service.submit("a", 5, metadata={"day": 2})
    assert (held(service), held(service, period="day")) == ({"day": 1}, {"day": 2})
    assert held(service, period="day", ago=1) == {"day": 1}


def test_every_read_shows_it_where_it_is_asked_for(service: Any) -> None:
    service.put_board()
    service.submit("b", 5)
    service.submit("a", 9, metadata={"run": "α/β", "deep": {"list": [1, None, True]}})
    wanted = {"a": {"run": "α/β", "deep": {"list": [1, None, True]}}, "b": None}
    for path in ("/boards/b/top", "/boards/b/scores", "/boards/b/players/a?around=2"):
        rows = service.get(path, query=None, headers=FRESH)["entries"]
        assert all("metadata" not in row for row in rows), path
        rows = service.get(path + ("&" if "?" in path else "?") + "metadata=true", headers=FRESH)["entries"]
        assert {row["player"]: row["metadata"] for row in rows} == wanted, path
    lookup = service.request(
        "POST", "/v1/boards/b/lookup?metadata=true", json={"players": ["b", "x", "a"]}, headers=FRESH
    ).json
    assert {row["player"]: row["metadata"] for row in lookup["entries"]} == wanted  # each with its own
    assert "metadata" not in service.get("/boards/b/players/a", headers=FRESH)


def test_metadata_comes_back_as_it_was_sent(service: Any) -> None:
    service.put_board()
    text = '{"big":9007199254740993,"tiny":1e-400,"money":0.10,"":"🦊","n":null,"nested":[[[{}]]],"slash":"a/b"}'
    for player, body in (
        ("one", f'{{"player":"one","score":1,"metadata":{text}}}'),
        ("two", f'{{"scores":[{{"board":"b","player":"two","score":1,"metadata":{text}}}]}}'),
    ):
        path = "/v1/boards/b/scores" if player == "one" else "/v1/scores"
        assert service.request("POST", path, data=body.encode(), headers=JSON).status == 200
        reply = service.request("GET", f"/v1/boards/b/players/{player}?metadata=true", headers=FRESH)
        assert b'"big":9007199254740993' in reply.body
        assert reply.json["metadata"] == json.loads(text, parse_float=type(reply.json["metadata"]["money"]))


def sized(size: int) -> dict[str, str]:
    return {"x": "y" * (size - len('{"x":""}'))}


@pytest.mark.parametrize("way", ["single", "bulk"])
def test_how_much_metadata_there_may_be(service: Any, way: str) -> None:
    service.put_board()
    cases = [(sized(1024), True), ({}, True), (None, True), (sized(1025), False), ({"x": "ä" * 600}, False)]
    cases += [("text", False), ([1], False), (1, False), (True, False)]
    for number, (metadata, good) in enumerate(cases):
        item = {"board": "b", "player": f"p{number}", "score": 1, "metadata": metadata}
        if way == "bulk":
            assert service.bulk([item])["applied"] == good, metadata
        else:
            del item["board"]
            reply = service.request("POST", "/v1/boards/b/scores", json=item)
            assert reply.status == (200 if good else 422), metadata
            assert good or "metadata" in json.dumps(reply.json["errors"])
        assert (service.request("GET", f"/v1/boards/b/players/p{number}", headers=FRESH).status == 200) == good


def test_a_player_who_was_deleted_comes_back_without(service: Any) -> None:
    service.put_board()
    service.submit("a", 9, metadata={"n": 1})
    assert service.request("DELETE", "/v1/boards/b/players/a").status == 204
    service.submit("a", 1)
    assert held(service) is None


def test_a_board_that_was_deleted_comes_back_without(service: Any) -> None:
    service.put_board()
    service.submit("a", 9, metadata={"n": 1})
    service.request("DELETE", "/v1/boards/b")
    service.put_board()
    service.submit("a", 9)
    assert held(service) is None
