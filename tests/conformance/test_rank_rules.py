"""How ranks are counted on every kind of board, and that every read counts the same way."""

from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
PLAYERS = "abcd"
# Submitted in this order, a second apart: b and c are level, and c was there first.
SCORES = {"desc": {"a": 10, "d": -5, "c": 8, "b": 8}, "asc": {"a": -5, "d": 10, "c": 0, "b": 0}}
RULES = {
    "shared": {"a": 1, "b": 2, "c": 2, "d": 4},
    "dense": {"a": 1, "b": 2, "c": 2, "d": 3},
    "first": {"a": 1, "c": 2, "b": 3, "d": 4},
    "last": {"a": 1, "b": 2, "c": 3, "d": 4},
}

every_rule = pytest.mark.parametrize("ties", RULES)
every_order = pytest.mark.parametrize("order", SCORES)


def read(service: Any, path: str, **query: Any) -> Any:
    return service.get(path, query=query, headers=FRESH)


def ranks(entries: list[dict[str, Any]]) -> dict[str, int]:
    return {entry["player"]: entry["rank"] for entry in entries}


def top(service: Any, board: str = "b") -> dict[str, int]:
    return ranks(read(service, f"/boards/{board}/top", limit=1000)["entries"])


def fill(service: Any, scores: dict[str, Any], board: str = "b") -> None:
    for player, score in scores.items():
        service.submit(player, score, board)
        service.clock.advance(seconds=1)


@every_order
@every_rule
def test_every_read_tells_the_same_rank(service: Any, ties: str, order: str) -> None:
    service.put_board(ties=ties, order=order)
    fill(service, SCORES[order])
    listed = read(service, "/boards/b/top")["entries"]
    assert ranks(listed) == RULES[ties]
    assert [entry["rank"] for entry in listed] == sorted(RULES[ties].values())
    assert ranks(read(service, "/boards/b/scores")["entries"]) == RULES[ties]
    assert ranks(read(service, "/boards/b/players/c", around=4)["entries"]) == RULES[ties]
    found = service.request("POST", "/v1/boards/b/lookup", json={"players": [*PLAYERS, "nobody"]}, headers=FRESH).json
    assert (ranks(found["entries"]), found["missing"]) == (RULES[ties], ["nobody"])
    assert [entry["rank"] for entry in found["entries"]] == sorted(RULES[ties].values())
    for player, rank in RULES[ties].items():
        assert read(service, f"/boards/b/players/{player}")["rank"] == rank
        assert read(service, f"/players/{player}")["boards"][0]["rank"] == rank


@every_order
@every_rule
def test_a_submission_answers_its_ranks(service: Any, ties: str, order: str) -> None:
    service.put_board(ties=ties, order=order)
    fill(service, SCORES[order])
    best = 100 if order == "desc" else -100
    answer = service.submit("d", best)
    assert set(answer["periods"]) == {"all", "month", "week", "day"}
    for outcome in answer["periods"].values():
        assert (outcome["rank"], outcome["previous_rank"], outcome["updated"]) == (1, RULES[ties]["d"], True)
    newcomer = service.submit("e", -best)["periods"]["day"]
    assert (newcomer["rank"], newcomer["previous_rank"]) == (4 if ties == "dense" else 5, None)


@pytest.mark.parametrize(("asked", "named"), [("day,all", {"day", "all"}), ("week", {"week"}), ("none", set())])
def test_ranks_are_told_where_they_are_asked_for(service: Any, asked: str, named: set[str]) -> None:
    service.put_board()
    answer = service.submit("a", 7, query={"ranks": asked})
    assert set(answer["periods"]) == named
    assert (answer["score"], answer["updated"]) == (7, True)


@every_order
@pytest.mark.parametrize(
    ("ties", "leaving", "left"),
    [
        ("shared", "a", {"b": 1, "c": 1, "d": 3}),
        ("shared", "b", {"a": 1, "c": 2, "d": 3}),
        ("dense", "a", {"b": 1, "c": 1, "d": 2}),
        ("dense", "b", {"a": 1, "c": 2, "d": 3}),
        ("first", "c", {"a": 1, "b": 2, "d": 3}),
        ("last", "b", {"a": 1, "c": 2, "d": 3}),
    ],
)
def test_a_player_who_goes_leaves_no_gap_and_no_level(
    service: Any, order: str, ties: str, leaving: str, left: dict[str, int]
) -> None:
    service.put_board(ties=ties, order=order)
    fill(service, SCORES[order])
    assert service.request("DELETE", f"/v1/boards/b/players/{leaving}").status == 204
    assert top(service) == left
    for player, rank in left.items():
        assert read(service, f"/boards/b/players/{player}")["rank"] == rank


