"""Scores into boards with parts: once, with the same answer, though calls are lost; and from many at the same time."""

import json
import random
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from leaderboard.boards import submissions
from leaderboard.cli import load
from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import Store
from leaderboard.store.idempotency import Plans
from leaderboard.store.scripts import Call
from tests.conftest import Service
from tests.partitions.twins import KEY

FRESH = {"Cache-Control": "no-cache"}
SUM: dict[str, Any] = {"operator": "sum", "partitions": 4}


def standings(service: Service, board: str = "b") -> dict[str, int]:
    rows = service.get(f"/boards/{board}/top?limit=1000", headers=FRESH)["entries"]
    return {row["player"]: row["score"] for row in rows}


def post(service: Service, body: Any, key: str = "once", path: str = "/v1/boards/b/scores") -> Any:
    return service.request("POST", path, json=body, headers={KEY: key})


def losing(script: str, at: int, *, applied: float) -> Callable[..., Any]:
    """A `run_all` that loses the n-th round of calls of a script after a share of it was applied."""
    real, seen = Store.run_all, 0

    def run_all(store: Store, calls: Sequence[Call], **more: Any) -> Any:
        nonlocal seen
        if calls and calls[0].script == script:
            seen += 1
            if seen == at:
                some = calls[: round(len(calls) * applied)]
                if some:
                    real(store, some, **more)
                raise StoreUnavailable("The store died.")
        return real(store, calls, **more)

    return run_all


def test_a_retry_gets_the_answer_that_was_given(service: Service) -> None:
    service.put_board(**SUM)
    service.bulk([{"board": "b", "player": f"p{n}", "score": n} for n in range(20)])
    body = {"player": "ada", "score": 10}
    first = post(service, body)
    assert (first.status, first.json["periods"]["all"]["rank"], first.json["periods"]["all"]["previous_rank"]) == (
        200,
        10,
        None,
    )
    service.bulk([{"board": "b", "player": f"p{n}", "score": 100} for n in range(20)])  # ahead of her by now
    again = post(service, body)
    assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (200, first.body, "true")
    assert standings(service)["ada"] == 10
    assert post(service, {**body, "score": 11}).json["code"] == "idempotency_key_reused"
    assert post(service, body, "another").json["score"] == 20


def test_what_was_refused_may_come_again_corrected(service: Service) -> None:
    service.put_board(score={"max": 5}, **SUM)
    assert post(service, {"player": "ada", "score": 9}).json["code"] == "score_out_of_range"
    assert post(service, {"player": "ada", "score": 4}).json["score"] == 4
    assert standings(service) == {"ada": 4}


def test_the_answer_on_a_board_that_is_gone_is_no_answer(service: Service) -> None:
    service.put_board(**SUM)
    post(service, {"player": "ada", "score": 9})
    for partitions in (4, 3, 1):
        service.request("DELETE", "/v1/boards/b")
        service.put_board(operator="sum", partitions=partitions)
        if partitions > 1:
            assert post(service, {"player": "ada", "score": 9}).json["code"] == "board_replaced"
            assert standings(service) == {}


@pytest.mark.parametrize("applied", [0, 1])
@pytest.mark.parametrize("script", ["submit", "ahead"])
def test_a_single_score_whose_answer_was_lost(
    service: Service, monkeypatch: pytest.MonkeyPatch, script: str, applied: int
) -> None:
    service.put_board(**SUM)
    service.submit("bob", 50)
    body = {"player": "ada", "score": 10}
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", losing(script, 1, applied=applied))
        assert post(service, body).status == 503
    assert standings(service) == {"bob": 50} | ({"ada": 10} if applied or script == "ahead" else {})
    answer = post(service, body)
    assert (answer.status, answer.json["periods"]["all"]["rank"]) == (200, 2)
    assert post(service, body).body == answer.body
    assert standings(service) == {"bob": 50, "ada": 10}


