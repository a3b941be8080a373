"""What boards cost in the store: how many bytes their keys take, and when they go.

One SCAN over the keys of boards, some at a time, and of each piece one pipeline: nothing here keeps the store busy
for long, and nothing is read twice but by chance.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from redis.exceptions import RedisError, ResponseError

from leaderboard.boards.definition import Board
from leaderboard.boards.registry import Registry
from leaderboard.boards.views import is_past
from leaderboard.store.connection import Store, as_text, translated

_KEYS_AT_ONCE = 1000
_SAMPLES = 20  # members that the size of a large key is estimated by
_GONE = -2
_KEY = re.compile(r"(lb:\{[^{}]*\}:)(.*)", re.DOTALL)
# Standings of a period or window, or what goes with them.
_PERIOD = re.compile(r"((?:r[0-9]+[hd]:)?(?:all|[0-9]{4}[0-9TWb-]*))(:dense|:md)?", re.ASCII)


@dataclass
class PeriodUsage:
    """A period or rolling window. `size` in bytes, None where the store cannot tell; `seconds_left` None: for ever."""

    id: str
    state: str  # open, closed, sealed; window or bucket, of windows; unknown: the board knows nothing of it
    entries: int = 0
    size: int | None = None
    seconds_left: int | None = None


@dataclass
class BoardUsage:
    """A board; `other` is what its other keys take, in bytes."""

    game: str
    name: str
    periods: dict[str, PeriodUsage] = field(default_factory=dict)
    other: int | None = None
    other_keys: int = 0

    @property
    def size(self) -> int | None:
        """All of it, in bytes."""
        sizes = [self.other, *(period.size for period in self.periods.values())]
        known = [size for size in sizes if size is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class ServerUsage:
    """The whole store, in bytes; None where it cannot tell, `limit` 0 where there is none."""

    used: int | None = None
    limit: int | None = None
    fragmentation: float | None = None
    policy: str | None = None


class Usage:
    """Measures it."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def boards(self, game: str | None, name: str | None, now: datetime) -> list[BoardUsage]:
        """What each board costs: of a game, or of all; or the one of that name.

        Raises UnknownBoard, StoreUnavailable.
        """
        if game is not None and name is not None:
            boards = [self._registry.fresh(game, name)]
            keys = boards[0].keys
            pattern = f"lb:{{{game}:{name}#*" if len(boards[0].parts) > 1 else keys.prefix + "*"
        else:
            boards = self._registry.everywhere() if game is None else self._registry.all(game)
            pattern = "lb:{*" if game is None else f"lb:{{{game}:*"
        usages = [BoardUsage(board.game, board.name) for board in boards]
        tallies = {
            part.keys.prefix: self._tally(part, usage, now)
            for board, usage in zip(boards, usages, strict=True)
            for part in board.parts
        }
        for names in self._scan(pattern):
            some = [key for key in map(_split, dict.fromkeys(names)) if key.prefix in tallies]
            self._add([key for key in some if tallies[key.prefix].is_new(key)], tallies)
        return usages

    def server(self) -> ServerUsage:
        """What the store says of itself; of a Cluster the sums, and the worst ratio."""
        try:
            with translated():
                told: list[Any] = [node.info("memory") for _, node in self._store.nodes()]
        except ResponseError:
            return ServerUsage()
        used, most = (_total(info.get(name) for info in told) for name in ("used_memory", "maxmemory"))
        ratios = [info["mem_fragmentation_ratio"] for info in told if "mem_fragmentation_ratio" in info]
        return ServerUsage(used, most, max(ratios, default=None), told[0].get("maxmemory_policy"))

    def _tally(self, board: Board, usage: BoardUsage, now: datetime) -> "_Tally":
        with translated():
            closed = self._store.client.hget(board.keys.meta, "closed")
        unsealed = self._store.run("due", [board.keys.open], ["+inf", -1])
        return _Tally(board, usage, now, int(closed or 0), {as_text(period_id) for period_id in unsealed})

    def _scan(self, pattern: str) -> Iterator[list[str]]:
        with translated():
            nodes = self._store.nodes()
        for _, node in nodes:
            cursor: Any = 0
            while True:
                with translated():
                    cursor, names = node.scan(cursor, match=pattern, count=_KEYS_AT_ONCE)
                yield [as_text(name) for name in names]
                if int(cursor) == 0:
                    break

    def _add(self, some: Sequence["_Key"], tallies: dict[str, "_Tally"]) -> None:
        pipeline = self._store.client.pipeline(transaction=False)
        for key in some:
            pipeline.memory_usage(key.name, samples=_SAMPLES)
            pipeline.ttl(key.name)
            if key.is_standings:
                pipeline.zcard(key.name)
        with translated():
            answers = iter(pipeline.execute(raise_on_error=False) if some else [])
            for key in some:
                size, seconds_left = next(answers), next(answers)
                entries = next(answers) if key.is_standings else 0
                if isinstance(seconds_left, RedisError):
                    raise seconds_left
                if isinstance(entries, ResponseError):  # no standings: somebody else's key under such a name
                    entries = 0
                if isinstance(size, ResponseError):  # a store without MEMORY USAGE
                    size = None
                if seconds_left != _GONE:
                    tallies[key.prefix].add(key, size, seconds_left, entries)


