"""Keeps limits: by the store's word, shared by all workers; while the store is away, each worker its part by itself.

The store decides by scripts and by its own clock. For limits that are large a worker holds permits (`permits.py`).
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from leaderboard.errors import StoreUnavailable
from leaderboard.limits.models import PARTS, Models, Taken
from leaderboard.limits.permits import Permits
from leaderboard.limits.rules import KINDS, Rule
from leaderboard.limits.standing import Standing
from leaderboard.store import keys
from leaderboard.store.connection import Store, translated
from leaderboard.store.scripts import Argument, Call

_AWAY_SECONDS = 0.5  # for which nobody asks a store that did not answer
_LONGEST_ALONE = 5.0  # that somebody is told to wait by a worker that is alone: the store may let more through
_MOST_PERMITS = 20_000
_MOST_BUCKETS = 500  # in one call: bounds how long the store is busy with it
_BUCKETS = "player_submissions"


class Limit(NamedTuple):
    """A limit of somebody's: its name, its rule, and its key in the store."""

    name: str
    rule: Rule
    key: str


class Wish(NamedTuple):
    """How many requests would like to pass a limit."""

    limit: Limit
    wanted: int


class Grant(NamedTuple):
    """How many may, and where they stand; whoever may not, stands as `refused`."""

    granted: int
    standing: Standing
    refused: Standing


@dataclass(slots=True)
class Figures:
    """What became of requests since the process began."""

    refusals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    asked: int = 0  # calls of the store
    alone: int = 0  # decisions of this process by itself


def key_reads(key_id: str, rule: Rule) -> Limit:
    """The reads of an API key."""
    return Limit("key_reads", rule, keys.key_window(key_id, rule.seconds))


def daily_submissions(game: str, rule: Rule) -> Limit:
    """The daily quota of a game."""
    return Limit("daily_submissions", rule, keys.day_quota(game))


def player_submissions(game: str, player: str, rule: Rule) -> Limit:
    """The submissions of a player."""
    return Limit(_BUCKETS, rule, keys.player_bucket(game, rule.seconds, player))


