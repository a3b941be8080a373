"""A stream of events as an answer: written by the event loop where there is one, or by a thread of the server."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from leaderboard.live.hub import Hub
from leaderboard.live.listeners import Listener, Subscription
from leaderboard.live.topics import Sources

CONTENT_TYPE: Final = "text/event-stream"
_SECONDS = 5.0  # in which a loop does what it is asked
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

    def __iter__(self) -> Iterator[bytes]:
        return self._events(self.subscription)


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
        waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        listener: list[Listener] = []

        def wake() -> None:
            if listener:
                taken = listener[0].take()
                if taken:
                    waiting.put(taken)
                if listener[0].is_over:
                    waiting.put(b"")

        def join() -> None:
            listener.append(hub.join(subscription, wake))
            wake()

        _done(loop, join)
        try:
            while piece := waiting.get():
                yield piece
        finally:
            if not loop.is_closed():
                _done(loop, lambda: hub.leave(listener[0]))

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


def _done(loop: asyncio.AbstractEventLoop, action: Callable[[], Any]) -> None:
    """Does something in a loop, and waits for it."""
    done = threading.Event()

    def act() -> None:
        try:
            action()
        finally:
            done.set()

    loop.call_soon_threadsafe(act)
    done.wait(_SECONDS)