def test_a_level_that_everybody_has_left_counts_no_more(service: Any) -> None:
    service.put_board(ties="dense", operator="last")
    fill(service, {"a": 30, "b": 20, "c": 20, "d": 10})
    service.submit("b", 5)
    assert top(service) == {"a": 1, "c": 2, "d": 3, "b": 4}
    service.submit("c", 10)
    assert top(service) == {"a": 1, "c": 2, "d": 2, "b": 3}
    service.submit("a", 5)
    assert top(service) == {"c": 1, "d": 1, "a": 2, "b": 2}


@pytest.mark.parametrize(("ties", "wanted"), [("first", ["b", "a"]), ("last", ["a", "b"])])
def test_the_time_that_counts_is_when_the_score_was_reached(service: Any, ties: str, wanted: list[str]) -> None:
    service.put_board(ties=ties)
    fill(service, {"a": 1, "b": 5})
    service.clock.advance(seconds=1)
    service.submit("a", 5)  # earlier on the board, but later at five
    assert list(top(service)) == wanted


@pytest.mark.parametrize(("ties", "wanted"), [("first", ["early", "now"]), ("last", ["now", "early"])])
def test_a_stated_time_is_the_one_that_counts(service: Any, ties: str, wanted: list[str]) -> None:
    service.put_board(ties=ties)
    service.submit("now", 5)
    service.submit("early", 5, at="2026-11-23T11:59:59.999Z")
    assert list(top(service)) == wanted


@every_rule
@pytest.mark.parametrize("operator", ["best", "last"])
def test_the_same_score_again_moves_nobody(service: Any, ties: str, operator: str) -> None:
    service.put_board(ties=ties, operator=operator)
    fill(service, SCORES["desc"])
    for player in "cbcb":
        service.clock.advance(seconds=1)
        answer = service.submit(player, 8.0)
        assert (answer["score"], answer["updated"]) == (8, False)
        for outcome in answer["periods"].values():
            assert outcome["rank"] == outcome["previous_rank"] == RULES[ties][player]
            assert outcome["updated"] is False
        report = service.bulk([{"board": "b", "player": player, "score": 8}])
        assert (report["applied"], report["unchanged"], report["rejected"]) == (0, 1, [])
    assert top(service) == RULES[ties]


@every_order
def test_zero_and_less_than_zero_are_ranked(service: Any, order: str) -> None:
    for ties in RULES:
        service.put_board(ties, ties=ties, order=order)
        fill(service, {"minus": -1, "zero": 0, "plus": 1}, ties)
        wanted = {"plus": 1, "zero": 2, "minus": 3}
        assert top(service, ties) == (wanted if order == "desc" else {"minus": 1, "zero": 2, "plus": 3})


@every_order
def test_level_players_are_listed_by_id_and_all_share_the_rank(service: Any, order: str) -> None:
    names = ["Z", "a", "zz", "ä", "é", "～", "🦊"]  # as their UTF-8 sorts
    for ties in ("shared", "dense"):
        service.put_board(ties, ties=ties, order=order)
        service.bulk([{"board": ties, "player": name, "score": 3} for name in reversed(names)])
        entries = read(service, f"/boards/{ties}/top")["entries"]
        assert [(entry["player"], entry["rank"]) for entry in entries] == [(name, 1) for name in names]


def test_two_submissions_of_one_batch_count_in_their_order(service: Any) -> None:
    for operator, wanted in (("best", 9), ("last", 4), ("sum", 18)):
        service.put_board(operator, operator=operator)
        items = [{"board": operator, "player": "a", "score": score} for score in (5, 9, 4)]
        report = service.bulk(items)
        assert report["received"] == 3
        assert read(service, f"/boards/{operator}/players/a")["score"] == wanted
