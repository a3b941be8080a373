"""The k-th smallest of keys that lie in several sorted lists, by a few samples of each a round.

Pure: who has a `Selection` asks every list for what lies in its `ranges` (between.lua) and hands the answers to
`learn`, until nothing is left to ask. A round leaves about two gaps between samples of each list. Lists that change
meanwhile are no trouble: every round counts from scratch, and where a key has left its range the range is opened again.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Range = tuple[float, float]  # the keys it lies between, itself without them


class Samples(NamedTuple):
    """What a list says of a range: how many keys it has below the first, up to it, inside, and up to the last; and some
    of those inside at even distances, or all of them."""

    below: int
    upto: int
    inside: int
    upto_last: int
    keys: Sequence[float]

    @property
    def is_whole(self) -> bool:
        """Whether these are all."""
        return len(self.keys) == self.inside

    def lower(self, key: float) -> tuple[int, int]:
        """How many inside are smaller: at least, at most."""
        return self._counted(bisect_left(self.keys, key))

    def upper(self, key: float) -> tuple[int, int]:
        """How many inside are at most as great: at least, at most."""
        return self._counted(bisect_right(self.keys, key))

    def _counted(self, samples: int) -> tuple[int, int]:
        """How many keys there are before a place that has so many samples before it."""
        if samples in (0, len(self.keys)):
            found = self.inside if samples else 0
            return found, found
        return self._index(samples - 1) + 1, self._index(samples)

    def _index(self, number: int) -> int:
        return number if self.is_whole else number * (self.inside - 1) // (len(self.keys) - 1)


class Selection:
    """Looks for the keys at some indices of all lists together, 0 being the smallest."""

    def __init__(self, indices: Iterable[int]) -> None:
        self.found: dict[int, float] = {}
        self._ranges: dict[int, Range] = dict.fromkeys(indices, (-math.inf, math.inf))

    @property
    def ranges(self) -> list[Range]:
        """What is to be asked next; nothing when all is found."""
        return list(dict.fromkeys(self._ranges.values()))

    def learn(self, answers: Sequence[Sequence[Samples]]) -> None:
        """Takes what each list says of each of `ranges`, in their order."""
        by_range = dict(zip(self.ranges, zip(*answers, strict=True), strict=True))
        for index, asked in list(self._ranges.items()):
            next_range = self._narrowed(index, asked, by_range[asked])
            if next_range is None:
                del self._ranges[index]
            else:
                self._ranges[index] = next_range

    def _narrowed(self, index: int, asked: Range, lists: Sequence[Samples]) -> Range | None:
        """The range to look in next, or None where the key is found."""
        low, high = asked
        upto, inside = sum(one.upto for one in lists), sum(one.inside for one in lists)
        # Where there are fewer keys by now, the last one stands for those behind it.
        place = min(index, upto + inside - 1) if high == math.inf else index
        if place < sum(one.below for one in lists):
            return -math.inf, low
        if upto <= place < upto + inside:
            return self._inside(index, place - upto, lists)
        if place >= upto and place >= sum(one.upto_last for one in lists):
            return high, math.inf
        self.found[index] = low if place < upto else high
        return None

    def _inside(self, index: int, place: int, lists: Sequence[Samples]) -> Range | None:
        keys = sorted(key for one in lists for key in one.keys)
        if all(one.is_whole for one in lists):
            self.found[index] = keys[place]
            return None
        # The last key that surely no more than `place` are ahead of, the first that surely more are not behind.
        first = bisect_right(keys, place, key=lambda key: sum(one.lower(key)[1] for one in lists)) - 1
        last = bisect_left(keys, place + 1, key=lambda key: sum(one.upper(key)[0] for one in lists))
        if keys[first] < keys[last]:
            return keys[first], keys[last]
        self.found[index] = keys[last]
        return None
