"""What is computed over a whole board: percentiles, distributions, score ranges, and ranks that would be."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
JSON = {"Content-Type": "application/json"}


def read(service: Any, path: str, **query: Any) -> Any:
    return service.get(path, query=query, headers=FRESH)


def fill(service: Any, scores: list[Any], **definition: Any) -> None:
    service.put_board(**definition)
    body = ",".join(f'{{"board":"b","player":"p{n}","score":{score}}}' for n, score in enumerate(scores))
    reply = service.request("POST", "/v1/scores", data=f'{{"scores":[{body}]}}', headers=JSON)
    assert reply.json["rejected"] == []


@pytest.mark.parametrize(
    ("order", "table"),
    [
        ("desc", {"0": 1, "25": 2, "50": 3, "75": 4, "87.5": "4.5", "90": "4.6", "100": 5, "12.5": "1.5"}),
        ("asc", {"0": 5, "25": 4, "50": 3, "75": 2, "87.5": "1.5", "90": "1.4", "100": 1, "12.5": "4.5"}),
    ],
)
@pytest.mark.parametrize("more", [{}, {"ties": "first"}, {"score": {"decimals": 3}}, {"ties": "dense"}])
def test_what_it_takes_to_be_ahead_of_a_share(service: Any, order: str, table: Any, more: Any) -> None:
    fill(service, [3, 1, 5, 2, 4], order=order, **more)
    found = {p: read(service, "/boards/b/percentile", p=p)["score"] for p in table}
    assert found == {p: Decimal(score) for p, score in table.items()}


def test_percentiles_between_neighbours_that_are_level_or_far_apart(service: Any) -> None:
    fill(service, [-10, 5, 5, 5, 1005])
    found = [read(service, "/boards/b/percentile", p=p)["score"] for p in (0, 10, 25, 60, 75, 80, 100)]
    assert found == [-10, -4, 5, 5, 5, 205, 1005]


def test_percentiles_beyond_2_to_the_53(service: Any) -> None:
    fill(service, [2**61 + n for n in range(5)], score={"type": "integer", "min": 0, "max": 2**62})
    found = [read(service, "/boards/b/percentile", p=p)["score"] for p in (0, 25, 75, 100, "12.5")]
    assert found == [2**61, 2**61 + 1, 2**61 + 3, 2**61 + 4, Decimal(f"{2**61}.5")]


def test_percentiles_of_one_player_and_of_none(service: Any) -> None:
    fill(service, [7])
    assert [read(service, "/boards/b/percentile", p=p)["score"] for p in (0, 50, 100)] == [7, 7, 7]
    service.put_board("empty")
    assert read(service, "/boards/empty/percentile", p=50)["total"] == 0


def test_shares_that_are_none(service: Any) -> None:
    fill(service, [1])
    for p in ("-1", "100.1", "-0.000001", "NaN", "Infinity", "ten", "", "1e3", "٣", "1e999999999"):
        assert service.request("GET", "/v1/boards/b/percentile", query={"p": p}).status == 422, p
    assert service.request("GET", "/v1/boards/b/percentile").status == 422


@pytest.mark.parametrize("ties", ["shared", "dense", "first", "last"])
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_a_players_percentile_counts_the_rank_of_a_shared_board(service: Any, ties: str, order: str) -> None:
    service.put_board(ties=ties, order=order)
    for number, score in enumerate((40, 30, 30, 10)):
        service.submit(f"p{number}", score if order == "desc" else -score)
        service.clock.advance(seconds=1)
    found = [read(service, f"/boards/b/players/p{n}")["percentile"] for n in range(4)]
    assert found == [75, 50, 50, 0]


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize(
    ("spec", "scores"),
    [
        ({}, [1, 2, 3, 4, 5, 10, 10, 7]),
        ({}, ["0.1", "0.2", "0.3", "0.7", "-0.1"]),
        ({"decimals": 1}, ["0.1", "0.2", "0.3", "0.7", "-0.1", "1.0"]),
        ({"decimals": 2}, ["0.01", "0.02", "0.03", "0.04", "1000000"]),
        ({"min": -5, "max": 5}, [-5, 5]),
    ],
)
def test_a_distribution_counts_everybody_once(service: Any, order: str, spec: Any, scores: list[Any]) -> None:
    fill(service, scores, order=order, score=spec)
    values = [Fraction(str(score)) for score in scores]
    for number in (1, 2, 3, 10):
        answer = read(service, "/boards/b/distribution", bins=number)
        bins = answer["bins"]
        assert (len(bins), sum(one["count"] for one in bins), answer["total"]) == (number, len(scores), len(scores))
        assert (Fraction(bins[0]["from"]), Fraction(bins[-1]["to"])) == (min(values), max(values))
        assert [one["to"] for one in bins[:-1]] == [one["from"] for one in bins[1:]]
        for place, one in enumerate(bins):  # a score on a border belongs to the bin above it
            low, high = Fraction(one["from"]), Fraction(one["to"])
            assert one["count"] == sum(low <= value < high or value == high == max(values) for value in values), one
            exact = min(values) + (max(values) - min(values)) * Fraction(place + 1, number)
            assert abs(high - exact) <= max(map(abs, values)) / 2**51


@pytest.mark.parametrize("number", [2, 5, 10, 3, 4, 20])
def test_a_distribution_beyond_2_to_the_53_counts_what_its_edges_say(service: Any, number: int) -> None:
    scores = [2**61, 2**61 + 1, 2**61 + 2, 2**61 + 3, 2**61 + 10]
    fill(service, scores, score={"type": "integer", "min": 0, "max": 2**62}, periods=["all"])
    bins = read(service, "/boards/b/distribution", bins=number)["bins"]
    for one in bins:
        assert one["count"] == sum(one["from"] <= s < one["to"] or s == one["to"] == scores[-1] for s in scores), one
    widths = [one["to"] - one["from"] for one in bins]
    assert max(widths) - min(widths) < Decimal("0.001")


def test_distributions_of_level_players_and_of_none(service: Any) -> None:
    fill(service, [3, 3, 3])
    assert sum(one["count"] for one in read(service, "/boards/b/distribution", bins=4)["bins"]) == 3
    service.put_board("empty")
    assert sum(one["count"] for one in read(service, "/boards/empty/distribution")["bins"]) == 0
    service.bulk([{"board": "empty", "player": f"p{n}", "score": n} for n in range(2)])
    assert len(read(service, "/boards/empty/distribution")["bins"]) == 20
    for bins in ("0", "-1", "x", "1.5", "1000000"):
        assert service.request("GET", "/v1/boards/b/distribution", query={"bins": bins}).status == 422, bins


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("ties", ["shared", "first"])
def test_a_score_range_has_both_its_ends(service: Any, order: str, ties: str) -> None:
    scores = [0, 10, 20, 20, 30, -5]
    fill(service, scores, order=order, ties=ties)
    for low, high in ((10, 20), (None, 20), (20, None), (None, None), (11, 19), (-5, -5), (31, None), (None, -6)):
        query = {name: value for name, value in (("min", low), ("max", high)) if value is not None}
        answer = read(service, "/boards/b/scores", limit=1000, **query)
        inside = [s for s in scores if (low is None or low <= s) and (high is None or s <= high)]
        assert [row["score"] for row in answer["entries"]] == sorted(inside, reverse=order == "desc"), query
        assert answer["total"] == len(inside)
        ranks = {row["player"]: row["rank"] for row in read(service, "/boards/b/top")["entries"]}
        assert all(row["rank"] == ranks[row["player"]] for row in answer["entries"])
    short = read(service, "/boards/b/scores", min=0, limit=2)
    assert (len(short["entries"]), short["total"]) == (2, 5)


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_a_score_range_takes_a_number_as_the_board_does(service: Any, order: str) -> None:
    fill(service, ["0.1", "0.3", "-0.3"], order=order)
    for text in ("0.1", "0.3", "-0.3", "1e-1"):
        found = read(service, "/boards/b/scores", min=text, max=text)
        assert [row["score"] for row in found["entries"]] == [Decimal(text)], text
    for name, text in (("min", "ten"), ("max", "NaN"), ("min", ""), ("max", "1_0")):
        assert service.request("GET", "/v1/boards/b/scores", query={name: text}).status == 422, text


def test_a_score_range_beyond_2_to_the_53(service: Any) -> None:
    big = [1009651914519660511, 1009651914519660512, 1009651914519660544]
    fill(service, big, score={"type": "integer", "min": 0, "max": 2**61})
    assert read(service, "/boards/b/scores", min=big[1], max=big[1])["entries"][0]["score"] == big[1]
    assert read(service, "/boards/b/scores", min=big[1])["total"] == 2
    assert read(service, "/boards/b/scores", max=f"{big[0]}.5")["total"] == 1


@pytest.mark.parametrize("ties", ["shared", "dense", "first", "last"])
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_the_rank_that_would_be_is_the_rank_that_is(service: Any, ties: str, order: str) -> None:
    scores = [40, 30, 30, 10]
    fill(service, scores, ties=ties, order=order)
    service.clock.advance(seconds=1)
    for score in (50, 40, 35, 30, 10, 0):
        told = read(service, "/boards/b/rank", score=score)
        assert (told["score"], told["total"]) == (score, len(scores))
        assert service.submit("me", score)["periods"]["all"]["rank"] == told["rank"], score
        service.request("DELETE", "/v1/boards/b/players/me")
    assert read(service, "/boards/b/top")["total"] == len(scores)


def test_ranks_that_cannot_be(service: Any) -> None:
    service.put_board("empty", score={"decimals": 1, "min": 0, "max": 10})
    assert read(service, "/boards/empty/rank", score="5.5")["rank"] == 1
    codes = {"11": "score_out_of_range", "0.05": "score_not_exact"}
    for score, code in codes.items():
        reply = service.request("GET", "/v1/boards/empty/rank", query={"score": score})
        assert (reply.status, reply.json["code"]) == (422, code)
    for query in ({}, {"score": "x"}, {"score": "1", "subscore": "1"}):
        assert service.request("GET", "/v1/boards/empty/rank", query=query).status == 422, query
