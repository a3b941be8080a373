"""What may happen to requests of the short way while they wait, and that one waits for no other's trouble."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from structlog.testing import capture_logs

from leaderboard.errors import StoreUnavailable
from tests.conftest import START, Service
from tests.serving.harness import Ask, Client, Gate, messages

JSON = ("Content-Type", "application/json")


@pytest.fixture
def game(plain: Service) -> Service:
    plain.put_board("b", operator="sum", periods=["all", "day", "hour"], rolling=["24h"])
    plain.submit("ada", 1)
    plain.services.access.identify(plain.keys["server"])
    return plain


def key(game: Service) -> tuple[str, str]:
    return ("Authorization", "Bearer " + game.keys["server"])


def read(game: Service, target: str) -> Ask:
    return Ask("GET", "/v1/boards/b/" + target, (key(game),))


def write(game: Service, player: str = "ada", board: str = "b", score: int = 1) -> Ask:
    body = json.dumps({"player": player, "score": score}).encode()
    return Ask("POST", f"/v1/boards/{board}/scores", (key(game), JSON), body)


def content(game: Service, board: str = "b") -> dict[str, Any]:
    return {row["player"]: row["score"] for row in game.get(f"/boards/{board}/top", query={"limit": 1000})["entries"]}


class Held:
    """A function that waits until it is let."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.calls = 0
        self.called, self.may = threading.Event(), threading.Event()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        self.called.set()
        assert self.may.wait(10)
        return self._function(*args, **kwargs)


@contextmanager
def held(thing: Any, name: str, function: Any = None) -> Iterator[Held]:
    waits = Held(function or getattr(thing, name))
    with mock.patch.object(thing, name, waits):
        try:
            yield waits
        finally:
            waits.may.set()


def done(futures: list["Future[Any]"]) -> None:
    for future in futures:
        future.result(10)


def test_nobody_waits_for_a_window_that_another_has_built(gate: Gate, game: Service) -> None:
    """That takes round trips and locks; all other reads of a worker share the one thread."""
    with held(game.services.windows, "ensure") as building:
        first, _ = gate.start(read(game, "top?window=24h"))
        assert building.called.wait(5)
        second, client = gate.start(read(game, "players/ada"))
        try:
            second.result(1)
        except TimeoutError:
            pytest.fail("a read waits until the window of another is built")
        finally:
            building.may.set()
        first.result(5)
    assert client.answer.status == 200


def test_nobody_waits_for_the_archive_that_another_reads(gate: Gate, game: Service) -> None:
    board = game.services.registry.get(game.game, "b")
    closed = int((START - timedelta(days=1)).timestamp() * 1000)
    game.services.store.client.hset(board.keys.meta, "closed", closed)
    with held(game.services.cold, "answer") as reading:
        first, _ = gate.start(read(game, "top?period=day&id=2026-01-01"))
        assert reading.called.wait(5)
        second, client = gate.start(read(game, "players/ada"))
        try:
            second.result(1)
        except TimeoutError:
            pytest.fail("a read waits until another one's period is found in the database")
        finally:
            reading.may.set()
        first.result(5)
    assert client.answer.status == 200


def test_nobody_waits_for_a_board_that_is_looked_up(gate: Gate, game: Service) -> None:
    """While it is being changed that may take seconds: neither the loop nor the thread of all reads may ask for it."""
    game.put_board("other", periods=["all"])
    registry, store = game.services.registry, game.services.store
    with held(store, "run_all") as slow:
        first, _ = gate.start(read(game, "players/first"))
        assert slow.called.wait(5)
        changing, _ = gate.start(read(game, "players/ada"))
        other, client = gate.start(replace(read(game, "top"), target="/v1/boards/other/top"))
        gate.thread.do(lambda: None)
        registry._cached.pop((game.game, "b"))  # as one does who looks it up anew
        with held(registry, "fresh") as looking:
            slow.may.set()
            try:
                other.result(1)
            except TimeoutError:
                pytest.fail("a read waits until another one's board is looked up")
            finally:
                looking.may.set()
            done([first, changing])
    assert client.answer.status == 200


