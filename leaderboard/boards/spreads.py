"""How the scores of a period are spread: percentiles and bins, worked out from a few rows and counts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from leaderboard.boards.views import Stamp, View, key_text
from leaderboard.numerals import Score, present

Bin = tuple[Score, Score, int]  # from, to, how many scores


@dataclass(frozen=True, slots=True)
class Analysis:
    """How the scores of a period are spread."""

    stamp: Stamp
    low: Score | None
    high: Score | None
    percentiles: Sequence[Score | None]
    bins: list[Bin]


def share(percent: Fraction) -> str:
    """What share of the standings, counted from the best, is ahead of `percent` % of them."""
    return repr(float((100 - percent) / 100))


def reached(view: View, total: int, percent: Fraction, near: int, rows: Sequence[bytes]) -> Score:
    """The score at that share, from the rows next to it, the first of which has the index `near`."""
    place = (100 - percent) / 100 * (total - 1)
    scores = [view.board.ordering.exact_score(float(key)) for key in rows[1::2]]
    better = scores[math.floor(place) - near]
    worse = scores[math.ceil(place) - near]
    return view.board.ordering.present(better + (worse - better) * (place - math.floor(place)))


def ends(view: View, *rows: Sequence[bytes]) -> list[Fraction]:
    """The scores of some rows, ascending."""
    return sorted(view.board.ordering.exact_score(float(row[1])) for row in rows)


def edges(ends: Sequence[Fraction], bins: int) -> list[Score]:
    """The borders of bins of equal width; of a single one, where there is but one score."""
    if ends[0] == ends[1]:
        return [present(ends[0])] * 2
    return [present(ends[0] + (ends[1] - ends[0]) * number / bins) for number in range(bins + 1)]


def bins(edges: Sequence[Score], total: int, reaching: Sequence[int]) -> list[Bin]:
    """What lies between the edges; `reaching`: how many scores reach each but the first and the last."""
    at_least = [total, *reaching, 0]
    return [(edges[n], edges[n + 1], at_least[n] - at_least[n + 1]) for n in range(len(edges) - 1)]


def reaching(view: View, edges: Sequence[Score]) -> list[str]:
    """The ranges of keys whose scores reach each edge."""
    ranges: list[str] = []
    for edge in edges:
        first, last = view.board.ordering.reaching(edge)
        ranges += [key_text(first), key_text(last)]
    return ranges