def _total(values: Iterable[int | None]) -> int | None:
    found = [value for value in values if value is not None]
    return sum(found) if found else None


class _Key(NamedTuple):
    """A key, taken apart. `period_id` is that of the period or window that it belongs to."""

    name: str
    prefix: str
    period_id: str | None
    is_standings: bool


def _split(name: str) -> _Key:
    found = _KEY.fullmatch(name)
    if found is None:
        return _Key(name, "", None, is_standings=False)
    period = _PERIOD.fullmatch(found[2])
    return _Key(name, found[1], period and period[1], is_standings=period is not None and period[2] is None)


class _Tally:
    """Adds up the keys of one board, or of one part of it."""

    def __init__(self, board: Board, usage: BoardUsage, now: datetime, closed_ms: int, unsealed: set[str]) -> None:
        self.usage = usage
        self._board = board
        self._now = now
        self._closed_ms = closed_ms
        self._unsealed = unsealed
        self._seen: set[str] = set()

    def is_new(self, key: _Key) -> bool:
        """SCAN may name a key twice; only those of periods are remembered, of markers there may be very many."""
        if key.period_id is None:
            return True
        new = key.name not in self._seen
        self._seen.add(key.name)
        return new

    def add(self, key: _Key, size: int | None, seconds_left: int, entries: int) -> None:
        """Counts a key that is there."""
        usage = self.usage
        if key.period_id is None:
            usage.other_keys += 1
            usage.other = _sum(usage.other, size)
            return
        state, period = self._state(key.period_id), usage.periods.get(key.period_id)
        if period is None:
            period = usage.periods[key.period_id] = PeriodUsage(key.period_id, state)
        if state == "closed":  # in one part, and sealed in another
            period.state = state
        period.size = _sum(period.size, size)
        period.entries += entries
        if key.is_standings and seconds_left >= 0:
            period.seconds_left = max(seconds_left, period.seconds_left or 0)

    def _state(self, period_id: str) -> str:
        if ":" in period_id:
            return "window"
        try:
            period = self._board.named(period_id)
        except ValueError:
            return "unknown"
        if period.name not in self._board.periods:
            return "bucket" if period.name in self._board.kept else "unknown"
        if period.end is None or self._now < period.end:
            return "open"
        return "sealed" if is_past(period, self._closed_ms) and period_id not in self._unsealed else "closed"


def _sum(before: int | None, size: int | None) -> int | None:
    return before if size is None else (before or 0) + size
