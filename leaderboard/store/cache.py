"""Finished answers that are expensive to make, kept in the store for all workers.

An answer is kept with the `rev` and the `version` that its board had before it was made, so it is never taken for newer
than it is; while the board still has them it is exact, however old. For a little while (the staleness) it may also be
given though the board has changed. One caller at a time makes it, the others wait for that, or shortly before it is too
old are given what there is (XFetch: Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede
Prevention", 2015). When the store is away a process gives its own last copy.

The version of a board with parts is theirs in a row, asked for before anything else. Two that are alike at different
times say that no part has changed in between; one that is nowhere behind another is of no earlier moment.
"""

import hashlib
import math
import random
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from leaderboard.errors import BoardsChanged, StoreUnavailable
from leaderboard.store.connection import Store, as_text
from leaderboard.store.keys import BoardKeys
from leaderboard.store.scripts import Call

STALE_SECONDS: Final = 3600.0  # how old a process's last copy may be
MOST_ANSWERS: Final = 100  # of a board, in the store
MOST_BYTES: Final = 256 * 1024  # of an answer that is kept there
_LIFETIME_MS = 3_600_000
_LOCK_MS = 10_000
_POLL_SECONDS = 0.02
_WAIT_SECONDS = 1.0
_EAGERNESS = 1.0  # beta of XFetch: above 1 makes it anew earlier
_MOST_LOCAL_BYTES = 16 * 1024 * 1024
_OVERHEAD = 1024  # bytes that a copy takes besides its body
_NO_VERSION = "-"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a board, and which answers will do."""

    keys: BoardKeys
    rev: str  # as the caller knows it
    view: str  # name of what is read among the board's keys
    ends_ms: int | None  # when that is over, Unix milliseconds; None for never, and for windows
    what: str  # all else that makes this question another one than others
    fresh: bool  # whether only what is true now will do
    exact: bool = True  # whether the answer is the same for as long as the board's version is
    parts: Sequence[BoardKeys] = ()  # of a board that is spread over some

    @property
    def name(self) -> str:
        return hashlib.sha256(f"{self.view}\x1f{self.what}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Finished:
    """An answer: JSON, and what its ETag covers. `stale_seconds`: its age, where the store is away."""

    body: bytes
    etag_of: tuple[Any, ...] | None
    stale_seconds: float | None = None


@dataclass(slots=True)
class Figures:
    """What became of the questions since the process began."""

    hits: int = 0
    misses: int = 0  # made, for there was nothing that would do
    waits: int = 0  # waited for somebody who made it, whatever came of that
    early: int = 0  # made before it was too old
    stale: int = 0  # answered from the process's last copy
    building_seconds: float = 0.0  # of all that were made, together


@dataclass(frozen=True, slots=True)
class _Found:
    outcome: str
    version: str = ""
    mark: str = ""
    answer: bytes = b""


Make = Callable[[], Finished]


class Cache:
    """The answers, as one process sees them."""

    def __init__(
        self,
        store: Store,
        staleness_ms: int,
        *,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        """`seconds`: a clock that never goes back; `chance`: 0 to below 1; `now_ms`: in place of the store's clock."""
        self.figures = Figures()
        self._store = store
        self._staleness_ms = staleness_ms
        self._seconds = seconds
        self._sleep = sleep
        self._chance = chance
        self._now_ms = now_ms
        self._copies = _Copies(seconds)
        self._guard = threading.Lock()

    def answer(self, asked: Asked, make: Make, still_there: Callable[[], bool] = lambda: True) -> Finished:
        """The answer to a question: one that is kept and will do, or what `make` says.

        `still_there`: whether the archive still has a period that the store has not. Raises what `make` raises, and
        StoreUnavailable where there is no last copy either.
        """
        name = (asked.keys.prefix, asked.name)
        try:
            found = self._answer(asked, make, still_there)
        except BoardsChanged:  # the store is there, and the caller to ask once more
            raise
        except StoreUnavailable:
            copy = None if asked.fresh else self._copies.get(name)
            if copy is None:
                raise
            self._count("stale")
            return copy
        self._copies.put(name, found)
        return found

    def _answer(self, asked: Asked, make: Make, still_there: Callable[[], bool]) -> Finished:
        if not asked.exact and (asked.fresh or not self._staleness_ms):  # nothing that is kept could do
            return self._made(make, "misses")[0]
        token = secrets.token_hex(16)
        found = self._found(asked, token)
        if found.outcome == "hit" and "2" in found.mark and not still_there():
            return self._made(make, "misses")[0]
        if found.outcome == "hit":
            self._count("hits")
            return _unpacked(found.answer)
        if found.outcome == "other":
            return self._made(make, "misses")[0]
        return self._made_under_lock(asked, found, token, make)

    def _found(self, asked: Asked, token: str) -> _Found:
        """What there is; where somebody makes it, what that was, or that this took too long."""
        found = self._find(asked, token, "" if asked.exact else _NO_VERSION)
        if found.outcome != "wait":
            return found
        self._count("waits")
        # What was true at any moment since this was asked will do.
        least = found.version if asked.exact else _NO_VERSION
        for _ in range(int(_WAIT_SECONDS / _POLL_SECONDS)):
            self._sleep(_POLL_SECONDS)
            found = self._find(asked, token, least)
            if found.outcome != "wait":
                break
        return found

    def _find(self, asked: Asked, token: str, least: str) -> _Found:
        keys = asked.keys
        state = self._state(asked)
        if state is None:
            return _Found("other")
        answers, _ = _places(asked)
        names = [keys.meta, keys.open, keys.standings(asked.view), answers, keys.cache_lock(asked.name)]
        staleness = 0 if asked.fresh else self._staleness_ms
        ahead = -math.log(1.0 - self._chance()) * _EAGERNESS
        arguments = [asked.rev, asked.name, _text(asked.ends_ms), staleness, repr(ahead), least]
        outcome, *rest = self._store.run("cache_find", names, [*arguments, token, _LOCK_MS, self._now(), *state])
        version, mark, *answer = rest or (b"", b"")
        return _Found(as_text(outcome), as_text(version), as_text(mark), answer[0] if answer else b"")

    def _state(self, asked: Asked) -> tuple[str, str] | None:
        """The version and the mark of all parts, empty where there are none; None where one is of another board."""
        if not asked.parts:
            return "", ""
        ends = _text(asked.ends_ms)
        names = [[keys.meta, keys.open, keys.standings(asked.view)] for keys in asked.parts]
        answers = self._store.run_all([Call("cache_state", some, [ends]) for some in names])
        if any(rev is None or as_text(rev) != asked.rev for rev, *_ in answers):
            return None
        return ".".join(as_text(version) for _, version, _ in answers), "".join(as_text(mark) for *_, mark in answers)

    def _made_under_lock(self, asked: Asked, found: _Found, token: str, make: Make) -> Finished:
        kept = False
        try:
            made, took = self._made(make, "early" if found.outcome == "early" else "misses")
            if len(made.body) <= MOST_BYTES:
                with suppress(StoreUnavailable):  # then the next one makes it anew
                    self._keep(asked, found, token, made, took)
                kept = True
            return made
        finally:
            if not kept and found.outcome != "wait":
                with suppress(StoreUnavailable):  # then its lifetime ends it
                    self._store.run("release", [asked.keys.cache_lock(asked.name)], [token])

    def _keep(self, asked: Asked, found: _Found, token: str, made: Finished, took: float) -> None:
        keys = asked.keys
        lifetime = _LIFETIME_MS if asked.exact else self._staleness_ms
        arguments = [asked.rev, found.version, found.mark, asked.name, _packed(made), f"{took * 1000:.3f}"]
        names = [keys.meta, *_places(asked), keys.cache_lock(asked.name)]
        self._store.run("cache_keep", names, [*arguments, token, lifetime, MOST_ANSWERS, self._now()])

    def _made(self, make: Make, counted: str) -> tuple[Finished, float]:
        """The answer and how long it took to make, in seconds."""
        self._count(counted)
        began = self._seconds()
        try:
            made = make()
        finally:
            took = self._seconds() - began
            with self._guard:
                self.figures.building_seconds += took
        return made, took

    def _count(self, figure: str) -> None:
        with self._guard:
            setattr(self.figures, figure, getattr(self.figures, figure) + 1)

    def _now(self) -> str:
        return _text(self._now_ms()) if self._now_ms else ""


