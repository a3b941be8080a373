"""Finished answers kept in the process for a fraction of a second: the tops that everybody reads.

While one request builds an answer the others wait for that one. Shortly before it is too old somebody builds it anew,
and the others are served what there is (XFetch: Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache
Stampede Prevention", 2015). When the store is gone the last good answer is served, marked stale. Nothing here is shared
between threads: all of it happens in the event loop.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from leaderboard.api.replies import Found, Reply
from leaderboard.errors import Unavailable

Key = tuple[str, bytes, bytes, str]  # game, path, query, and the board's rev as far as it is known
Build = Callable[[], Awaitable[Found]]

STALE_SECONDS: Final = 3600.0  # how old the last good answer may be
_MOST_BYTES = 64 * 1024 * 1024
_OVERHEAD = 1024  # bytes an answer takes besides its body and its question
_PATIENCE_SECONDS = 0.5  # with the builder, where there is a good answer from before
_EAGERNESS = 1.0  # beta of XFetch: above 1 builds earlier


@dataclass(slots=True)
class Figures:
    """What became of the reads since the process began."""

    hits: int = 0
    misses: int = 0  # built, or waited for who did
    early: int = 0  # built before it was too old
    stale: int = 0  # served from the last good answer
    age_seconds: float = 0.0  # of all hits together


@dataclass(frozen=True, slots=True)
class _Kept:
    reply: Reply
    built_at: float
    took: float
    ends: datetime | None  # when it is not true any more, however young


class Tops:
    """The answers of one worker."""

    def __init__(self, staleness_seconds: float, time: Callable[[], float]) -> None:
        """`time`: a clock that never goes back, in seconds."""
        self.figures = Figures()
        self._staleness = staleness_seconds
        self._time = time
        self._kept: dict[Key, _Kept] = {}
        self._flights: dict[tuple[Key, datetime | None], asyncio.Task[Found]] = {}
        self._bytes = 0

    def get(self, key: Key, now: datetime) -> Reply | None:
        """What is kept, if it is young enough and still true."""
        kept = self._kept.get(key)
        if kept is None or (kept.ends is not None and now >= kept.ends):
            return None
        age = self._time() - kept.built_at
        if age > self._staleness:
            return None
        self.figures.hits += 1
        self.figures.age_seconds += age
        return kept.reply

    def is_due(self, key: Key) -> bool:
        """Whether this reader should build what is kept anew, by a chance that grows with its age."""
        kept = self._kept.get(key)
        if kept is None or (key, kept.ends) in self._flights:
            return False
        ahead = -kept.took * _EAGERNESS * math.log(1.0 - random.random())  # noqa: S311
        return self._time() - kept.built_at + ahead >= self._staleness

    def refresh(self, key: Key, ends: datetime | None, build: Build) -> None:
        """Builds an answer anew while the old one is served."""
        self.figures.early += 1
        self._fly(key, ends, build)

    async def wait(self, key: Key, ends: datetime | None, build: Build) -> Found:
        """The answer that somebody builds, or this one; the last good one where that fails. None: nobody can."""
        self.figures.misses += 1
        flight = self._flights.get((key, ends)) or self._fly(key, ends, build)
        if self._last_good(key, ends) is not None:
            await asyncio.wait({flight}, timeout=_PATIENCE_SECONDS)
            if not flight.done():  # the store hangs; whoever builds goes on trying
                return self._served_stale(key, ends)
        found = await asyncio.shield(flight)
        return self._served_stale(key, ends) or found if isinstance(found, Unavailable) else found

    def now(self) -> float:
        """Its clock."""
        return self._time()

    def keep(self, key: Key, reply: Reply, ends: datetime | None, began: float) -> None:
        """Keeps an answer; it is as old as its question, which `began` then."""
        kept = self._kept.get(key)
        if kept is not None and kept.built_at > began:
            return
        self._forget(key)
        self._kept[key] = _Kept(reply, began, self._time() - began, ends)
        self._bytes += _size(key, reply)
        while self._bytes > _MOST_BYTES:
            self._forget(next(iter(self._kept)))

    def _fly(self, key: Key, ends: datetime | None, build: Build) -> "asyncio.Task[Found]":
        flight = asyncio.get_running_loop().create_task(self._build(key, ends, build))
        self._flights[key, ends] = flight
        return flight

    async def _build(self, key: Key, ends: datetime | None, build: Build) -> Found:
        began = self._time()
        try:
            found = await build()
        finally:
            del self._flights[key, ends]
        if isinstance(found, Reply):
            self.keep(key, found, ends, began)
        return found

    def _last_good(self, key: Key, ends: datetime | None) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is None or kept.ends != ends or self._time() - kept.built_at > STALE_SECONDS:
            return None
        return kept

    def _served_stale(self, key: Key, ends: datetime | None) -> Reply | None:
        kept = self._last_good(key, ends)
        if kept is None:
            return None
        self.figures.stale += 1
        age = str(int(self._time() - kept.built_at))
        headers = {**kept.reply.headers, "Age": age, "Warning": '110 - "Response is Stale"'}
        return Reply(200, headers, kept.reply.body, kept.reply.etag)

    def _forget(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= _size(key, kept.reply)


def _size(key: Key, reply: Reply) -> int:
    return len(key[1]) + len(key[2]) + len(reply.body) + _OVERHEAD