def away(*_: Any, **__: Any) -> Any:
    raise StoreUnavailable("The store is away: test.")


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_store_that_hangs_is_asked_once_for_all_who_wait(gate: Gate, game: Service, kind: str) -> None:
    """Each time takes as long as the client's timeouts: who has waited for one in vain needs not wait for ten."""
    store = game.services.store
    with held(store, "run_all", away) as hanging, mock.patch.object(store, "run", side_effect=away):
        make = read if kind == "read" else write
        futures, clients = [], []
        for number in range(384):
            one = make(game, f"players/p{number}" if kind == "read" else f"p{number}")
            future, client = gate.start(one)
            futures.append(future)
            clients.append(client)
        gate.thread.do(lambda: None)
        assert hanging.called.wait(5)
        hanging.may.set()
        done(futures)
    assert {client.answer.status for client in clients} == {503}
    assert {client.answer.headers["retry-after"] for client in clients} == {"1"}
    assert hanging.calls <= 3


def test_what_waits_for_a_store_that_hangs_is_bounded(gate: Gate, game: Service) -> None:
    """Beyond some thousands it is better to say so at once."""
    store, most = game.services.store, 10_000
    with held(store, "run_all", away) as hanging, mock.patch.object(store, "run", side_effect=away):
        first, _ = gate.start(read(game, "players/first"))
        assert hanging.called.wait(5)
        scope = read(game, "players/ada").scope

        def take() -> list[Any]:
            return [gate.gateway.lane.take(scope, None) for _ in range(most)]

        taken = gate.thread.do(take)
        waiting = gate.gateway.lane._reads._queue.qsize()
        del taken
        hanging.may.set()
        first.result(10)
    assert waiting < most


def test_a_client_that_goes_away_amid_its_submission(gate: Gate, game: Service) -> None:
    """It is applied once or not at all, and nobody else notices."""
    store = game.services.store
    with held(store, "run_all") as slow:
        first, _ = gate.start(write(game, "first"))
        assert slow.called.wait(5)
        leaving, _ = gate.start(write(game, "leaving"))
        staying, client = gate.start(write(game, "staying"))
        gate.thread.do(lambda: None)
        leaving.cancel()
        gate.thread.do(lambda: None)
        slow.may.set()
        done([first, staying])
    assert client.answer.status == 200
    assert content(game)["staying"] == 1
    assert content(game).get("leaving", 1) == 1


def test_bodies_in_pieces_are_taken_all_the_same(gate: Gate, game: Service) -> None:
    for cuts in ([], [5], [0], [5, 5, 9]):
        assert gate.ask(write(game), cuts).status == 200
    headers = (*write(game).headers, ("Expect", "100-continue"))
    assert gate.ask(replace(write(game), headers=headers)).status == 200
    assert content(game) == {"ada": 6}


def test_a_key_that_was_revoked_ends_on_both_ways(gate: Gate, game: Service) -> None:
    access = game.services.access
    assert gate.ask(read(game, "top")).status == 200
    access.revoke(game.keys["server"], START)
    later = access._monotonic() + game.services.settings.key_cache_seconds
    with mock.patch.object(access, "_monotonic", return_value=later):
        for ask in (read(game, "top"), write(game)):
            assert gate.ask(ask).same == gate.flask(ask).same
            assert gate.ask(ask).status == 401


def test_no_cache_sees_what_was_answered_through_any_worker(game: Service) -> None:
    """While others ask for the same all the time."""
    gates = [Gate(game.app, read_staleness_ms=250) for _ in range(2)]
    fresh = ("Cache-Control", "no-cache")
    game.services.access.identify(game.keys["server"])
    for number in range(2, 30):
        noise = [one for gate in gates for one in [gate.start(read(game, "top"))[0] for _ in range(5)]]
        one, other = random.Random(number).sample(gates, 2) if number % 3 else (gates[0], gates[0])
        assert one.ask(write(game)).status == 200
        found = other.ask(read(game, "top").plus(fresh))
        assert json.loads(found.body)["entries"][0]["score"] == number
        done(noise)
    for gate in gates:
        gate.close()


