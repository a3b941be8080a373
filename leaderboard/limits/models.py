"""The three kinds of limits in this process's memory: what the store's scripts do, step by step, in Python.

They decide for a worker while the store is away, and the scripts are tested against them. All numbers are integers, so
that both reckon exactly the same; times are Unix milliseconds.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import accumulate
from threading import Lock
from typing import Final, NamedTuple, Protocol

from leaderboard.limits.rules import Kind, Rule

PARTS: Final = 1000  # of a sliding window: how finely it slides
_MOST_MODELS = 20_000


class Taken(NamedTuple):
    """How many were let through; how many more would be; how long until one more is, and until all are."""

    granted: int
    left: int
    wait_ms: int
    reset_ms: int


class Model(Protocol):
    """A limit that is kept here."""

    def take(self, wanted: int, now_ms: int, back: int = 0) -> Taken:
        """Lets through as many of `wanted` as may be. `back`: of what was let through before, was not made use of;

        a bucket takes that as a `wanted` below 0.
        """
        ...


class Bucket:
    """A token bucket: `amount` tokens flow in over the rule's seconds, at most `burst` are in it.

    A token is as many units as those seconds have milliseconds, so each millisecond brings `amount` units.
    """

    def __init__(self, rule: Rule) -> None:
        self._flow, self._token = rule.amount, rule.seconds * 1000
        self._most = rule.burst * self._token
        self._level, self._at = self._most, 0

    def take(self, wanted: int, now_ms: int, back: int = 0) -> Taken:  # noqa: ARG002 - nothing is taken in advance
        # A clock that was set back brings nothing, and from then on is the one that counts.
        self._level = min(self._most, self._level + max(0, now_ms - self._at) * self._flow)
        self._at = now_ms
        granted = min(wanted, self._level // self._token)
        self._level = min(self._most, self._level - granted * self._token)
        left = self._level // self._token
        wait = 0 if left else _ceil(self._token - self._level, self._flow)
        return Taken(granted, left, wait, _ceil(self._most - self._level, self._flow))


class Window:
    """A sliding window: never more than `amount` in any stretch of the rule's seconds.

    What was let through is counted by parts of the window. A part counts until all of it lies behind, so what is let
    through is at most a thousandth less than could be, and never more.
    """

    def __init__(self, rule: Rule) -> None:
        self._limit, self._part_ms = rule.amount, rule.seconds * 1000 // PARTS
        self._parts: deque[list[int]] = deque()  # [number of the part, count], oldest first
        self._total = 0

    def take(self, wanted: int, now_ms: int, back: int = 0) -> Taken:
        parts, number = self._parts, now_ms // self._part_ms
        self._move(number)
        self._give_back(back)
        granted = max(0, min(wanted, self._limit - self._total))
        self._total += granted
        if granted and parts and parts[-1][0] == number:
            parts[-1][1] += granted
        elif granted:
            parts.append([number, granted])
        left = max(0, self._limit - self._total)
        wait = 0 if left or not parts else (self._next_to_go() + PARTS + 1) * self._part_ms - now_ms
        reset = (parts[-1][0] + PARTS + 1) * self._part_ms - now_ms if parts else 0
        return Taken(granted, left, wait, reset)

    def _move(self, number: int) -> None:
        """Slides it to that part."""
        parts = self._parts
        while parts and parts[0][0] < number - PARTS:
            self._total -= parts.popleft()[1]
        if parts and parts[-1][0] > number:  # the clock was set back: the newest is of now, the others as long before
            back = parts[-1][0] - number
            for part in parts:
                part[0] -= back

    def _next_to_go(self) -> int:
        """The part that makes room for one more: the first, unless the limit was lowered."""
        gone = accumulate(count for _, count in self._parts)
        return next(
            part for (part, _), count in zip(self._parts, gone, strict=True) if self._total - count < self._limit
        )

    def _give_back(self, count: int) -> None:
        """The newest first."""
        parts = self._parts
        while count and parts:
            given = min(count, parts[-1][1])
            count -= given
            self._total -= given
            parts[-1][1] -= given
            if not parts[-1][1]:
                parts.pop()


class Day:
    """A fixed window: `amount` from one full multiple of the rule's seconds to the next; a day begins at 0:00 UTC."""

    def __init__(self, rule: Rule) -> None:
        self._limit, self._length_ms = rule.amount, rule.seconds * 1000
        self._number, self._count = 0, 0

    def take(self, wanted: int, now_ms: int, back: int = 0) -> Taken:
        number = now_ms // self._length_ms
        # A clock that was set back over midnight takes the count along: no second quota, and it ends with this day.
        self._count = max(0, self._count - back) if number <= self._number else 0
        self._number = number
        granted = max(0, min(wanted, self._limit - self._count))
        self._count += granted
        left = max(0, self._limit - self._count)
        reset = (number + 1) * self._length_ms - now_ms
        return Taken(granted, left, 0 if left else reset, reset)


_MODELS: dict[Kind, Callable[[Rule], Model]] = {"bucket": Bucket, "window": Window, "day": Day}


def model_of(rule: Rule) -> Model:
    """A limit of which nothing was used."""
    return _MODELS[rule.kind](rule)


class Models:
    """The limits that a worker keeps by itself, the least recently used going first."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._kept: OrderedDict[tuple[str, Rule], Model] = OrderedDict()
        self._guard = Lock()

    def take(self, key: str, rule: Rule, wanted: int, now_ms: int) -> Taken:
        """Lets through this worker's share."""
        with self._guard:
            model = self._kept.pop((key, rule), None) or model_of(rule.share_of(self._workers))
            self._kept[key, rule] = model
            if len(self._kept) > _MOST_MODELS:
                self._kept.popitem(last=False)
            return model.take(wanted, now_ms)


def _ceil(amount: int, by: int) -> int:
    return -(-amount // by)
