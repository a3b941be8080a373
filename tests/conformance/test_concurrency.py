"""Many at once, in real threads, over the real store: nothing is lost, nothing counts twice, nobody gets a 500."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytestmark = pytest.mark.parametrize("store_url", ["valkey"], indirect=True)

FRESH = {"Cache-Control": "no-cache"}
PATIENCE_SECONDS = 30


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Runs every job in a thread of its own, all begun at the same moment, and answers what they answered."""
    ready = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        ready.wait(PATIENCE_SECONDS)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [found.result(PATIENCE_SECONDS) for found in [pool.submit(run, job) for job in jobs]]


def sender(service: Any, method: str, path: str, body: Any = None, **headers: str) -> Callable[[], Any]:
    return lambda: service.request(method, f"/v1{path}", json=body, headers=headers)


def scorer(service: Any, player: str, score: float, board: str = "b") -> Callable[[], Any]:
    return sender(service, "POST", f"/boards/{board}/scores", {"player": player, "score": score})


def top(service: Any, board: str = "b", **query: Any) -> list[dict[str, Any]]:
    return service.get(f"/boards/{board}/top", query={"limit": 1000, **query}, headers=FRESH)["entries"]


def scores(service: Any, board: str = "b", **query: Any) -> dict[str, Any]:
    return {row["player"]: row["score"] for row in top(service, board, **query)}


@pytest.mark.parametrize(("order", "best"), [("desc", 30), ("asc", 10)])
def test_three_at_once_leave_the_best(service: Any, order: str, best: int) -> None:
    for ties in ("shared", "dense", "first"):
        service.put_board(ties, order=order, ties=ties)
        for number in range(8):
            replies = at_once(*(scorer(service, f"p{number}", score, ties) for score in (10, 20, 30)))
            assert [reply.status for reply in replies] == [200] * 3
            # Whoever came after the best one was answered with it.
            assert best in {reply.json["score"] for reply in replies}
        for period in ("all", "month", "week", "day"):
            assert scores(service, ties, period=period) == {f"p{number}": best for number in range(8)}
        assert {row["rank"] for row in top(service, ties)} == (set(range(1, 9)) if ties == "first" else {1})


@pytest.mark.parametrize("ties", ["shared", "first"])
def test_a_hundred_times_ten_is_a_thousand(service: Any, ties: str) -> None:
    service.put_board(operator="sum", ties=ties)

    def ten() -> list[Any]:
        return [scorer(service, "a", 10)().json["score"] for _ in range(10)]

    answers = at_once(*([ten] * 10))
    assert sorted(score for ten_scores in answers for score in ten_scores) == list(range(10, 1001, 10))
    assert scores(service) == scores(service, period="day") == {"a": 1000}


def test_batches_and_single_scores_add_up(service: Any) -> None:
    service.put_board(operator="sum")
    items = [{"board": "b", "player": f"p{number % 5}", "score": 1} for number in range(200)]
    batch = sender(service, "POST", "/scores", {"scores": items})
    replies = at_once(batch, scorer(service, "p0", 7), batch, scorer(service, "p1", 7), batch, batch)
    assert [reply.status for reply in replies] == [200] * 6
    assert [replies[place].json["applied"] for place in (0, 2, 4, 5)] == [200] * 4
    assert scores(service) == {"p0": 167, "p1": 167, "p2": 160, "p3": 160, "p4": 160}


@pytest.mark.parametrize("rounds", [5])
def test_the_same_key_from_eight_threads_counts_once(service: Any, rounds: int) -> None:
    service.put_board(operator="sum")
    for number in range(1, rounds + 1):
        key = {"Idempotency-Key": f"once-{number}"}
        replies = at_once(
            *[sender(service, "POST", "/boards/b/scores", {"player": "a", "score": 10}, **key)] * 8,
        )
        assert [reply.status for reply in replies] == [200] * 8
        assert len({reply.body for reply in replies}) == 1
        assert Counter(reply.headers.get("Idempotency-Replayed") for reply in replies) == {None: 1, "true": 7}
        assert scores(service) == {"a": 10 * number}


def test_the_same_batch_from_eight_threads_counts_once(service: Any) -> None:
    service.put_board("b", operator="sum")
    service.put_board("c", operator="sum")
    items = [{"board": "bc"[number % 2], "player": f"p{number % 10}", "score": 1} for number in range(2200)]
    items.append({"board": "none", "player": "a", "score": 1})
    replies = at_once(*[sender(service, "POST", "/scores", {"scores": items}, **{"Idempotency-Key": "once"})] * 8)
    assert [reply.status for reply in replies] == [200] * 8
    assert len({reply.body for reply in replies}) == 1
    assert (replies[0].json["applied"], len(replies[0].json["rejected"])) == (2200, 1)
    assert Counter(scores(service, "b")) + Counter(scores(service, "c")) == {f"p{n}": 220 for n in range(10)}


