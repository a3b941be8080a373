"""A submission with an Idempotency-Key that comes again, over whichever way: applied once, answered the same."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import redis
from structlog.testing import capture_logs

from tests.conftest import Service
from tests.serving.harness import Answered, Ask, Gate

Way = Callable[[Gate, Ask], Answered]


def short(gate: Gate, ask: Ask) -> Answered:
    gate.services.access.identify(dict(ask.headers)["Authorization"].removeprefix("Bearer "))
    return gate.ask(ask)


def long(gate: Gate, ask: Ask) -> Answered:
    return gate.flask(ask)


def bridged(gate: Gate, ask: Ask) -> Answered:
    """Through the gateway, but with a header that only Flask takes."""
    headers = [(name, value.replace("Bearer", "bearer")) for name, value in ask.headers]
    return gate.ask(Ask(ask.method, ask.target, tuple(headers), ask.body))


@pytest.fixture
def game(plain: Service) -> Service:
    plain.put_board("b", operator="sum", periods=["all"])
    return plain


def ask(game: Service, key: str | None = "k", score: int = 1, role: str = "server") -> Ask:
    headers = [("Authorization", "Bearer " + game.keys[role]), ("Content-Type", "application/json")]
    more = [("Idempotency-Key", key)] if key is not None else []
    body = json.dumps({"player": "ada", "score": score}).encode()
    return Ask("POST", "/v1/boards/b/scores", (*headers, *more), body)


def total(game: Service) -> Any:
    entries = game.get("/boards/b/top")["entries"]
    return entries[0]["score"] if entries else 0


WAYS = [short, long, bridged]


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_applied_once_and_answered_alike(gate: Gate, game: Service, first: Way, second: Way) -> None:
    once, again = first(gate, ask(game)), second(gate, ask(game))
    assert (once.status, again.status, once.body == again.body) == (200, 200, True)
    assert ("idempotency-replayed" in once.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = second(gate, ask(game, score=2))
    assert (other.status, b"idempotency_key_reused" in other.body) == (422, True)
    assert second(gate, ask(game, key="l")).status == 200
    assert total(game) == 2


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_a_board_of_the_same_name(gate: Gate, game: Service, first: Way, second: Way) -> None:
    assert first(gate, ask(game)).status == 200
    game.request("DELETE", "/v1/boards/b")
    game.put_board("b", operator="sum", periods=["all"])
    assert second(gate, ask(game)).status in (200, 409)  # what it is, is not for this test: only that it is the same
    assert second(gate, ask(game)).same == first(gate, ask(game)).same


def test_many_at_once(gate: Gate, game: Service) -> None:
    """Short and long in the same moment."""
    asks = []
    for number in range(40):
        one = ask(game, key=f"k{number % 5}")
        asks.append(one if number % 3 else Ask(one.method, one.target + "?", one.headers, one.body))
    gate.services.access.identify(game.keys["server"])
    answers = gate.ask_all(asks)
    assert {answer.status for answer in answers} == {200}
    assert total(game) == 5
    for number in range(5):
        same = [answer.body for place, answer in enumerate(answers) if place % 5 == number]
        assert len(set(same)) == 1
        replayed = ["idempotency-replayed" in answers[place].headers for place in range(number, 40, 5)]
        assert replayed.count(False) == 1


@contextmanager
def breaking(game: Service, when: str) -> Iterator[None]:
    """The store breaks once, before or after it did what it was told."""
    store, done = game.services.store, []

    def breaker(call: Any) -> Any:
        def act(*args: Any, **kwargs: Any) -> Any:
            if done or not any(game.game in str(one) for one in args):  # what other tests left behind goes on
                return call(*args, **kwargs)
            if when == "after":
                call(*args, **kwargs)  # where the store does not know the script yet, this is not it
            done.append(1)
            raise redis.ConnectionError("broken")

        return act

    carrier: Any = store._clients.carrier
    with mock.patch.object(carrier, "carry", breaker(carrier.carry)):
        yield


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_a_store_that_breaks_between(gate: Gate, game: Service, when: str, first: Way, second: Way) -> None:
    """The first is told 503, whether it was done or not; coming again makes it good."""
    with breaking(game, when):
        told = first(gate, ask(game))
    assert (told.status, told.headers["retry-after"]) == (503, "1")
    assert second(gate, ask(game)).status == 200
    assert total(game) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_without_a_key_nothing_is_sent_twice(gate: Gate, game: Service, way: Way, when: str) -> None:
    with breaking(game, when):
        assert way(gate, ask(game, key=None)).status == 503
    assert total(game) == (when == "after")


def test_a_refusal_is_not_remembered(gate: Gate, game: Service) -> None:
    """Through either way: the same request may be right later."""
    game.put_board("b", operator="sum", periods=["all"], score={"max": 5})
    assert short(gate, ask(game, "x", score=5)).status == 200
    for way in WAYS:
        assert way(gate, ask(game, "late", score=1)).status == 422
    game.request("DELETE", "/v1/boards/b/players/ada")
    assert short(gate, ask(game, "late", score=1)).status == 200
    assert "idempotency-replayed" in long(gate, ask(game, "late", score=1)).headers


def test_a_bug_after_the_store_has_done_it_is_no_reason_to_do_it_again(gate: Gate, game: Service) -> None:
    with mock.patch("leaderboard.boards.together.outcomes", side_effect=RuntimeError("a bug")), capture_logs():
        assert short(gate, ask(game, key=None)).status == 500
    assert total(game) == 1
