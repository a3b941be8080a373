"""The players of a run: their ids, their bests, and what they submit next.

Ids and scores all have the same width, so that requests are made from templates and bulk ones patched in place.
"""

import random
import re
from array import array
from collections.abc import Callable, Iterator, Sequence

IMPROVING = 0.1  # share of submissions that are a personal best
_LOWEST, _HIGHEST, _MOST_BELOW, _MOST_ABOVE = 2_000_000, 6_000_000, 900_000, 1000  # seven digits, whatever is played
_PLACEHOLDER = 7_777_777


class Players:
    """So many players; the same seed makes the same ones."""

    def __init__(self, count: int, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self.count = count
        self.best = array("q", (self._random.randrange(_LOWEST, _HIGHEST) for _ in range(count)))

    @staticmethod
    def name(number: int) -> str:
        """A player's id."""
        return f"player-{number:06d}"

    def random(self) -> int:
        """Any player, all alike."""
        return int(self._random.random() * self.count)

    def improve(self, player: int) -> int:
        """A score above the player's best, which it becomes."""
        self.best[player] += 1 + int(self._random.random() * _MOST_ABOVE)
        return self.best[player]

    def attempt(self) -> tuple[int, int]:
        """Some player's next score: mostly no personal best."""
        player = self.random()
        if self._random.random() < IMPROVING:
            return player, self.improve(player)
        return player, self.best[player] - int(self._random.random() * _MOST_BELOW)

    def chunks(self, size: int) -> Iterator[Sequence[int]]:
        """All players, so many at a time."""
        for start in range(0, self.count, size):
            yield range(start, min(start + size, self.count))

    def bulks(self, item: Callable[[int, int], bytes], size: int, pool: int = 64) -> Iterator[bytes]:
        """Endless bulks of `size` items, as many of them improving as among single submissions.

        They are rendered once; each time one is used again, only the improving scores are put in anew.
        """
        width = len(item(0, _PLACEHOLDER))
        places = [found.start() for found in re.finditer(str(_PLACEHOLDER).encode(), item(0, _PLACEHOLDER))]
        bulks = [self._bulk(item, size) for _ in range(pool)]
        while True:
            for body, improving in bulks:
                for at, player in improving:
                    score = b"%d" % self.improve(player)
                    for place in places:
                        start = at * width + place
                        body[start : start + len(score)] = score
                yield bytes(body)

    def _bulk(self, item: Callable[[int, int], bytes], size: int) -> tuple[bytearray, list[tuple[int, int]]]:
        chosen = self._random.sample(range(self.count), size)
        improving = self._random.sample(range(size), round(size * IMPROVING))
        body = b"".join(item(player, self.best[player] - self._random.randrange(_MOST_BELOW)) for player in chosen)
        return bytearray(body), [(at, chosen[at]) for at in improving]