def test_one_key_for_two_bodies_at_once_counts_one_of_them(service: Any) -> None:
    service.put_board(operator="sum")
    for number in range(5):
        key = {"Idempotency-Key": f"two-{number}"}
        bodies = [{"player": f"p{number}", "score": score} for score in (1, 2)] * 3
        replies = at_once(*(sender(service, "POST", "/boards/b/scores", body, **key) for body in bodies))
        assert sorted(reply.status for reply in replies) == [200] * 3 + [422] * 3
        assert {reply.json["code"] for reply in replies if reply.status == 422} == {"idempotency_key_reused"}
        (kept,) = {reply.json["score"] for reply in replies if reply.status == 200}
        assert scores(service)[f"p{number}"] == kept


def test_nothing_is_lost_while_a_board_changes(service: Any) -> None:
    definitions = [
        {"operator": "sum", "periods": ["all", "day"]},
        {"operator": "sum", "periods": ["all", "month", "week", "day", "hour"], "writes": "client"},
        {"operator": "sum", "periods": ["all", "day"], "late_grace_seconds": 5, "retention": {"day": 3}},
    ]
    service.put_board(**definitions[0])
    done = threading.Event()

    def change() -> list[int]:
        found = [service.request("PUT", "/v1/boards/b", json=definitions[number % 3]).status for number in range(1, 16)]
        done.set()
        return found

    def play(player: str) -> Counter[int]:
        found: Counter[int] = Counter()
        while not done.is_set() or found.total() < 5:
            more = {"metadata": {"n": found.total()}} if found.total() == 3 else {}
            reply = service.request("POST", "/v1/boards/b/scores", json={"player": player, "score": 1, **more})
            found[reply.status] += 1
        return found

    changes, *plays = at_once(change, *(lambda player=player: play(player) for player in ("a", "b", "c")))
    assert set(changes) == {200}
    assert all(set(found) <= {200, 503} for found in plays)  # 503: not taken, try again
    assert all(found[200] for found in plays)
    taken = {player: found[200] for player, found in zip("abc", plays, strict=True)}
    assert scores(service) == scores(service, period="day") == taken


def test_two_who_make_the_same_board_at_once(service: Any) -> None:
    for number in range(4):
        replies = at_once(*[sender(service, "PUT", f"/boards/b{number}", {})] * 4)
        assert sorted(reply.status for reply in replies) == [200, 200, 200, 201]
    replies = at_once(*(sender(service, "PUT", "/boards/two", {"order": order}) for order in ("asc", "desc")))
    assert sorted(reply.status for reply in replies) == [200, 201]


def test_making_and_removing_a_board_in_the_middle_of_everything(service: Any) -> None:
    calls = [
        *(("PUT", "/boards/b", {"ties": ties}) for ties in ("shared", "dense", "first")),
        ("DELETE", "/boards/b", None),
        ("DELETE", "/boards/b/players/a", None),
        ("DELETE", "/players/b", None),
        ("GET", "/boards/b", None),
        *(("GET", f"/boards/b/{read}", None) for read in ("top", "players/a?around=3", "distribution", "periods")),
        *(("GET", path, None) for path in ("/boards/b/percentile?p=50", "/players/a", "/boards")),
        *(("POST", "/boards/b/scores", {"player": player, "score": 1, "metadata": {"n": 1}}) for player in "ab"),
        ("POST", "/scores", {"scores": [{"board": "b", "player": player, "score": 2} for player in "abc"]}),
    ]

    def live(seed: int) -> Counter[int]:
        chosen = random.Random(seed)
        found: Counter[int] = Counter()
        for _ in range(25):
            method, path, body = chosen.choice(calls)
            reply = service.request(method, f"/v1{path}", json=body, headers=FRESH)
            found[reply.status] += 1
        return found

    total = sum(at_once(*(lambda seed=seed: live(seed) for seed in range(6))), Counter())
    assert set(total) <= {200, 201, 204, 404, 409, 503}
    assert service.request("DELETE", "/v1/boards/b").status in (204, 404)
    assert list(service.services.store.client.scan_iter(match=f"lb:{{{service.game}:b}}*", count=10_000)) == []
    service.put_board("b")
    assert top(service) == []
    assert service.submit("a", 1)["periods"]["day"]["rank"] == 1


@pytest.mark.parametrize("definition", [{"ties": "dense", "operator": "last"}, {"max_entries": 5}, {"ties": "first"}])
def test_ranks_hold_after_a_crowd(service: Any, definition: dict[str, Any]) -> None:
    service.put_board(**definition)

    def crowd(seed: int) -> list[int]:
        chosen = random.Random(seed)
        found = []
        for _ in range(20):
            player = f"p{chosen.randrange(12)}"
            if chosen.random() < 0.2:
                found.append(service.request("DELETE", f"/v1/boards/b/players/{player}").status)
            else:
                found.append(scorer(service, player, chosen.randrange(6))().status)
        return found

    statuses = {status for found in at_once(*(lambda n=n: crowd(n) for n in range(5))) for status in found}
    assert statuses <= {200, 204, 404}
    rows = top(service)
    values = [row["score"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert len(rows) <= definition.get("max_entries", 12)
    wanted = {
        "dense": [len({value for value in values if value > score}) + 1 for score in values],
        "first": list(range(1, len(rows) + 1)),
        "shared": [sum(value > score for value in values) + 1 for score in values],
    }[definition.get("ties", "shared")]
    assert [row["rank"] for row in rows] == wanted
    for row in rows:
        assert service.get(f"/boards/b/players/{row['player']}", headers=FRESH)["rank"] == row["rank"]