def test_the_answer_that_could_not_be_kept(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put_board(**SUM)

    def away(*_: Any) -> Any:
        raise StoreUnavailable("The store died.")

    with monkeypatch.context() as patch:
        patch.setattr(Plans, "begin", away)
        assert post(service, {"player": "ada", "score": 10}).status == 503
    assert post(service, {"player": "ada", "score": 10}).headers["Idempotency-Replayed"] == "true"
    assert standings(service) == {"ada": 10}


def test_who_has_no_key_is_not_told_to_try_again_when_it_was_taken(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board(**SUM)
    monkeypatch.setattr(Store, "run_all", losing("ahead", 1, applied=0))
    answer = service.submit("ada", 10)
    assert (answer["score"], answer["updated"], answer["periods"]["all"]["rank"]) == (10, True, None)


@pytest.mark.parametrize("applied", [0, 0.5, 1])
def test_a_bulk_that_died_half_way_is_finished_by_its_retry(
    service: Service, monkeypatch: pytest.MonkeyPatch, applied: float
) -> None:
    service.put_board(score={"max": 100}, **SUM)
    service.put_board("c", operator="sum")
    items = [{"board": "bc"[n % 3 == 0], "player": f"p{n % 30}", "score": n % 110} for n in range(300)]
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", losing("submit", 1, applied=applied))
        assert post(service, {"scores": items}, path="/v1/scores").status == 503
    again = post(service, {"scores": items}, path="/v1/scores")
    assert again.status == 200
    held: dict[str, dict[str, int]] = {"b": {}, "c": {}}
    rejected = []
    for index, item in enumerate(items):
        board, total = held[item["board"]], held[item["board"]].get(item["player"], 0) + item["score"]
        if item["board"] == "b" and total > 100:
            rejected.append(index)
        else:
            board[item["player"]] = total
    assert [one["index"] for one in again.json["rejected"]] == rejected
    assert (standings(service), standings(service, "c")) == (held["b"], held["c"])
    assert post(service, {"scores": items}, path="/v1/scores").body == again.body


def write(file: Path, lines: int) -> dict[str, int]:
    """Submissions, one in ten of them refused; answers the sums of the others."""
    chance, sums = random.Random(3), dict[str, int]()
    with file.open("w") as out:
        for number in range(lines):
            player, score = f"p{chance.randrange(50)}", number % 7
            bad = number % 10 == 3
            out.write(json.dumps({"board": "b", "player": player, "score": 9999 if bad else score}) + "\n")
            sums[player] = sums.get(player, 0) + (0 if bad else score)
    return sums


def places_of(service: Service, file: Path) -> list[str]:
    board = service.services.registry.get(service.game, "b")
    with file.open("rb") as source:
        return service.services.submissions.places_of(board, load.digest(source, salt=""))


@pytest.mark.parametrize(("at", "applied"), [(1, 0.5), (3, 0), (3, 1)])
def test_a_load_goes_on_where_it_was_in_every_part(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at: int, applied: float
) -> None:
    service.put_board(score={"max": 1000}, **SUM)
    file, rejects = tmp_path / "scores.ndjson", tmp_path / "rejects.ndjson"
    sums = write(file, 600)
    monkeypatch.setattr(load, "_LINES_AT_ONCE", 100)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", losing("submit", at, applied=applied))
        with pytest.raises(StoreUnavailable):
            load.load_file(service.services, service.game, file, rejects=rejects)
    for passed_over in (None, 600):
        progress = load.load_file(service.services, service.game, file, rejects=rejects)
        applied_now, unchanged, refused = progress.totals()
        assert applied_now + unchanged + refused == 600
        assert refused == 60
        assert progress.skipped == passed_over or passed_over is None
        assert standings(service) == sums
    places = places_of(service, file)
    assert {place.split()[0] for place in places} == {"600"}


def test_parts_without_a_line_of_a_chunk_move_on_too(service: Service, tmp_path: Path) -> None:
    service.put_board(**SUM)
    file = tmp_path / "scores.ndjson"
    file.write_text('{"board": "b", "player": "ada", "score": 1}\n' * 3)
    load.load_file(service.services, service.game, file, rejects=tmp_path / "rejects")
    places = places_of(service, file)
    assert sorted(places) == ["3 0 0 0", "3 0 0 0", "3 0 0 0", "3 3 0 0"]
    assert submissions.part_of("ada", 4) == places.index("3 3 0 0")


@pytest.mark.parametrize("read", ["distribution?bins=3", "percentile?p=50", "analytics?bins=2"])
def test_an_answer_that_is_kept_is_of_every_part_as_it_is(service: Service, read: str) -> None:
    service.put_board(partitions=4)
    service.bulk([{"board": "b", "player": f"p{n}", "score": n} for n in range(20)])
    figures = service.services.cache.figures
    hits, misses = figures.hits, figures.misses
    path, tags = f"/v1/boards/b/{read}", set()
    for number in range(8):  # in all parts, sooner or later
        made = service.request("GET", path, headers=FRESH)
        kept = service.request("GET", path, headers=FRESH)
        assert made.body == kept.body
        assert made.headers["ETag"] == kept.headers["ETag"]
        assert service.request("GET", path, headers={"If-None-Match": made.headers["ETag"], **FRESH}).status == 304
        tags.add(made.headers["ETag"])
        service.submit(f"p{number}", 100 + number)
        after = service.request("GET", path, headers={"If-None-Match": made.headers["ETag"], **FRESH})
        assert after.status == 200
    assert len(tags) == 8
    assert (figures.hits - hits, figures.misses - misses) == (8 * 3 - 1, 8 + 1)  # each is made once


@pytest.mark.parametrize("store_url", ["valkey"], indirect=True)
def test_pages_are_whole_while_scores_come_in(service: Service) -> None:
    service.put_board(periods=["all", "day"], **SUM)
    service.bulk([{"board": "b", "player": f"p{n}", "score": n % 40} for n in range(400)])
    failures: list[Any] = []
    done = threading.Event()

    def writing(number: int) -> None:
        chance = random.Random(number)
        for _ in range(40):
            items = [{"board": "b", "player": f"p{chance.randrange(500)}", "score": 1} for _ in range(20)]
            failures.extend(
                reply
                for reply in [service.request("POST", "/v1/scores", json={"scores": items})]
                if reply.status != 200
            )

    def reading() -> None:
        chance = random.Random(0)
        while not done.is_set():
            path = chance.choice(
                [
                    "top?limit=50",
                    "players/p7?around=20",
                    "scores?min=3&limit=90",
                    "percentile?p=50",
                    "distribution?bins=5",
                    "analytics",
                    "rank?score=20",
                    "periods?period=day",
                ]
            )
            reply = service.request("GET", f"/v1/boards/b/{path}", headers=FRESH)
            if reply.status != 200 or not _is_whole(reply.json.get("entries", [])):
                failures.append((path, reply))

    threads = [threading.Thread(target=writing, args=(number,)) for number in range(3)]
    readers = [threading.Thread(target=reading) for _ in range(2)]
    for thread in (*threads, *readers):
        thread.start()
    for thread in threads:
        thread.join(60)
    done.set()
    for thread in readers:
        thread.join(60)
    assert not failures
    assert sum(standings(service).values()) == sum(n % 40 for n in range(400)) + 3 * 40 * 20


def _is_whole(entries: list[dict[str, Any]]) -> bool:
    """Whether nobody is there twice, and ranks follow the scores."""
    in_order = all(
        (a["rank"] == b["rank"]) == (a["score"] == b["score"]) and a["score"] >= b["score"] and a["rank"] <= b["rank"]
        for a, b in pairwise(entries)
    )
    return in_order and len({entry["player"] for entry in entries}) == len(entries)
