"""Everyone who listens in this process, and the boards they listen to."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from leaderboard.errors import LeaderboardError, Unavailable
from leaderboard.live import events
from leaderboard.live.listeners import Listener, Subscription
from leaderboard.live.topics import Sources, Topic
from leaderboard.live.wakeups import Wakeups
from leaderboard.store.keys import BoardKeys

_HEARTBEAT_SECONDS = 15.0
_ROUND_SECONDS = 5.0  # after which it is asked who still may listen
_RETRY_MS = (1000, 3000)  # apart, so that those of a process that ended do not all come back at once
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Figures:
    """Since the process began."""

    joined: int = 0
    told: int = 0  # listeners that were sent something, each time
    listeners: int = 0  # now


class Hub:
    """Lives in one event loop."""

    def __init__(self, sources: Sources, loop: asyncio.AbstractEventLoop) -> None:
        self.figures = Figures()
        self._sources = sources
        self._loop = loop
        self._topics: dict[str, Topic] = {}  # by the channel they are woken on
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wakeups = Wakeups(sources.store, self._woken)
        self._rounds: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._is_ending = False

    def join(self, subscription: Subscription, wake: Callable[[], None]) -> Listener:
        """Begins to tell somebody. To be called in the loop, as all here."""
        listener = Listener(subscription, wake)
        self.figures.joined += 1
        self.figures.listeners += 1
        now = self._loop.time()
        listener.put([events.retry(random.randint(*_RETRY_MS))], now)  # noqa: S311
        if self._is_ending:
            listener.end()
            return listener
        self._topic_of(subscription).join(listener, now)
        if self._rounds is None:
            self._rounds = self._loop.create_task(self._make_rounds())
        return listener

    def leave(self, listener: Listener) -> None:
        """Somebody is gone."""
        self.figures.listeners -= 1
        topic = self._topics.get(_channel(listener.subscription))
        if topic is not None:
            topic.leave(listener)
            if topic.is_empty:
                topic.wake()

    def end(self) -> None:
        """Sends everyone away, to come back to another process; who comes from now on too."""
        self._is_ending = True
        for topic in self._topics.values():
            for listener in topic.listeners:
                listener.end()

    async def close(self) -> None:
        """Ends everything."""
        self.end()
        self._wakeups.close()
        tasks = [*self._tasks.values(), *(one for one in (self._rounds, self._asking) if one is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _topic_of(self, subscription: Subscription) -> Topic:
        channel = _channel(subscription)
        topic = self._topics.get(channel)
        if topic is None:
            topic = Topic(
                subscription.game,
                subscription.board,
                self._sources,
                lambda: self._wakeups.is_heard(channel),
                self._count,
            )
            self._topics[channel] = topic
            self._wakeups.follow(channel)
            self._tasks[channel] = self._loop.create_task(self._run(channel, topic))
        return topic

    async def _run(self, channel: str, topic: Topic) -> None:
        await asyncio.sleep(0)  # until the first listener is in
        await topic.run()
        del self._topics[channel], self._tasks[channel]
        self._wakeups.unfollow(channel)

    def _count(self, told: int) -> None:
        self.figures.told += told

    def _woken(self, channel: str) -> None:
        """In the thread of the wakeups."""
        self._loop.call_soon_threadsafe(self._wake, channel)

    def _wake(self, channel: str) -> None:
        topic = self._topics.get(channel)
        if topic is not None:
            topic.wake()

    async def _make_rounds(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            try:
                self._beat()
            except Exception:  # noqa: BLE001 - the next one may go well
                _log.exception("a round failed")
            if self._asking is None or self._asking.done():  # which may take long, where a store is away
                self._asking = self._loop.create_task(self._send_away())

    async def _send_away(self) -> None:
        """Ends those who may not listen any more; who cannot be asked about stays."""
        by_rights: dict[str, list[Listener]] = {}
        for topic in self._topics.values():
            for listener in topic.listeners:
                by_rights.setdefault(listener.subscription.who, []).append(listener)
        rights = {who: some[0].subscription.is_allowed for who, some in by_rights.items()}
        for who in await self._loop.run_in_executor(None, _lost, rights):
            for listener in by_rights[who]:
                listener.end(events.gone("not_allowed"))

    def _beat(self) -> None:
        now = self._loop.time()
        for topic in self._topics.values():
            for listener in topic.listeners:
                if now - listener.told_at < _HEARTBEAT_SECONDS:
                    continue
                # An id alone is no event; the client keeps it all the same.
                line = listener.knows.line() if listener.knows and listener.is_untold else b""
                if not listener.put([b": \n" + line + b"\n"], now):
                    topic.rejoin(listener)


def _channel(subscription: Subscription) -> str:
    return BoardKeys(subscription.game, subscription.board).feed


def _lost(rights: dict[str, Callable[[], bool]]) -> list[str]:
    """Those who may not any more. In a thread."""
    found = []
    for who, is_allowed in rights.items():
        try:
            if not is_allowed():
                found.append(who)
        except Unavailable:
            pass
        except LeaderboardError:
            found.append(who)
        except Exception:  # noqa: BLE001 - that one stays, and all others are asked
            _log.exception("nobody can tell who may listen", who=who.partition(" ")[0])
    return found
