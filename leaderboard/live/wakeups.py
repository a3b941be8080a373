"""Hearing of changes: one subscription of this process to each board that somebody here listens to.

It only says that there is something to look at. So whatever is lost here (a connection, a message) is made good by
looking every now and then.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from redis.exceptions import RedisClusterException, RedisError

from leaderboard.store.connection import Store, as_text

_POLL_SECONDS = 0.1  # how soon a new subscription is sent
_PAUSE_SECONDS = 1.0  # after the connection broke
_log = structlog.get_logger(__name__)


class Wakeups:
    """A thread with a connection of its own, from the first board that is followed on."""

    def __init__(self, store: Store, woken: Callable[[str], None]) -> None:
        """`woken` is called in that thread with the channel."""
        self._store = store
        self._woken = woken
        self._wanted: set[str] = set()
        self._heard: frozenset[str] = frozenset()
        self._changes: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, channel: str) -> None:
        """Begins to hear of a channel, soon."""
        self._changes.put((channel, True))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="wakeups", daemon=True)
            self._thread.start()

    def unfollow(self, channel: str) -> None:
        """Hears of it no more."""
        self._changes.put((channel, False))

    def is_heard(self, channel: str) -> bool:
        """Whether the subscription stands, as far as is known."""
        return channel in self._heard

    def close(self) -> None:
        """Ends the thread; does not wait for it."""
        self._is_closed.set()

    def _run(self) -> None:
        while not self._is_closed.is_set():
            try:
                self._listen()
            except (RedisError, RedisClusterException, OSError) as error:
                _log.warning("not woken by the store", cause=repr(error))
            except Exception:  # noqa: BLE001 - else nobody here would ever be woken again
                if not self._is_closed.is_set():
                    _log.exception("not woken by the store")
            self._heard = frozenset()
            self._is_closed.wait(_PAUSE_SECONDS)

    def _listen(self) -> None:
        client: Any = self._store.client
        pubsub = client.pubsub()
        try:
            if self._wanted:
                pubsub.subscribe(*self._wanted)
            while not self._is_closed.is_set():
                self._change(pubsub)
                if self._wanted:
                    self._take(pubsub.get_message(timeout=_POLL_SECONDS))
                else:
                    self._is_closed.wait(_POLL_SECONDS)
        finally:
            with suppress(RedisError, RedisClusterException, OSError):
                pubsub.close()

    def _change(self, pubsub: Any) -> None:
        while True:
            try:
                channel, is_wanted = self._changes.get_nowait()
            except queue.Empty:
                return
            if is_wanted:
                self._wanted.add(channel)
                pubsub.subscribe(channel)
            else:
                self._wanted.discard(channel)
                self._heard -= {channel}
                pubsub.unsubscribe(channel)

    def _take(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        channel = as_text(message["channel"])
        if message["type"] == "subscribe":
            self._heard |= {channel}
        if message["type"] in ("subscribe", "message"):
            self._woken(channel)
