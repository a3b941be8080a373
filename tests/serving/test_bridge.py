"""A WSGI app behind an event loop: bodies as they arrive, answers as they are made, and clients that go away."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest

from leaderboard.serving import bridge as bridge_module
from leaderboard.serving.bridge import Bridge, environ
from tests.conftest import Service
from tests.serving.harness import Answered, Ask, Client, Gate, Loop, messages

OK = [("Content-Type", "text/plain")]


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def ask(loop: Loop, app: Any, ask: Ask, client: Client | None = None) -> Client:
    client = client or Client(messages(ask.body))
    bridge = Bridge(app, 2)
    try:
        loop.run(bridge(ask.scope, client.receive, client.send))
    finally:
        bridge.close()
    return client


class Pieces:
    """An answer in pieces, that knows when it was closed and how many were asked for."""

    def __init__(self, pieces: Iterable[Any]) -> None:
        self._pieces = iter(pieces)
        self.closed = 0
        self.given = 0

    def __iter__(self) -> "Pieces":
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        if isinstance(piece, Exception):
            raise piece
        self.given += 1
        return bytes(piece)

    def close(self) -> None:
        self.closed += 1


def answering(pieces: Any, status: str = "200 OK", headers: Any = OK) -> Callable[..., Any]:
    def app(_environ: Any, start_response: Any) -> Any:
        start_response(status, headers)
        return pieces

    return app


@pytest.mark.parametrize("pieces", [[], [b""], [b"a"], [b"a", b"b"], [b"", b"", b"c"], [b"a", b"", b"c", b""]])
def test_answers_whole_and_in_pieces(loop: Loop, pieces: list[bytes]) -> None:
    made = Pieces(pieces)
    client = ask(loop, answering(made), Ask("GET", "/"))
    assert client.answer == Answered(200, {"content-type": "text/plain"}, b"".join(pieces))
    assert made.closed == 1


def test_start_response_may_be_called_as_late_as_the_first_piece(loop: Loop) -> None:
    def app(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("201 Created", OK)
        yield b"x"

    assert ask(loop, app, Ask("GET", "/")).answer.status == 201


def test_a_slow_client_is_waited_for(loop: Loop) -> None:
    """What it has not taken is not made, but for one piece."""
    made = Pieces([b"1", b"2", b"3", b"4", b"5"])
    seen: list[int] = []

    async def slow(_message: Any) -> None:
        await asyncio.sleep(0.005)
        seen.append(made.given)

    client = Client([], before_send=slow)
    ask(loop, answering(made), Ask("GET", "/"), client)
    assert client.answer.body == b"12345"
    assert seen == [2, 2, 3, 4, 5, 5]


def test_a_fault_of_the_app(loop: Loop) -> None:
    def app(_environ: Any, _start_response: Any) -> Any:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        ask(loop, app, Ask("GET", "/"))


@pytest.mark.parametrize("before", [[], [b"a"], [b"a", b"b"]])
def test_a_fault_amid_an_answer_closes_it(loop: Loop, before: list[bytes]) -> None:
    """And never passes for its end."""
    made = Pieces([*before, ValueError("x")])
    client = Client([])
    with pytest.raises(ValueError, match="x"):
        ask(loop, answering(made), Ask("GET", "/"), client)
    assert made.closed == 1
    assert all(message.get("more_body", True) for message in client.sent)


def test_a_client_that_goes_away_amid_an_answer_closes_it(loop: Loop) -> None:
    made = Pieces([b"1", b"2", b"3", b"4"])

    async def gone(message: Any) -> None:
        if message.get("body") == b"2":
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        ask(loop, answering(made), Ask("GET", "/"), Client([], before_send=gone))
    assert (made.closed, made.given) == (1, 3)


def test_a_request_that_is_cancelled_while_it_waits_for_a_thread_is_never_begun(loop: Loop) -> None:
    may, called = threading.Event(), []

    def app(got: Any, start_response: Any) -> Any:
        called.append(got["PATH_INFO"])
        may.wait(5)
        start_response("200 OK", OK)
        return [b""]

    bridge = Bridge(app, 1)
    clients = [Client([]), Client([])]
    running = loop.start(bridge(Ask("GET", "/1").scope, clients[0].receive, clients[0].send))
    waiting = loop.start(bridge(Ask("GET", "/2").scope, clients[1].receive, clients[1].send))
    loop.do(lambda: None)
    waiting.cancel()
    loop.do(lambda: None)
    may.set()
    running.result(5)
    bridge.close()
    assert called == ["/1"]


BODY = bytes(range(256)) * 300


@pytest.mark.parametrize("cuts", [[], [1], [0, 0, 5], [65_536], [10, 20, 65_536, 70_000, 76_800], [76_800]])
@pytest.mark.parametrize("read", ["all", "sized", "lines", "twice"])
@pytest.mark.parametrize("has_first", [True, False])
def test_a_body_in_pieces(loop: Loop, cuts: list[int], read: str, has_first: bool) -> None:
    found: list[bytes] = []

    def app(got: Any, start_response: Any) -> Any:
        file = got["wsgi.input"]
        if read == "all":
            found.append(file.read())
        elif read == "sized":
            while piece := file.read(7000):
                found.append(piece)
        elif read == "lines":
            found.extend(file)
        else:
            found.extend([file.read(10), file.read(), file.read(), file.read(5)])
        start_response("200 OK", OK)
        return [b""]

    request = Ask("POST", "/", (), BODY)
    client = Client(messages(BODY, cuts))
    bridge = Bridge(app, 1)
    first = client.incoming.pop(0) if has_first else None
    loop.run(bridge(request.scope, client.receive, client.send, first))
    bridge.close()
    assert b"".join(found) == BODY


def test_a_body_that_nobody_reads_is_not_asked_for(loop: Loop) -> None:
    client = Client([])  # which would wait for ever
    ask(loop, answering([b"x"]), Ask("POST", "/", (("Content-Length", "5"),)), client)
    assert client.answer.body == b"x"


@pytest.mark.parametrize("pieces", [[], [b'{"player": "ada", '], [b'{"player": "ada", "score": 1}']])
@pytest.mark.parametrize("framing", [("Content-Length", "40"), ("Transfer-Encoding", "chunked")])
def test_a_body_that_breaks_off_is_never_taken_for_a_whole(
    gate: Gate, plain: Service, pieces: list[bytes], framing: tuple[str, str]
) -> None:
    """Also where what came looks like all of it."""
    plain.put_board("b", periods=["all"])
    key = ("Authorization", "Bearer " + plain.keys["server"])
    for target in ("/v1/boards/b/scores", "/v1/scores"):
        request = Ask("POST", target, (key, ("Content-Type", "application/json"), framing))
        gone = [{"type": "http.disconnect"}]
        client = Client([*({"type": "http.request", "body": one, "more_body": True} for one in pieces), *gone])
        future, _ = gate.start(request, client)
        future.result(5)
        assert (client.answer.status, b"unreadable_body" in client.answer.body) == (400, True)
    assert plain.get("/boards/b/top")["total"] == 0


def test_a_body_that_broke_off_is_not_asked_for_again(loop: Loop) -> None:
    """Nor when the app goes on to drain it: by then the loop may be at its end, and would never answer."""
    asked: list[int] = []

    def app(got: Any, start_response: Any) -> Any:
        for _ in range(3):
            with suppress(OSError):
                got["wsgi.input"].read(10)
        start_response("400 BAD REQUEST", OK)
        return [b""]

    class Leaving(Client):
        async def receive(self) -> dict[str, Any]:
            asked.append(1)
            return {"type": "http.disconnect"}

    ask(loop, app, Ask("POST", "/", (("Content-Length", "5"),)), Leaving([]))
    assert asked == [1]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("HEAD", "/v1/boards/b/top", 200), ("DELETE", "/v1/boards/b/players/ada", 204),
     ("GET", "/v1/boards/b/scores", 304),
     ("HEAD", "/v1/boards/b/scores", 304), ("HEAD", "/v1/boards/none/top", 404), ("GET", "/nothing", 404)],
)  # fmt: skip
def test_answers_without_a_body(gate: Gate, plain: Service, method: str, target: str, status: int) -> None:
    plain.put_board("b")
    plain.submit("ada", 1)
    key = ("Authorization", "Bearer " + plain.keys["server"])
    request = Ask(method, target, (key, ("If-None-Match", "*")) if status == 304 else (key,))
    found = gate.ask(request)
    assert found.status == status
    if method != "DELETE":
        assert found.same == gate.flask(request).same
    if status != 404 or method == "HEAD":
        assert found.body == b""


def test_the_environment(loop: Loop) -> None:
    request = Ask("POST", "/a%20b/%C3%A9?q=%20&r", (("X-One", "1"), ("X-One", "2"), ("Content-Type", "a/b")), b"12")
    with mock.patch.dict("os.environ", {"SCRIPT_NAME": ""}):
        found = environ(request.scope, mock.sentinel.body)
    expected = {**request.environ, "wsgi.input": mock.sentinel.body}
    assert {name: found.get(name) for name in expected} == {**expected, "SERVER_PORT": "80"}


def test_below_a_prefix() -> None:
    """gunicorn's SCRIPT_NAME is where the app is mounted, and no part of the path that it routes."""
    with mock.patch.dict("os.environ", {"SCRIPT_NAME": "/boards-of-fame"}):
        found = environ(Ask("GET", "/boards-of-fame/healthz").scope, mock.sentinel.body)
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/boards-of-fame", "/healthz")


def test_a_worker_can_end_while_a_client_is_still_sending(loop: Loop) -> None:
    """It closes the bridge in its loop, on which the thread waits for the rest of the body."""
    waiting: list[Any] = []
    reading = threading.Event()
    start = asyncio.run_coroutine_threadsafe

    def noted(*args: Any) -> Any:
        future = start(*args)
        if threading.current_thread().name.startswith("flask"):
            waiting.append(future)
            reading.set()
        return future

    def app(got: Any, start_response: Any) -> Any:
        got["wsgi.input"].read()
        start_response("200 OK", OK)
        return [b""]

    bridge, client = Bridge(app, 1), Client([])
    with mock.patch.object(bridge_module.asyncio, "run_coroutine_threadsafe", noted):
        running = loop.start(bridge(Ask("POST", "/", (("Content-Length", "5"),)).scope, client.receive, client.send))
        assert reading.wait(5)
        closed = threading.Event()
        loop.loop.call_soon_threadsafe(lambda: (bridge.close(), closed.set()))
        ended_by_itself = closed.wait(2)
        for one in waiting:  # so that this test ends in any case
            one.cancel()
        assert closed.wait(5)
    with pytest.raises((CancelledError, ConnectionError)):
        running.result(5)
    assert ended_by_itself