class _Copies:
    """The last answers that a process gave, the least recently given going first."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[tuple[str, str], tuple[float, Finished]] = OrderedDict()
        self._bytes = 0
        self._guard = threading.Lock()

    def get(self, name: tuple[str, str]) -> Finished | None:
        """A copy that is not too old, with its age."""
        with self._guard:
            at, copy = self._kept.get(name, (0.0, None))
            age = self._seconds() - at
            return None if copy is None or age > STALE_SECONDS else replace(copy, stale_seconds=age)

    def put(self, name: tuple[str, str], answer: Finished) -> None:
        """Keeps one, as of now."""
        with self._guard:
            self._forget(name)
            self._kept[name] = self._seconds(), answer
            self._bytes += len(answer.body) + _OVERHEAD
            while self._bytes > _MOST_LOCAL_BYTES:
                self._forget(next(iter(self._kept)))

    def _forget(self, name: tuple[str, str]) -> None:
        _, copy = self._kept.pop(name, (0.0, None))
        if copy is not None:
            self._bytes -= len(copy.body) + _OVERHEAD


def _places(asked: Asked) -> list[str]:
    return asked.keys.cache("exact" if asked.exact else "brief")


def _packed(made: Finished) -> bytes:
    return msgspec.msgpack.encode((made.etag_of, made.body))


def _unpacked(answer: bytes) -> Finished:
    etag_of, body = msgspec.msgpack.decode(answer)
    return Finished(body, None if etag_of is None else tuple(etag_of))


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
