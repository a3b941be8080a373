"""One event over time: its figures, as charts, and by the values of its properties."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from leaderboard.errors import InvalidInput, NotFound
from leaderboard.fields import BOARD_NAME
from leaderboard.services import Services
from leaderboard.stats.points import Number, Point
from leaderboard.stats.reading import Group, Reading
from leaderboard.stats.series import MOST_PROPERTIES, Selection
from leaderboard.stats.tables import cut_off
from leaderboard.web import charts
from leaderboard.web.analysis.ranges import Asked, label, tick

MOST_GROUPS: Final = 50  # in the table
_DRAWN: Final = 6  # groups that are lines


@dataclass(slots=True)
class Chosen:
    """Which of the events: those of one property's value, and what they are grouped by."""

    by: list[str]
    where: str = ""
    value: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def selection(self) -> Selection:
        return Selection({self.where: [self.value]} if self.where else {}, self.by)


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The events with some values of properties: None for those without."""

    values: Sequence[str | None]
    total: Point
    share: float


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is of an event in a range. `most_players`: the most that one step had, and which."""

    total: Point
    most_players: tuple[str, int] | None
    charts: Sequence[Markup]
    groups: Sequence[GroupRow] = ()
    more_groups: int = 0
    notes: Sequence[str] = ()


def read_chosen(by: Sequence[str], where: str, value: str) -> Chosen:
    """The choice of a query string; what cannot be is refused by `show`."""
    return Chosen(list(dict.fromkeys(one for one in by if one)), where.strip(), value)


def read_event(wired: Services, game: str, name: str, asked: Asked, chosen: Chosen) -> Reading | None:
    """What there is of it; None, with the reason in the form, where that cannot be. Raises NotFound, Unavailable."""
    if re.fullmatch(BOARD_NAME, name) is None:
        raise NotFound(f"This game has no events named {name!r}.", code="unknown_stat")
    if len(chosen.by) > MOST_PROPERTIES:
        chosen.errors["by"] = [f"Choose {MOST_PROPERTIES} properties at most."]
    if asked.found is None or chosen.errors:
        return None
    now, calendar = wired.clock(), wired.calendar_of(game)
    try:
        return wired.stats.read(game, name, asked.steps, now, calendar, chosen.selection)
    except InvalidInput as error:
        if error.code == "unknown_property":
            where = "by" if "group_by" in error.fields else "where"
            chosen.errors[where] = [error.detail]
        else:
            asked.refuse(error)
        return None


def shown(name: str, reading: Reading, asked: Asked, chosen: Chosen) -> Shown:
    """The reading as figures and charts."""
    labels, ticks = [label(one) for one in asked.steps], [tick(one) for one in asked.steps]
    total = reading.total

    def draw(title: str, values: Mapping[str, Sequence[Number | None]]) -> Markup:
        return charts.line(values, labels, title, ticks=ticks, first=asked.step.capitalize())

    points = reading.points
    drawn = [draw(f"{name}: events", {"Events": [one.count for one in points]})]
    if chosen.by and reading.groups:
        most = {_title(group.key): [one.count for one in group.points] for group in reading.groups[:_DRAWN]}
        drawn.append(draw(f"{name}: events by {', '.join(chosen.by)}", most))
    drawn.append(draw(f"{name}: different players", {"Players": [one.players for one in points]}))
    if total.n:
        drawn.append(draw(f"{name}: sum of values", {"Sum": [one.sum for one in points]}))
        drawn.append(draw(f"{name}: mean value", {"Mean": [one.mean for one in points]}))
    return Shown(
        total,
        _most_players(labels, points),
        drawn,
        [_group_row(group, total.count) for group in reading.groups[:MOST_GROUPS]],
        max(0, len(reading.groups) - MOST_GROUPS),
        [cut_off(prop, count) for prop, count in reading.cut.items()],
    )


def _most_players(labels: Sequence[str], points: Sequence[Point]) -> tuple[str, int] | None:
    known = [(text, one.players) for text, one in zip(labels, points, strict=True) if one.players]
    return max(known, key=lambda pair: pair[1], default=None)


def _group_row(group: Group, everything: int) -> GroupRow:
    total = group.total
    return GroupRow(group.key, total, total.count / everything if everything else 0.0)


def _title(key: Sequence[str | None]) -> str:
    return ", ".join("(none)" if part is None else part for part in key)
