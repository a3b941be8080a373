"""From the figures of series to those of groups: pure functions over what was read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from leaderboard.stats.points import Point, read, together
from leaderboard.stats.series import MARKS, PLAIN, TOTAL, Key

_NOTHING = Point()


class Sketch(NamedTuple):
    """The sketch of a series' players in a bucket; it may be gone although it had `known` players, 0 if it cannot."""

    bucket_id: str
    series: str
    known: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One period of one group: its figures, and the sketches that together have its players."""

    point: Point = _NOTHING
    sketches: Sequence[Sketch] = ()

    def counted(self, players: int, *, is_complete: bool) -> Point:
        """The point with so many players in its sketches; `is_complete`: none of them is gone."""
        if is_complete:
            return replace(self.point, players=players)
        known = [sketch.known for sketch in self.sketches if sketch.known]
        # What was counted when it was there is still true if nobody is to be counted with it.
        return replace(self.point, players=known[0] if len(known) == 1 and not players else None)


@dataclass(slots=True)
class Row:
    """One period: the cell of each series, from its buckets and what is pending. Which buckets were there."""

    cells: dict[str, Cell] = field(default_factory=dict)
    buckets: set[str] = field(default_factory=set)

    def add_bucket(self, bucket_id: str, found: Mapping[str, bytes], *, may_be_gone: bool) -> None:
        """Takes in what is rolled up; `may_be_gone`: so old that its sketches may not be kept any more."""
        if found:
            self.buckets.add(bucket_id)
        self._add(bucket_id, found, may_be_gone=may_be_gone)

    def add_pending(self, hour_id: str, found: Mapping[str, bytes]) -> None:
        """Takes in what an hour has besides."""
        self._add(hour_id, found, may_be_gone=False)

    def _add(self, bucket_id: str, found: Mapping[str, bytes], *, may_be_gone: bool) -> None:
        for series, text in found.items():
            if series == MARKS:
                continue
            point = read(text)
            sketches = []
            if point.players:  # there are some, or were
                sketches = [Sketch(bucket_id, series, point.players if may_be_gone else 0)]
            self._put(series, point, sketches)
            if series == TOTAL and PLAIN not in found:  # not split: all of it is without properties
                self._put(PLAIN, point, sketches)

    def _put(self, series: str, point: Point, sketches: list[Sketch]) -> None:
        cell = self.cells.get(series)
        players = None if point.players is None else 0
        if cell is None:
            self.cells[series] = Cell(replace(point, players=players), sketches)
            return
        known = None if cell.point.players is None else players
        self.cells[series] = Cell(replace(cell.point.plus(point), players=known), [*cell.sketches, *sketches])


def columns(rows: Sequence[Row], wanted: Mapping[Key, Sequence[str]]) -> dict[Key, list[Cell]]:
    """The cells of each group, a period each; `wanted` are the series that make up each group."""
    return {
        key: [joined([row.cells[one] for one in some if one in row.cells]) for row in rows]
        for key, some in wanted.items()
    }


def joined(cells: Sequence[Cell]) -> Cell:
    """All together; the players are not known where those of one are not."""
    if len(cells) == 1:
        return cells[0]
    if not cells:
        return Cell()
    players = None if any(cell.point.players is None for cell in cells) else 0
    point = replace(together(cell.point for cell in cells), players=players)
    return Cell(point, [sketch for cell in cells for sketch in cell.sketches])


def totals(rows: Sequence[Row]) -> list[Cell]:
    """All events of each period."""
    return [row.cells.get(TOTAL, Cell()) for row in rows]


def present(rows: Iterable[Row]) -> set[str]:
    """The series that have events in these periods."""
    return {series for row in rows for series in row.cells}