def test_a_submission_is_judged_as_of_when_it_is_made(gate: Gate, game: Service) -> None:
    """Not of when it came: it may have waited over the end of a period."""
    store, clock = game.services.store, game.clock
    clock.set(START + timedelta(minutes=59, seconds=59))
    with held(store, "run_all") as slow:
        first, _ = gate.start(write(game, "first"))
        assert slow.called.wait(5)
        second, client = gate.start(write(game, "second"))
        gate.thread.do(lambda: None)
        clock.advance(seconds=2)
        slow.may.set()
        done([first, second])
    assert json.loads(client.answer.body)["periods"]["hour"]["id"] == "2026-11-23T13"


def test_the_worker_ends_while_requests_wait(game: Service) -> None:
    """They are answered first, also where it closes the gateway in its loop."""
    gate = Gate(game.app, read_staleness_ms=0)
    game.services.access.identify(game.keys["server"])
    store = game.services.store
    with held(store, "run_all") as slow:
        futures = [gate.start(write(game, f"p{number}")) for number in range(3)]
        assert slow.called.wait(5)
        threading.Timer(0.05, slow.may.set).start()
        gate.thread.run(gate.gateway.close())
        done([future for future, _ in futures])
    assert {client.answer.status for _, client in futures} == {200}
    gate.thread.close()


def test_a_bug_is_told_as_one_and_logged(gate: Gate, game: Service) -> None:
    request = write(game).plus(("X-Request-ID", "mine"))
    with mock.patch.object(game.services.together, "submit", side_effect=RuntimeError("a bug")), capture_logs() as logs:
        found = gate.ask(request)
    assert [(one["log_level"], one["request_id"]) for one in logs] == [("error", "mine")]
    with mock.patch.object(game.services.submissions, "submit", side_effect=RuntimeError("a bug")), capture_logs():
        assert found.same == gate.flask(request).same
    assert (found.status, found.headers["x-request-id"], b'"request_id":"mine"' in found.body) == (500, "mine", True)


def shake(gate: Gate, game: Service, stop: threading.Event) -> None:
    """What else happens: a board is defined anew again and again, scripts and keys are forgotten."""
    turn = 0
    while not stop.wait(0.005):
        turn += 1
        if turn % 3 == 0:
            game.services.store.client.script_flush()
        if turn % 2 == 0:
            game.services.access._cached.clear()
        definition = {"operator": "sum", "periods": ["all", "day", "week"][: 1 + turn % 3]}
        gate.flask(Ask("PUT", "/v1/boards/shaky", (key(game), JSON), json.dumps(definition).encode()))


def test_everything_at_once(gate: Gate, game: Service) -> None:
    """Over both ways nothing is lost, nothing taken twice, and nothing a fault of ours."""
    chance, answered, stop = random.Random(7), Counter[tuple[str, str]](), threading.Event()
    for name in ("steady", "shaky"):
        game.put_board(name, operator="sum", periods=["all", "day"])
    shaker = threading.Thread(target=shake, args=(gate, game, stop))
    shaker.start()
    try:
        for _ in range(12):
            submitted = [(chance.choice(["steady", "shaky"]), chance.choice(["ada", "bob", "cy"])) for _ in range(20)]
            writes = [write(game, player, board) for board, player in submitted]
            writes = [one if chance.random() < 0.8 else replace(one, target=one.target + "?") for one in writes]
            reads = [Ask("GET", f"/v1/boards/{board}/players/{player}", (key(game),)) for board, player in submitted]
            answers = gate.ask_all([*writes, *reads])
            assert {answer.status for answer in answers[:20]} == {200}
            assert {answer.status for answer in answers[20:]} <= {200, 404}
            answered.update(submitted)
    finally:
        stop.set()
        shaker.join()
    totals = {(board, player): total for board in ("steady", "shaky") for player, total in content(game, board).items()}
    assert totals == answered


def test_a_request_that_is_gone_before_it_is_read(gate: Gate, game: Service) -> None:
    client = Client([{"type": "http.disconnect"}])
    future, _ = gate.start(write(game), client)
    future.result(5)
    assert content(game) == {"ada": 1}


def test_what_is_no_http_is_refused(gate: Gate) -> None:
    client = Client(messages(b""))
    gate.thread.run(gate.gateway({"type": "websocket"}, client.receive, client.send))
    assert client.sent == [{"type": "websocket.close", "code": 1000}]
