"""From the figures of series to those of groups: pure functions over what was read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from leaderboard.stats.points import Point, read, together
from leaderboard.stats.series import MARKS, TOTAL, Key, Selection

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
    """One period: the cell of each series, from its bucket and what is pending."""

    has_bucket: bool = False
    cells: dict[str, Cell] = field(default_factory=dict)

    def add_bucket(self, period_id: str, found: Iterable[tuple[str, bytes | None]], *, may_be_gone: bool) -> None:
        """Takes in what is rolled up; `may_be_gone`: so old that its sketches may not be kept any more."""
        for series, text in found:
            if text is not None and series != MARKS:
                self.has_bucket = True
                point = read(text)
                known = point.players or 0 if may_be_gone else 0
                self.cells[series] = Cell(point, [Sketch(period_id, series, known)])

    def add_pending(self, hour_id: str, found: Iterable[tuple[str, bytes | None]]) -> None:
        """Takes in what an hour has besides."""
        for series, text in found:
            if text is not None:
                cell = self.cells.get(series, Cell())
                self.cells[series] = Cell(cell.point.plus(read(text)), [*cell.sketches, Sketch(hour_id, series, 0)])


def columns(rows: Sequence[Row], wanted: Mapping[Key, Sequence[str]], selection: Selection) -> dict[Key, list[Cell]]:
    """The cells of each group, a period each; `wanted` are the series that make up each group, `rows` have them all.

    Events from before the stat had any properties are in the total alone; they are the rest of it.
    """
    found = {
        key: [joined([row.cells[one] for one in some if one in row.cells]) for row in rows]
        for key, some in wanted.items()
    }
    if selection.takes({}):
        bare = found.setdefault(selection.key({}), [Cell()] * len(rows))
        found[selection.key({})] = [_with_rest(cell, row) for cell, row in zip(bare, rows, strict=True)]
    return found


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


def _with_rest(own: Cell, row: Row) -> Cell:
    total = row.cells.get(TOTAL)
    if total is None:
        return own
    parts = [cell for series, cell in row.cells.items() if series != TOTAL]
    if not parts:
        return total
    rest = total.point.less(joined(parts).point)
    if rest.count <= 0:
        return own
    return Cell(replace(own.point.plus(rest), players=None))
