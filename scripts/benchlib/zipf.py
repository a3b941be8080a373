"""Numbers drawn by Zipf's law: of players, few do most."""

import math
import random


class Zipf:
    """Numbers from 1 to `count`, k as often as 1 / k**exponent says; the exponent is above 0.

    Rejection-inversion after W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone
    discrete distributions", ACM Transactions on Modeling and Computer Simulation 6 (3), 1996: a point under the
    continuous curve is drawn by inverting its integral and rounded, and kept if it lies under the histogram too. Exact,
    without a table, and few are drawn twice.
    """

    def __init__(self, count: int, exponent: float = 1.0, seed: int = 1) -> None:
        if count < 1 or exponent <= 0:
            raise ValueError("count and exponent are above 0")
        self._count = count
        self._exponent = exponent
        self._random = random.Random(seed)
        # The curve lies above each bar from k - 1/2 to k + 1/2; that of 1 is as wide as it needs to be, so that all of
        # it is taken.
        self._lowest = self._integral(1.5) - 1
        self._width = self._integral(count + 0.5) - self._lowest

    def draw(self) -> int:
        """The next number."""
        while True:
            area = self._lowest + self._random.random() * self._width
            number = min(self._count, max(1, round(self._inverse(area))))
            if area >= self._integral(number + 0.5) - number**-self._exponent:
                return number

    def _integral(self, x: float) -> float:
        """Of x ** -exponent, from 1."""
        power = 1 - self._exponent
        return math.expm1(power * math.log(x)) / power if power else math.log(x)

    def _inverse(self, area: float) -> float:
        power = 1 - self._exponent
        return math.exp(math.log1p(power * area) / power if power else area)
