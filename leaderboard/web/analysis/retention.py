"""How many come back: a table of cohorts, shaded by tens of percent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leaderboard.stats.activity.reading import Cohort
from leaderboard.web.analysis.ranges import label

USUAL: Final = "1,3,7,14,30"
MOST_DAYS: Final = 366  # cohorts of a page
_MOST_OFFSETS: Final = 20
_LONGEST: Final = 365
_PROBLEM: Final = f"1 to {_MOST_OFFSETS} different whole numbers from 1 to {_LONGEST}, between commas."


@dataclass(frozen=True, slots=True)
class Cell:
    """A share, and how dark it is: 0 to 10. None of both where there is nothing to tell."""

    share: float | None
    players: int | None = None

    @property
    def heat(self) -> str:
        """The class of its shade."""
        return "heat--none" if self.share is None else f"heat--{int(self.share * 10 + 1e-9)}"


@dataclass(frozen=True, slots=True)
class CohortRow:
    """Those who were new on a day."""

    day: str
    size: int
    cells: Sequence[Cell]


def read_offsets(text: str) -> list[int]:
    """Numbers of days between commas. Raises ValueError, with the reason."""
    parts = [part.strip() for part in text.split(",")]
    if not 1 <= len(parts) <= _MOST_OFFSETS or not all(re.fullmatch("[1-9][0-9]{0,2}", part) for part in parts):
        raise ValueError(_PROBLEM)
    offsets = [int(part) for part in parts]
    if max(offsets) > _LONGEST or len(set(offsets)) < len(offsets):
        raise ValueError(_PROBLEM)
    return offsets


def rows_of(cohorts: Sequence[Cohort], offsets: Sequence[int]) -> list[CohortRow]:
    """A row a cohort, newest first; days on which nobody was new are left out."""
    return [
        CohortRow(label(one.day), one.size, [Cell(one.share(n), one.active[n]) for n in offsets])
        for one in reversed(cohorts)
        if one.size
    ]


def overall(cohorts: Sequence[Cohort], offsets: Sequence[int]) -> list[Cell]:
    """The share over all cohorts of which it can be told already, by their sizes."""
    cells = []
    for n in offsets:
        known = [(one.size, active) for one in cohorts if (active := one.active[n]) is not None]
        size, came = sum(size for size, _ in known), sum(active for _, active in known)
        cells.append(Cell(came / size, came) if size else Cell(None))
    return cells
