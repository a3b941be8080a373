"""best, last and sum; increments of nothing; subscores; boards that keep only some entries; metadata."""

from itertools import pairwise
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
RULES = ("shared", "dense", "first", "last")


def read(service: Any, path: str, **query: Any) -> Any:
    return service.get(path, query=query, headers=FRESH)


def top(service: Any, board: str = "b") -> list[tuple[Any, ...]]:
    rows = read(service, f"/boards/{board}/top", limit=1000)["entries"]
    return [(row["player"], row["score"], row["subscore"]) for row in rows]


@pytest.mark.parametrize(
    ("operator", "order", "scores", "kept"),
    [
        ("best", "desc", [5, 9, 7, 9], [5, 9, 9, 9]),
        ("best", "asc", [5, 9, 3, 4], [5, 5, 3, 3]),
        ("best", "desc", [-5, -9, -1], [-5, -5, -1]),
        ("last", "desc", [5, 9, 3, 3], [5, 9, 3, 3]),
        ("last", "asc", [5, 9, 3, 9], [5, 9, 3, 9]),
        ("sum", "desc", [5, 0, -7, 3.5], [5, 5, -2, 1.5]),
        ("sum", "asc", [-5, 10, 0], [-5, 5, 5]),
    ],
)
def test_operators(service: Any, operator: str, order: str, scores: list[float], kept: list[float]) -> None:
    service.put_board(operator=operator, order=order)
    answers = [service.submit("a", score) for score in scores]
    assert [float(answer["score"]) for answer in answers] == kept
    assert [answer["updated"] for answer in answers] == [True, *(old != new for old, new in pairwise(kept))]
    assert [(player, float(score)) for player, score, _ in top(service)] == [("a", kept[-1])]


@pytest.mark.parametrize("ties", RULES)
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_an_increment_of_nothing(service: Any, ties: str, order: str) -> None:
    service.put_board(operator="sum", ties=ties, order=order)
    newcomer = service.submit("a", 0)
    assert (newcomer["score"], newcomer["updated"], newcomer["periods"]["all"]["rank"]) == (0, True, 1)
    for player in "bc":
        service.clock.advance(seconds=1)
        service.submit(player, 0)
    before = [(row["player"], row["rank"]) for row in read(service, "/boards/b/top")["entries"]]
    assert sorted(player for player, _ in before) == ["a", "b", "c"]
    for player in "acb":
        service.clock.advance(seconds=1)
        again = service.submit(player, 0)
        assert (again["score"], again["updated"]) == (0, False)
        assert again["periods"]["day"]["rank"] == again["periods"]["day"]["previous_rank"] == dict(before)[player]
        assert service.bulk([{"board": "b", "player": player, "score": -0.0}])["unchanged"] == 1
    assert [(row["player"], row["rank"]) for row in read(service, "/boards/b/top")["entries"]] == before


def test_an_increment_of_nothing_is_an_entry_in_a_new_period(service: Any) -> None:
    service.put_board(operator="sum")
    service.submit("a", 5)
    service.clock.advance(days=1)
    answer = service.submit("a", 0)["periods"]
    assert (answer["all"]["score"], answer["all"]["updated"]) == (5, False)
    assert (answer["day"]["score"], answer["day"]["updated"], answer["day"]["rank"]) == (0, True, 1)


LOWEST_TIME = {"order": "asc", "min": 0, "max": 9999}
MOST_SECOND = {"order": "desc", "min": 0, "max": 9999}


@pytest.mark.parametrize(
    ("order", "subscore", "wanted"),
    [
        ("desc", LOWEST_TIME, ["fast", "slow", "few"]),  # most points, then least time
        ("desc", MOST_SECOND, ["slow", "fast", "few"]),
        ("asc", MOST_SECOND, ["few", "slow", "fast"]),
        ("asc", LOWEST_TIME, ["few", "fast", "slow"]),
    ],
)
def test_a_subscore_has_its_own_direction(service: Any, order: str, subscore: Any, wanted: list[str]) -> None:
    service.put_board(order=order, subscore=subscore)
    for player, score, second in (("slow", 10, 300), ("few", 9, 100), ("fast", 10, 200)):
        answer = service.submit(player, score, subscore=second)
        assert (answer["score"], answer["subscore"]) == (score, second)
    assert [player for player, *_ in top(service)] == wanted
    ranks = [row["rank"] for row in read(service, "/boards/b/top")["entries"]]
    assert ranks == [1, 2, 3]  # equal scores with different subscores are no tie


