"""Streams of events that a test holds open: of Flask alone, or of a worker's gateway."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.test import EnvironBuilder

from tests.conftest import Service
from tests.front import scope_of
from tests.live.reading import Screen

SECONDS = 10.0  # within which whatever is to come has come, on a busy machine too


class Tap:
    """One open stream; its screen shows what came."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_over = False
        self._news = threading.Condition()

    def begin(self, status: int, headers: dict[str, str]) -> None:
        with self._news:
            self.status, self.headers = status, headers
            self._news.notify_all()

    def read(self, data: bytes) -> None:
        with self._news:
            self.screen.read(data)
            self._news.notify_all()

    def end(self) -> None:
        with self._news:
            self.is_over = True
            self._news.notify_all()

    def until(self, is_so: Callable[[], Any], what: str = "") -> None:
        """Waits for it."""
        limit = time.monotonic() + SECONDS
        with self._news:
            while not is_so():
                left = limit - time.monotonic()
                assert left > 0, (what, self.screen)
                self._news.wait(left)

    def until_score(self, player: str, score: int) -> None:
        """Waits until the table has it."""
        self.until(lambda: self.screen.rows.get(player, {}).get("score") == score, f"{player} {score}")


@contextlib.contextmanager
def tapped(service: Service, way: str, path: str, screen: Screen | None = None, key: str = "server") -> Iterator[Tap]:
    """Opens a stream; one that comes back says what it has seen."""
    screen = screen or Screen()
    headers = {"Authorization": f"Bearer {service.keys[key]}"}
    if screen.last_id:
        headers["Last-Event-ID"] = screen.last_id
    builder = EnvironBuilder(path="/v1" + path, headers=headers)
    tap = Tap(screen)
    open_ = _by_flask if way == "flask" else _by_gateway
    with open_(service, builder, tap):
        tap.until(lambda: tap.status, "an answer")
        yield tap
    screen.lost()


@contextlib.contextmanager
def _by_flask(service: Service, builder: EnvironBuilder, tap: Tap) -> Iterator[None]:
    response = service.app.test_client().open(builder, buffered=False)
    tap.begin(response.status_code, {name.lower(): value for name, value in response.headers.items()})
    pieces: Any = response.response

    def pump() -> None:
        for piece in pieces:
            tap.read(piece)
        tap.end()

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()
    yield  # the thread ends when its stream does, or with the process


@contextlib.contextmanager
def _by_gateway(service: Service, builder: EnvironBuilder, tap: Tap) -> Iterator[None]:
    front = service.front
    loop = front._loop
    gone = asyncio.run_coroutine_threadsafe(_event(), loop).result(SECONDS)
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        message = next(received, None)
        if message is None:
            await gone.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            tap.begin(message["status"], {name.decode(): value.decode() for name, value in message["headers"]})
        else:
            tap.read(message.get("body", b""))

    async def answer() -> None:
        await front.gateway(scope_of(builder.get_environ()), receive, send)
        tap.end()

    running = asyncio.run_coroutine_threadsafe(answer(), loop)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(gone.set)
        running.result(SECONDS)


async def _event() -> asyncio.Event:
    return asyncio.Event()