class Keeper:
    """The limits, as one process keeps them."""

    def __init__(
        self,
        store: Store,
        workers: int,
        clock_ms: Callable[[], int],
        *,
        is_cluster: bool = False,
        seconds: Callable[[], float] = time.monotonic,
        store_ms: Callable[[], int] | None = None,
    ) -> None:
        """`clock_ms`: Unix milliseconds, for when the store is away; `is_cluster`: a part of it may be;
        `seconds`: a clock that never goes back; `store_ms`: in place of the store's clock.
        """
        self.figures = Figures()
        self.store_ms = store_ms
        self._store = store
        self._workers = workers
        self._clock_ms = clock_ms
        self._seconds = seconds
        self._is_cluster = is_cluster
        self._away_until: dict[str, float] = {}  # what is away, see `_part_of`
        self._models = Models(workers)
        self._permits: dict[str, Permits] = {}
        self._guard = threading.Lock()

    def decide(self, limit: Limit) -> Grant | None:
        """Whether one request may pass, where that can be said without asking the store; else None."""
        now = self._seconds()
        if self._is_away(limit.key, now):
            return self._alone(limit, 1, 0)
        with self._guard:
            permits = self._permits.get(limit.key)
            if permits is None or permits.rule != limit.rule:
                return None
            granted = permits.draw(1, now)
            return self._grant(permits, granted, 1, now) if granted or permits.is_refused(now) else None

    def decide_alone(self, limit: Limit) -> Grant:
        """Whether one request may pass, by what this process knows: the store has let somebody wait in vain."""
        self._leave_alone(limit.key)
        return self._alone(limit, 1, 0)

    def take(self, wishes: Sequence[Wish]) -> list[Grant]:
        """Lets through as many of each as may be, of limits that permits are taken of; asks the store once."""
        now = self._seconds()
        taken: dict[int, list[int] | None] = {
            number: None for number, (limit, _) in enumerate(wishes) if self._is_away(limit.key, now)
        }
        drawn: list[int] = []
        calls: list[Call] = []
        asking: list[int] = []
        with self._guard:
            for number, (limit, wanted) in enumerate(wishes):
                if number in taken:
                    drawn.append(0)
                    continue
                permits = self._permits_of(limit)
                drawn.append(permits.draw(wanted, now))
                if drawn[-1] < wanted and not permits.is_refused(now):
                    asked, back = permits.ask(wanted - drawn[-1], now)
                    calls.append(_call(limit, asked, back, self._stamp()))
                    asking.append(number)
        taken |= dict(zip(asking, self._ask(calls), strict=True))
        grants = []
        for number, (limit, wanted) in enumerate(wishes):
            if number in taken and taken[number] is None:
                grants.append(self._alone(limit, wanted, drawn[number]))
            else:
                grants.append(self._settled(limit, wanted, drawn[number], taken.get(number)))
        return grants

    def take_tokens(self, wishes: Sequence[Wish]) -> list[Grant]:
        """The same of buckets, of which nothing is taken in advance; below 0 are tokens that are given back.

        All are of one moment, but of any games.
        """
        now = self._seconds()
        groups: dict[tuple[str, Rule], list[int]] = {}
        for number, (limit, _) in enumerate(wishes):
            if not self._is_away(limit.key, now):
                groups.setdefault((_tag_of(limit.key), limit.rule), []).append(number)
        chunks = [
            group[start : start + _MOST_BUCKETS]
            for group in groups.values()
            for start in range(0, len(group), _MOST_BUCKETS)
        ]
        calls = [_bucket_call([wishes[number] for number in chunk], self._stamp()) for chunk in chunks]
        found: dict[int, list[int]] = {}
        for chunk, answer in zip(chunks, self._ask(calls), strict=True):
            if answer is not None:
                found |= {number: answer[4 * place : 4 * place + 4] for place, number in enumerate(chunk)}
        return [
            self._counted(limit, wanted, Taken(*found[number])) if number in found else self._alone(limit, wanted, 0)
            for number, (limit, wanted) in enumerate(wishes)
        ]

    def forget(self, limit: Limit) -> None:
        """As if nobody had asked yet. Raises StoreUnavailable."""
        with translated():
            self._store.client.delete(limit.key)

    def _ask(self, calls: Sequence[Call]) -> list[list[int] | None]:
        """What the store answers; None for what it cannot. What of it is away is left alone for a moment."""
        if not calls:
            return []
        try:
            answers = self._store.run_all(calls, resend=False, keep_errors=True)
        except StoreUnavailable as error:
            answers = [error] * len(calls)
            self._leave_alone(calls[0].keys[0])
        else:
            with self._guard:
                self.figures.asked += len(calls)
        found = [_numbers(answer) for answer in answers]
        if self._is_cluster:
            for call, answer in zip(calls, found, strict=True):
                if answer is None:
                    self._leave_alone(call.keys[0])
        return found

    def _is_away(self, key: str, now: float) -> bool:
        return bool(self._away_until) and now < self._away_until.get(self._part_of(key), 0.0)

    def _leave_alone(self, key: str) -> None:
        with self._guard:
            if len(self._away_until) >= _MOST_PERMITS:
                self._away_until.clear()
            self._away_until[self._part_of(key)] = self._seconds() + _AWAY_SECONDS

    def _part_of(self, key: str) -> str:
        """Of the store, what is away at the same time: all, or in a Cluster what lies in one slot."""
        return _tag_of(key) if self._is_cluster else ""

    def _settled(self, limit: Limit, wanted: int, drawn: int, answer: Iterable[int] | None) -> Grant:
        now = self._seconds()
        with self._guard:
            permits, granted = self._permits_of(limit), drawn
            if answer is not None:
                granted += permits.settle(wanted - drawn, Taken(*answer), now)
            return self._grant(permits, granted, wanted, now)

    def _grant(self, permits: Permits, granted: int, wanted: int, now: float) -> Grant:
        self.figures.refusals[permits.name] += wanted - granted
        passing = permits.standing(now, is_refused=False)
        return Grant(granted, passing, permits.standing(now, is_refused=True) if granted < wanted else passing)

    def _permits_of(self, limit: Limit) -> Permits:
        found = self._permits.get(limit.key)
        if found is None or found.rule != limit.rule:
            if len(self._permits) >= _MOST_PERMITS:
                del self._permits[next(iter(self._permits))]
            found = self._permits[limit.key] = Permits.of(limit.name, limit.rule, self._workers)
        return found

    def _alone(self, limit: Limit, wanted: int, drawn: int) -> Grant:
        """Of this worker's part; `drawn` were let through already."""
        taken = self._models.take(limit.key, limit.rule, wanted - drawn, self._clock_ms())
        with self._guard:
            self.figures.alone += 1
        wait_ms = min(taken.wait_ms, int(_LONGEST_ALONE * 1000))
        return self._counted(limit, wanted, taken._replace(granted=taken.granted + drawn, wait_ms=wait_ms))

    def _counted(self, limit: Limit, wanted: int, taken: Taken) -> Grant:
        with self._guard:
            self.figures.refusals[limit.name] += wanted - taken.granted
        passing = Standing(limit.name, limit.rule, False, taken.left, taken.reset_ms / 1000)  # noqa: FBT003
        refused = Standing(limit.name, limit.rule, True, 0, taken.wait_ms / 1000)  # noqa: FBT003
        return Grant(taken.granted, passing, refused)

    def _stamp(self) -> str:
        return "" if self.store_ms is None else str(self.store_ms())


def _tag_of(key: str) -> str:
    return key[: key.index("}")]


def _numbers(answer: Any) -> list[int] | None:
    """A script's answer; None where its node is away. Raises what is a mistake of ours."""
    if isinstance(answer, StoreUnavailable):
        return None
    if isinstance(answer, Exception):
        raise answer
    return [int(part) for part in answer]


def _call(limit: Limit, wanted: int, back: int, stamp: str) -> Call:
    rule, milliseconds = limit.rule, limit.rule.seconds * 1000
    if rule.kind == "window":
        return Call("limit_window", [limit.key], [rule.amount, milliseconds // PARTS, PARTS, wanted, back, stamp])
    return Call("limit_day", [limit.key], [rule.amount, milliseconds, wanted, back, stamp])


def _bucket_call(wishes: Sequence[Wish], stamp: str) -> Call:
    """Of buckets in one slot, by one rule."""
    rule = wishes[0].limit.rule
    arguments: list[Argument] = [rule.amount, rule.seconds * 1000, rule.burst, stamp, *(wanted for _, wanted in wishes)]
    return Call("limit_bucket", [limit.key for limit, _ in wishes], arguments)