@pytest.mark.parametrize(
    ("order", "subscore", "runs", "kept"),
    [
        ("desc", MOST_SECOND, [(10, 1), (5, 9)], (10, 1)),  # never (10, 9), a run that did not happen
        ("desc", MOST_SECOND, [(5, 9), (10, 1)], (10, 1)),
        ("desc", MOST_SECOND, [(10, 1), (10, 2), (10, 0)], (10, 2)),
        ("desc", LOWEST_TIME, [(10, 5), (10, 9), (10, 3)], (10, 3)),
        ("desc", LOWEST_TIME, [(10, 5), (9, 1)], (10, 5)),
        ("asc", MOST_SECOND, [(3, 1), (4, 9), (3, 2)], (3, 2)),
        ("asc", LOWEST_TIME, [(3, 7), (2, 9), (9, 1)], (2, 9)),
    ],
)
def test_best_keeps_one_run(service: Any, order: str, subscore: Any, runs: list[Any], kept: tuple[int, int]) -> None:
    for ties in ("shared", "first"):
        service.put_board(ties, order=order, subscore=subscore, ties=ties, score={"min": 0, "max": 1000})
        for score, second in runs:
            service.submit("a", score, ties, subscore=second)
        assert top(service, ties) == [("a", *kept)]
        items = [{"board": ties, "player": "b", "score": score, "subscore": second} for score, second in runs]
        service.bulk(items)
        assert sorted(top(service, ties)) == [("a", *kept), ("b", *kept)]


def test_a_board_with_a_subscore_needs_one(service: Any) -> None:
    service.put_board(subscore=MOST_SECOND)
    for more in ({}, {"subscore": None}, {"subscore": "1"}, {"subscore": 10_000}, {"subscore": 0.5}):
        reply = service.request("POST", "/v1/boards/b/scores", json={"player": "a", "score": 1, **more})
        assert reply.status == 422, more
        report = service.bulk([{"board": "b", "player": "a", "score": 1, **more}])
        assert (report["applied"], len(report["rejected"])) == (0, 1), more
    assert top(service) == []


@pytest.mark.parametrize("ties", RULES)
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_a_board_keeps_its_best_n(service: Any, ties: str, order: str) -> None:
    sign = 1 if order == "desc" else -1
    service.put_board(max_entries=3, ties=ties, order=order)
    for player, score in (("a", 30), ("b", 20), ("c", 10)):
        service.submit(player, sign * score)
    refused = service.submit("d", sign * 5)
    assert (refused["score"], refused["updated"]) == (None, False)
    for outcome in refused["periods"].values():
        assert (outcome["rank"], outcome["previous_rank"], outcome["updated"]) == (None, None, False)
    kept = service.submit("e", sign * 15)
    assert [outcome["rank"] for outcome in kept["periods"].values()] == [3] * 4
    assert [player for player, *_ in top(service)] == ["a", "b", "e"]
    assert read(service, "/boards/b/top")["total"] == 3
    assert service.request("GET", "/v1/boards/b/players/c").json["code"] == "unknown_player"
    report = service.bulk([{"board": "b", "player": f"p{n}", "score": sign * (100 + n)} for n in range(5)])
    assert report["rejected"] == []
    assert [row["rank"] for row in read(service, "/boards/b/top")["entries"]] == [1, 2, 3]
    assert [player for player, *_ in top(service)] == ["p4", "p3", "p2"]


def test_somebody_who_was_pushed_out_may_come_back(service: Any) -> None:
    service.put_board(max_entries=1, ties="dense")
    service.submit("a", 1, metadata={"run": 1})
    service.submit("b", 2)
    back = service.submit("a", 3)["periods"]["all"]
    assert (back["rank"], back["previous_rank"]) == (1, None)
    row = read(service, "/boards/b/top", metadata="true")["entries"]
    assert row == [{"rank": 1, "player": "a", "score": 3, "subscore": None, "metadata": None}]


def test_a_level_that_was_pushed_out_counts_no_more(service: Any) -> None:
    service.put_board(max_entries=2, ties="dense")
    for player, score in (("a", 30), ("b", 20), ("c", 25)):
        service.submit(player, score)
    for player in "ac":
        service.request("DELETE", f"/v1/boards/b/players/{player}")
    assert service.submit("d", 10)["periods"]["all"]["rank"] == 1
