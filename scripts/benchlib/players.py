"""The players of a run: their ids, their bests, and what they submit next.

Ids and scores all have the same width, so that requests are made from templates and bulk ones patched in place.
"""

import math
import random
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from benchlib.zipf import Zipf

Drawn = Literal["uniform", "zipf"]
IMPROVING = 0.1  # share of submissions that are a personal best
MOST = 10_000_000
_LOWEST, _HIGHEST, _MOST_BELOW, _MOST_ABOVE = 20_000_000, 60_000_000, 9_000_000, 100  # eight digits, whatever is played
_PLACEHOLDER = 77_777_777
_POOL = 131_072
_GOLDEN = (math.sqrt(5) - 1) / 2


class Players:
    """So many players; the same seed makes the same ones."""

    def __init__(self, count: int, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        self._zipf: list[int] = []
        self.count = count
        self.best = array("q", (self._random.randrange(_LOWEST, _HIGHEST) for _ in range(count)))

    @staticmethod
    def name(number: int) -> str:
        """A player's id."""
        return f"player-{number:07d}"

    def draws(self, drawn: Drawn) -> Iterator[int]:
        """Players without end: all alike, or a few much more often than the others (Zipf, exponent 1)."""
        if drawn == "zipf":
            self._zipf = self._zipf or self._drawn_by_zipf()
            while True:
                yield from self._zipf
        chance, count = self._random.random, self.count
        while True:
            yield int(chance() * count)

    def improve(self, player: int) -> int:
        """A score above the player's best, which it becomes."""
        self.best[player] += 1 + int(self._random.random() * _MOST_ABOVE)
        return self.best[player]

    def attempts(self, drawn: Drawn, improving: float = IMPROVING) -> Iterator[tuple[int, int]]:
        """Players and their next scores, of which that share is a personal best."""
        chance, best = self._random.random, self.best
        for player in self.draws(drawn):
            if chance() < improving:
                yield player, self.improve(player)
            else:
                yield player, best[player] - int(chance() * _MOST_BELOW)

    def chunks(self, size: int) -> Iterator[Sequence[int]]:
        """All players, so many at a time."""
        for start in range(0, self.count, size):
            yield range(start, min(start + size, self.count))

    def bulks(
        self, item: Callable[[int, int], bytes], size: int, *, drawn: Drawn = "uniform", improving: float = IMPROVING
    ) -> Iterator[bytes]:
        """Endless bulks of `size` items, of which that share is a personal best.

        A pool of them is rendered once; each time one is used again, only the improving scores are put in anew. Drawn
        evenly, nobody is in the pool twice.
        """
        width = len(item(0, _PLACEHOLDER))
        places = [found.start() for found in re.finditer(str(_PLACEHOLDER).encode(), item(0, _PLACEHOLDER))]
        bulks = list(self._pool(item, size, drawn, improving))
        while True:
            for body, better in bulks:
                for at, player in better:
                    score = b"%d" % self.improve(player)
                    for place in places:
                        start = at * width + place
                        body[start : start + len(score)] = score
                yield bytes(body)

    def _pool(
        self, item: Callable[[int, int], bytes], size: int, drawn: Drawn, improving: float
    ) -> Iterator[tuple[bytearray, list[tuple[int, int]]]]:
        bulks = max(1, min(_POOL, self.count) // size)
        if drawn == "zipf":
            draw = self.draws(drawn)
            chosen = [next(draw) for _ in range(bulks * size)]
        else:
            chosen = self._random.sample(range(self.count), bulks * size)
        for start in range(0, len(chosen), size):
            some = chosen[start : start + size]
            body = b"".join(item(player, self.best[player] - self._random.randrange(_MOST_BELOW)) for player in some)
            # In order: who is drawn twice must not improve the other way round.
            better = sorted(self._random.sample(range(size), round(size * improving)))
            yield bytearray(body), [(at, some[at]) for at in better]

    def _drawn_by_zipf(self) -> list[int]:
        """Who is how active has nothing to do with ids and scores: the ranks are spread over all players."""
        step = int(self.count * _GOLDEN) | 1
        while math.gcd(step, self.count) != 1:
            step += 2
        zipf = Zipf(self.count, seed=self._seed)
        return [(zipf.draw() * step) % self.count for _ in range(_POOL)]
