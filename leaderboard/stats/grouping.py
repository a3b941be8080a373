"""From the figures of series to those of groups: pure functions over what was read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from leaderboard.stats.points import Point, read, together
from leaderboard.stats.series import MARKS, TOTAL, Key, Selection

_NOTHING = Point()


@dataclass(frozen=True, slots=True)
class Cell:
    """One period of one group: its figures, and where the sketches of its players are (id of the bucket, series)."""

    point: Point = _NOTHING
    sketches: Sequence[tuple[str, str]] = ()

    def counted(self, players: int) -> Point:
        """The point with the players that its sketches count; its own are those of when it was last rolled up."""
        known = self.point.players or 0
        if players >= known or len({series for _, series in self.sketches}) == 1:
            return replace(self.point, players=max(players, known))
        return replace(self.point, players=None)  # a sketch is gone, and the series cannot be told apart any more


@dataclass(slots=True)
class Row:
    """One period: the cell of each series, from its bucket and what is pending."""

    cells: dict[str, Cell] = field(default_factory=dict)

    def add(self, bucket_id: str, found: Iterable[tuple[str, bytes | None]]) -> None:
        """Takes in what a bucket has of some series, or of all."""
        for series, text in found:
            if text is not None and series != MARKS:
                cell, more = self.cells.get(series), read(text)
                point = cell.point.plus(more) if cell else more
                self.cells[series] = Cell(point, [*(cell.sketches if cell else ()), (bucket_id, series)])


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
    """All together. Its point's players are the most that one of them is known to have had; None if one is unknown."""
    if len(cells) == 1:
        return cells[0]
    if not cells:
        return Cell()
    players = [cell.point.players for cell in cells]
    most = None if None in players else max(one for one in players if one is not None)
    point = replace(together(cell.point for cell in cells), players=most)
    return Cell(point, [sketch for cell in cells for sketch in cell.sketches])


def totals(rows: Sequence[Row]) -> list[Cell]:
    """All events of each period."""
    return [row.cells.get(TOTAL, Cell()) for row in rows]


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
