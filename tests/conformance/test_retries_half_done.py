"""A request that died half-way is finished by its retry: each item exactly once, and the report of the whole."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import Store
from leaderboard.store.idempotency import Plans
from leaderboard.store.scripts import Call

FRESH = {"Cache-Control": "no-cache"}
KEY = {"Idempotency-Key": "once"}
BULK = "/v1/scores"
CHUNK = 10


def die(*_: Any, **__: Any) -> Any:
    raise StoreUnavailable("The store died.")


def dying_after(applied: int) -> Callable[..., Any]:
    """A `run_all` that sends that many of its calls, and loses the connection before any answer comes."""
    run_all = Store.run_all

    def run_some(self: Store, calls: Sequence[Call], **more: Any) -> Any:
        if applied:
            run_all(self, calls[:applied], **more)
        return die()

    return run_some


def cut(service: Any, items: int) -> None:
    object.__setattr__(service.services.settings, "chunk_items", items)


@pytest.fixture
def boards(service: Any) -> Iterator[Any]:
    """Two boards, in a service that takes ten items at a time."""
    for name in ("b", "c"):
        service.put_board(name, operator="sum", score={"min": -1000, "max": 1000})
    usual = service.services.settings.chunk_items
    cut(service, CHUNK)
    yield service
    cut(service, usual)


def standings(service: Any, board: str = "b", **query: Any) -> dict[str, Any]:
    rows = service.get(f"/boards/{board}/top", query={"limit": 1000, **query}, headers=FRESH)["entries"]
    return {row["player"]: row["score"] for row in rows}


def post(service: Any, items: list[dict[str, Any]]) -> Any:
    return service.request("POST", BULK, json={"scores": items}, headers=KEY)


def some_items() -> list[dict[str, Any]]:
    """Three chunks for one board, two for another, and in each what is rejected and what changes nothing."""
    items: list[dict[str, Any]] = []
    for board, count in (("b", 2 * CHUNK + 5), ("c", CHUNK + 1)):
        for number in range(count):
            score: Any = {3: 5000, 5: "bad", 7: 0}.get(number % 10, 1)
            items.append({"board": board, "player": f"p{number % 4}", "score": score})
    items.insert(4, {"board": "none", "player": "a", "score": 1})
    return items


def expected(items: list[dict[str, Any]]) -> tuple[dict[str, dict[str, int]], dict[str, Any]]:
    """What the boards hold in the end, and the report."""
    held: dict[str, dict[str, int]] = {"b": {}, "c": {}}
    report: dict[str, Any] = {"received": len(items), "applied": 0, "unchanged": 0, "rejected": []}
    for index, item in enumerate(items):
        board, player, score = held.get(item["board"]), item["player"], item["score"]
        if board is None or score == "bad" or board.get(player, 0) + score > 1000:
            report["rejected"].append(index)
        else:
            report["unchanged" if player in board and score == 0 else "applied"] += 1
            board[player] = board.get(player, 0) + score
    return held, report


def check(service: Any, items: list[dict[str, Any]], reply: Any) -> None:
    held, report = expected(items)
    assert reply.status == 200, reply.body
    assert {**reply.json, "rejected": [one["index"] for one in reply.json["rejected"]]} == report
    assert {board: standings(service, board) for board in held} == held


@pytest.mark.parametrize("applied", [0, 1, 2, 3, 4, 5])
def test_a_batch_that_died_between_its_chunks(boards: Any, monkeypatch: pytest.MonkeyPatch, applied: int) -> None:
    items = some_items()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", dying_after(applied))
        reply = post(boards, items)
        assert (reply.status, reply.json["code"]) == (503, "store_unavailable")
        assert int(reply.headers["Retry-After"]) > 0
    assert bool(standings(boards)) == (applied > 0)  # otherwise nothing was half done here
    check(boards, items, retried := post(boards, items))
    again = post(boards, items)
    assert (again.body, again.headers["Idempotency-Replayed"]) == (retried.body, "true")
    check(boards, items, again)


def test_a_batch_that_died_again_and_again(boards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    items = some_items()
    for applied in (1, 0, 3, 2, 4):
        with monkeypatch.context() as patch:
            patch.setattr(Store, "run_all", dying_after(applied))
            assert post(boards, items).status == 503
    check(boards, items, post(boards, items))


def test_a_batch_that_died_before_its_answer_was_kept(boards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    items = some_items()
    with monkeypatch.context() as patch:
        patch.setattr(Plans, "finish", die)
        assert post(boards, items).status == 503
    check(boards, items, post(boards, items))


def test_a_batch_that_died_before_its_plan_was_kept(boards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    items = some_items()
    with monkeypatch.context() as patch:
        patch.setattr(Plans, "begin", die)
        assert post(boards, items).status == 503
    assert standings(boards) == {}
    check(boards, items, post(boards, items))


def test_a_half_done_batch_does_not_take_another_body(boards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    items = some_items()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", dying_after(1))
        assert post(boards, items).status == 503
    reply = post(boards, items[:-1])
    assert (reply.status, reply.json["code"]) == (422, "idempotency_key_reused")
    check(boards, items, post(boards, items))


def test_a_retry_counts_as_of_the_first_try(boards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    boards.clock.set(datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))
    items = some_items()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", dying_after(1))
        assert post(boards, items).status == 503
    boards.clock.set(datetime(2026, 11, 24, 0, 30, tzinfo=UTC))
    check(boards, items, post(boards, items))
    assert standings(boards, period="day", id="2026-11-23") == standings(boards)
    assert standings(boards, period="day") == {}


def test_a_retry_after_the_board_has_changed(boards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    items = some_items()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", dying_after(2))
        assert post(boards, items).status == 503
    boards.put_board("b", operator="sum", score={"min": -1000, "max": 1000}, periods=["all", "hour"])
    check(boards, items, post(boards, items))


def test_a_retry_has_the_chunks_of_the_first_try(boards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service may have been restarted with another setting in between."""
    items = some_items()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", dying_after(2))
        assert post(boards, items).status == 503
    cut(boards, 7)
    check(boards, items, post(boards, items))


@pytest.mark.parametrize("applied", [0, 1])
def test_a_single_score_whose_answer_was_lost(boards: Any, monkeypatch: pytest.MonkeyPatch, applied: int) -> None:
    body = {"player": "a", "score": 10, "metadata": {"n": 1}}
    path = "/v1/boards/b/scores"
    boards.submit("a", 1, metadata={"n": 0})  # so that the board keeps them already
    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", dying_after(applied))
        assert boards.request("POST", path, json=body, headers=KEY).status == 503
    assert standings(boards) == {"a": 11 if applied else 1}
    boards.clock.advance(days=1)
    retried = boards.request("POST", path, json=body, headers=KEY)
    assert (retried.status, retried.headers.get("Idempotency-Replayed")) == (200, "true" if applied else None)
    assert (retried.json["score"], retried.json["updated"]) == (11, True)
    assert retried.json["periods"]["day"]["id"] == ("2026-11-23" if applied else "2026-11-24")
    assert standings(boards) == {"a": 11}
    assert boards.request("POST", path, json=body, headers=KEY).body == retried.body
