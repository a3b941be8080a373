"""Pages and their cursors: nobody twice, nobody skipped, whatever happens between two pages."""

from datetime import UTC, datetime
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
# Ties everywhere, so that every page but the last ends in one.
FIELD = {f"p{number:02}": number // 5 for number in range(23)}
RULES = ("shared", "dense", "first", "last")


def read(service: Any, path: str, **query: Any) -> Any:
    return service.get(path, query=query, headers=FRESH)


def put_field(service: Any, board: str = "b", **definition: Any) -> None:
    service.put_board(board, **definition)
    service.bulk([{"board": board, "player": player, "score": score} for player, score in FIELD.items()])


def pages(service: Any, limit: int, path: str = "/boards/b/top", **query: Any) -> list[list[dict[str, Any]]]:
    found, cursor = [], {}
    for _ in range(len(FIELD) + 1):
        page = read(service, path, limit=limit, **cursor, **query)
        found.append(page["entries"])
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}
    raise AssertionError("The pages have no end.")


def players(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["player"] for entry in entries]


@pytest.mark.parametrize("ties", RULES)
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_pages_put_together_are_the_whole_board(service: Any, ties: str, order: str) -> None:
    put_field(service, ties=ties, order=order)
    whole = read(service, "/boards/b/top", limit=1000)
    assert sorted(players(whole["entries"])) == sorted(FIELD)
    assert whole["next"] is None
    for limit in (1, 2, 5, 7, 22, 23, 24):
        found = pages(service, limit)
        assert [entry for page in found for entry in page] == whole["entries"]
        assert len(found) == -(-len(FIELD) // limit)  # no empty page at the end


@pytest.mark.parametrize("ties", RULES)
@pytest.mark.parametrize("what", ["deleted", "up", "down", "level with the next", "down and back"])
def test_a_cursor_outlives_its_player(service: Any, ties: str, what: str) -> None:
    put_field(service, ties=ties, operator="last")
    before = players(read(service, "/boards/b/top", limit=1000)["entries"])
    page = read(service, "/boards/b/top", limit=7)
    shown, cursor = players(page["entries"]), page["next"]
    gone = shown[-1]
    if what == "deleted":
        assert service.request("DELETE", f"/v1/boards/b/players/{gone}").status == 204
    else:
        held = FIELD[gone]
        scores = {"up": [99], "down": [-99], "level with the next": [held - 1], "down and back": [0, held]}
        for score in scores[what]:
            service.submit(gone, score)
    rest: list[str] = []
    while cursor is not None and len(rest) <= len(FIELD):
        page = read(service, "/boards/b/top", limit=7, cursor=cursor)
        rest += players(page["entries"])
        cursor = page["next"]
    others = [player for player in rest if player != gone]
    assert others == before[7:]
    assert rest.count(gone) <= 1


@pytest.mark.parametrize("ties", RULES)
def test_newcomers_and_leavers_above_a_cursor_shift_nobody(service: Any, ties: str) -> None:
    put_field(service, ties=ties)
    before = players(read(service, "/boards/b/top", limit=1000)["entries"])
    cursor = read(service, "/boards/b/top", limit=6)["next"]
    service.bulk([{"board": "b", "player": f"new{number}", "score": 100} for number in range(5)])
    for player in before[:3]:
        service.request("DELETE", f"/v1/boards/b/players/{player}")
    page = read(service, "/boards/b/top", limit=1000, cursor=cursor)
    assert players(page["entries"]) == before[6:]
    ranks = {entry["player"]: entry["rank"] for entry in read(service, "/boards/b/top", limit=1000)["entries"]}
    assert all(entry["rank"] == ranks[entry["player"]] for entry in page["entries"])  # not those of the first page


def test_a_page_goes_on_in_its_day_after_midnight(service: Any) -> None:
    service.clock.set(datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))
    put_field(service)
    first = read(service, "/boards/b/top", period="day", limit=10)
    service.clock.set(datetime(2026, 11, 23, 0, 0, 1, tzinfo=UTC))
    service.submit("somebody", 50)
    second = read(service, "/boards/b/top", period="day", limit=100, cursor=first["next"])
    assert second["period"]["id"] == first["period"]["id"] == "2026-11-22"
    assert (first["period"]["state"], second["period"]["state"]) == ("open", "closed")
    assert sorted(players(first["entries"]) + players(second["entries"])) == sorted(FIELD)
    assert players(read(service, "/boards/b/top", period="day")["entries"]) == ["somebody"]


