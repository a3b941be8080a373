"""A stream of events as an answer: written by the event loop where there is one, or by a thread of the server."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

from leaderboard.live.hub import Hub
from leaderboard.live.listeners import Subscription
from leaderboard.live.topics import Sources

CONTENT_TYPE: Final = "text/event-stream"
_SECONDS = 5.0  # in which a loop does what it is asked
_TICK_SECONDS = 0.1  # in which it is noticed that it has ended
_T = TypeVar("_T")
HEADERS: Final = {
    "Content-Type": CONTENT_TYPE,
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # for a proxy that would gather it
}


class Following:
    """The body of such an answer. A gateway that knows it hands `subscription` to the hub of its own loop."""

    def __init__(self, subscription: Subscription, events: Callable[[Subscription], Iterator[bytes]]) -> None:
        self.subscription = subscription
        self._events = events
        self._begun: list[Any] = []

    def __iter__(self) -> Iterator[bytes]:
        begun = self._events(self.subscription)
        self._begun.append(begun)
        return begun

    def close(self) -> None:
        """For a server whose client is gone."""
        for one in self._begun:
            one.close()


class Live:
    """Where subscriptions become streams.

    A server without an event loop gets a hub in a thread of its own, and each listener takes a thread of the server.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hub: Hub | None = None

    def follow(self, subscription: Subscription) -> Following:
        """What somebody asks to be told of, as the body of an answer."""
        return Following(subscription, self._events)

    def hub(self, loop: asyncio.AbstractEventLoop) -> Hub:
        """A hub of a server's own loop."""
        return Hub(self._sources, loop)

    def _events(self, subscription: Subscription) -> Iterator[bytes]:
        """What there is to tell, as it comes. Closing it ends it."""
        loop, hub = self._running()
        ready = threading.Event()
        try:
            listener = _done(loop, lambda: hub.join(subscription, ready.set))
        except _LoopEnded:
            return
        is_over = False
        try:
            while not is_over:
                ready.wait()
                ready.clear()
                # Taken only now, so that who reads slowly has no more waiting than a listener may have.
                piece, is_over = _done(loop, lambda: (listener.take(), listener.is_over))
                if piece:
                    yield piece
        except _LoopEnded:
            return
        finally:
            with suppress(_LoopEnded):
                _done(loop, lambda: hub.leave(listener))

    def close(self) -> None:
        """Ends all of them."""
        with self._lock:
            if self._loop is not None and self._hub is not None:
                asyncio.run_coroutine_threadsafe(self._hub.close(), self._loop).result(_SECONDS)
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = self._hub = None

    def _running(self) -> tuple[asyncio.AbstractEventLoop, Hub]:
        with self._lock:
            if self._loop is None or self._hub is None:
                self._loop = asyncio.new_event_loop()
                self._hub = Hub(self._sources, self._loop)
                threading.Thread(target=_run, args=(self._loop,), name="listeners", daemon=True).start()
            return self._loop, self._hub


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


class _LoopEnded(Exception):
    """Nothing is done there any more."""


def _done(loop: asyncio.AbstractEventLoop, action: Callable[[], _T]) -> _T:
    """What something comes to that is done in a loop. Raises what it raises, and _LoopEnded."""
    done: Future[_T] = Future()

    def act() -> None:
        try:
            done.set_result(action())
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            done.set_exception(error)

    try:
        loop.call_soon_threadsafe(act)
    except RuntimeError as error:
        raise _LoopEnded from error
    while True:
        try:
            return done.result(_TICK_SECONDS)
        except TimeoutError as error:
            if done.done():
                raise
            if loop.is_closed():
                raise _LoopEnded from error