def test_a_page_goes_on_in_a_past_period(service: Any) -> None:
    put_field(service)
    service.clock.advance(days=3)
    for query in ({"id": "2026-11-23"}, {"ago": 3}):
        first = read(service, "/boards/b/top", period="day", limit=10, **query)
        rest = read(service, "/boards/b/top", period="day", limit=100, cursor=first["next"], **query)
        assert sorted(players(first["entries"]) + players(rest["entries"])) == sorted(FIELD)


def test_a_cursor_belongs_to_its_board_and_period(service: Any) -> None:
    put_field(service)
    put_field(service, "other")
    cursor = read(service, "/boards/b/top", limit=5)["next"]
    for path, query in (
        ("/v1/boards/other/top", {}),
        ("/v1/boards/b/top", {"period": "day"}),
        ("/v1/boards/b/top", {"period": "week", "id": "2026-W01"}),
    ):
        reply = service.request("GET", path, query={"cursor": cursor, **query})
        assert (reply.status, reply.json["code"]) == (422, "invalid_cursor")


def test_a_cursor_does_not_outlive_its_board(service: Any) -> None:
    put_field(service)
    cursor = read(service, "/boards/b/top", limit=5)["next"]
    service.request("DELETE", "/v1/boards/b")
    put_field(service, order="asc")
    reply = service.request("GET", "/v1/boards/b/top", query={"cursor": cursor}, headers=FRESH)
    assert (reply.status, reply.json["code"]) == (422, "invalid_cursor")


def test_a_cursor_survives_what_may_change_on_a_board(service: Any) -> None:
    put_field(service)
    before = players(read(service, "/boards/b/top", limit=1000)["entries"])
    cursor = read(service, "/boards/b/top", limit=5)["next"]
    service.put_board(writes="client", periods=["all", "day"])
    reply = service.request("GET", "/v1/boards/b/top", query={"cursor": cursor, "limit": 100}, headers=FRESH)
    if reply.status == 200:
        assert players(reply.json["entries"]) == before[5:]
    else:
        assert (reply.status, reply.json["code"]) == (422, "invalid_cursor")


def test_what_is_no_cursor(service: Any) -> None:
    put_field(service)
    for cursor in ("x", "AAAA", "=", "ä", "%00", "kw", "a" * 2001, "lKFhoWGhYQ", "../../etc", "🦊"):
        reply = service.request("GET", "/v1/boards/b/top", query={"cursor": cursor})
        assert reply.status == 422, cursor
        assert reply.headers["Content-Type"] == "application/problem+json"


def test_limits_that_are_none(service: Any) -> None:
    service.put_board()
    for limit in ("0", "-1", "1001", "ten", "1.0", "", "1e2", "٣", "99999999999999999999"):
        for path in ("top", "scores", "periods"):
            reply = service.request("GET", f"/v1/boards/b/{path}", query={"limit": limit})
            assert (reply.status, list(reply.json["errors"])) == (422, ["limit"]), limit


def test_a_thousand_rows_are_one_page(service: Any) -> None:
    service.put_board(periods=["all"])
    service.bulk([{"board": "b", "player": f"p{number}", "score": number} for number in range(1001)])
    page = read(service, "/boards/b/top", limit=1000)
    assert [entry["rank"] for entry in page["entries"]] == list(range(1, 1001))
    last = read(service, "/boards/b/top", limit=1000, cursor=page["next"])
    assert ([(entry["rank"], entry["player"]) for entry in last["entries"]], last["next"]) == ([(1001, "p0")], None)


def test_an_empty_board_has_one_empty_page(service: Any) -> None:
    service.put_board()
    page = read(service, "/boards/b/top")
    assert (page["total"], page["entries"], page["next"]) == (0, [], None)
