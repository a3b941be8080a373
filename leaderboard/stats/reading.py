"""Reading stats: what is rolled up and what is pending, together, by the step and by the group."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leaderboard.errors import InvalidInput, NotFound
from leaderboard.stats.counting import with_players
from leaderboard.stats.grouping import Cell, Row, columns, joined, present, totals
from leaderboard.stats.lifetimes import CalendarLike, Lifetimes, PeriodLike, span
from leaderboard.stats.pieces import bounded
from leaderboard.stats.points import Point, together
from leaderboard.stats.rollup import mark_of
from leaderboard.stats.series import MARKS, TOTAL, Key, Selection, groups, property_names
from leaderboard.stats.slots import slots_of
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.stat_keys import StatKeys, stat_names

_FIELDS_AT_ONCE = 20_000  # read in one transaction, during which the store does nothing else
MOST_POINTS = 50_000
_MOST_CELLS = 250_000  # combinations, in every step and pending hour, that one read looks through
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Group:
    """The events with these values of the properties that are grouped by; a point for every period."""

    key: Key
    points: list[Point]

    @property
    def total(self) -> Point:
        return together(self.points)


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer: all selected events together, and by group, most events first; properties that were cut off."""

    points: list[Point]
    groups: list[Group] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Point:
        return together(self.points)


class StatReader:
    """Reads the stats of all games. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, lifetimes: Lifetimes) -> None:
        self._store = store
        self._lifetimes = lifetimes

    def names(self, game: str) -> dict[str, list[str]]:
        """The names of a game's stats, in order, with their properties."""
        with translated():
            names = sorted(map(as_text, self._store.client.smembers(stat_names(game))))
            pipeline = self._store.client.pipeline(transaction=False)
            for name in names:
                pipeline.hkeys(StatKeys(game, name).series)
            found = pipeline.execute()
        return {name: property_names(map(as_text, series)) for name, series in zip(names, found, strict=True)}

    def read(
        self,
        game: str,
        name: str,
        periods: Sequence[PeriodLike],
        now: datetime,
        calendar: CalendarLike,
        selection: Selection | None = None,
    ) -> Reading:
        """What a stat has of periods in a row, all of one name, rolled up or not.

        Raises NotFound (`unknown_stat`), InvalidInput (`step_not_kept`, `too_many_points`), ValueError for a period
        that stats do not have.
        """
        keys, selection = StatKeys(game, name), selection or Selection()
        series, cut = self._series(game, name, periods, calendar, selection)
        _check_known(selection, series, cut)
        rows = self._rows(keys, periods, now, calendar, 1 if selection.is_all else 1 + len(series))
        self._check_kept(keys, periods, rows, now, calendar)
        if selection.is_all:
            return Reading(with_players(self._store, keys, totals(rows)))
        there = present(rows)
        wanted = groups({text: number for text, number in series.items() if number in there}, selection)
        if len(wanted) * len(periods) > MOST_POINTS:
            raise _too_many(f"{len(wanted)} groups of so many steps", MOST_POINTS)
        found = columns(rows, wanted)
        everything = totals(rows)
        if selection.where:
            everything = [joined([cells[number] for cells in found.values()]) for number in range(len(rows))]
        points = with_players(self._store, keys, everything)
        named = {one: count for one, count in cut.items() if one in {*selection.by, *selection.where}}
        if not selection.by:
            return Reading(points, cut=named)
        return Reading(points, self._groups(keys, found), named)

    def _series(
        self, game: str, name: str, periods: Sequence[PeriodLike], calendar: CalendarLike, selection: Selection
    ) -> tuple[dict[str, str], dict[str, int]]:
        """Combination -> number, and property -> how many events it was cut off in; {} where nobody asks."""
        keys = StatKeys(game, name)
        years = _years(periods, calendar) if not selection.is_all else []
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            pipeline.sismember(stat_names(game), name)
            if not selection.is_all:
                pipeline.hgetall(keys.series)
            for year in years:
                pipeline.hgetall(keys.cut(year))
            known, *rest = pipeline.execute()
        if not known:
            raise NotFound(f"This game has no events named {name!r}.", code="unknown_stat")
        if not rest:
            return {}, {}
        cut: dict[str, int] = {}
        for answer in rest[1:]:
            for one, count in answer.items():
                cut[as_text(one)] = cut.get(as_text(one), 0) + int(count)
        return {as_text(text): as_text(number) for text, number in rest[0].items()}, cut

    def _check_kept(
        self,
        keys: StatKeys,
        periods: Sequence[PeriodLike],
        rows: Sequence[Row],
        now: datetime,
        calendar: CalendarLike,
    ) -> None:
        """Refuses an hour that was rolled up and dropped since, and what is older than anything is kept.

        To be called with what was read, so that nothing can go unnoticed in between.
        """
        empty = [period for period, row in zip(periods, rows, strict=True) if not row.cells]
        old = [period for period in empty if not self._lifetimes.is_kept(period, now)]
        if periods[0].name != "hour":
            if old:
                raise _not_kept(old[-1], "a later beginning")
            return
        slots = [
            slot
            for hour, row in zip(periods, rows, strict=True)
            for slot in slots_of(calendar, hour)
            if slot.id not in row.buckets
        ]
        days = {_day_of(slot, calendar).id for slot in slots}
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for day_id in days:
                pipeline.hget(keys.bucket(day_id), MARKS)
            marks = dict(zip(days, pipeline.execute(), strict=True))
        marked = [slot for slot in slots if _is_marked(slot, _day_of(slot, calendar), marks)]
        with translated():  # what was rolled up since then was pending when it was read
            pipeline = self._store.client.pipeline(transaction=False)
            for slot in marked:
                pipeline.exists(keys.bucket(slot.id))
            exists = pipeline.execute()
        dropped = [slot for slot, is_there in zip(marked, exists, strict=True) if not is_there]
        lost = [hour for hour in old if self._is_lost(_day_of(hour, calendar), marks, now)]
        for hour in (*dropped, *lost):
            raise _not_kept(hour, "days")

    def _is_lost(self, day: PeriodLike, marks: Mapping[str, bytes | None], now: datetime) -> bool:
        """Whether a day is gone that told which of its hours had been there."""
        return marks.get(day.id) is None and not self._lifetimes.is_kept(day, now)

    def _pending(self, keys: StatKeys, periods: Sequence[PeriodLike]) -> list[list[str]]:
        """The hours with something new in each period, in order."""
        first, last = span(periods[0])[0].timestamp(), span(periods[-1])[1].timestamp()
        with translated():
            found: Any = self._store.client.zrange(keys.open, first, f"({last}", byscore=True, withscores=True)
        begins = [seconds for _, seconds in found]
        pending = []
        for period in periods:
            start, end = (at.timestamp() for at in span(period))
            inside = found[bisect_left(begins, start) : bisect_left(begins, end)]
            pending.append([as_text(hour_id) for hour_id, _ in inside])
        return pending

    def _rows(
        self, keys: StatKeys, periods: Sequence[PeriodLike], now: datetime, calendar: CalendarLike, size: int
    ) -> list[Row]:
        """The figures of each period by series, each as of one moment; of all events alone where `size` is 1.

        All series and not those that are known: another may be new by now.
        """
        buckets = [[period.id] for period in periods]
        if periods[0].name == "hour":
            buckets = [[slot.id for slot in slots_of(calendar, hour)] for hour in periods]
        pending = self._pending(keys, periods)
        names = [
            [*map(keys.bucket, some), *map(keys.pending, hours)] for some, hours in zip(buckets, pending, strict=True)
        ]
        answers: list[Any] = []
        cells = 0
        for group in bounded(names, max(1, _FIELDS_AT_ONCE // size)):
            with translated():
                pipeline = self._store.client.pipeline(transaction=True)
                for key in (key for some in group for key in some):
                    pipeline.hget(key, TOTAL) if size == 1 else pipeline.hgetall(key)
                answers += (found := pipeline.execute())
            cells += 0 if size == 1 else sum(map(len, found))
            if cells > _MOST_CELLS:
                raise _too_many("what is to be looked through", _MOST_CELLS)
        rows, rest = [], iter(answers)
        for period, some, hours in zip(periods, buckets, pending, strict=True):
            row, may_be_gone = Row(), not self._lifetimes.are_players_kept(period, now)
            for bucket_id in some:
                row.add_bucket(bucket_id, _fields(next(rest)), may_be_gone=may_be_gone)
            for hour in hours:
                row.add_pending(hour, _fields(next(rest)))
            rows.append(row)
        return rows

    def _groups(self, keys: StatKeys, found: Mapping[Key, Sequence[Cell]]) -> list[Group]:
        filled = {key: cells for key, cells in found.items() if any(cell.point.count for cell in cells)}
        points = iter(with_players(self._store, keys, [cell for cells in filled.values() for cell in cells]))
        made = [Group(key, [next(points) for _ in cells]) for key, cells in filled.items()]
        return sorted(made, key=lambda group: (-group.total.count, [(part is None, part or "") for part in group.key]))


def _fields(answer: Any) -> Mapping[str, bytes]:
    """The series of a bucket and their texts, from HGET of all events or from HGETALL."""
    if isinstance(answer, dict):
        return {as_text(series): text for series, text in answer.items()}
    return {} if answer is None else {TOTAL: answer}


def _years(periods: Sequence[PeriodLike], calendar: CalendarLike) -> list[str]:
    """The years that these periods touch."""
    end = span(periods[-1])[1]
    years = [calendar.containing("year", span(periods[0])[0])]
    while span(years[-1])[1] < end:
        years.append(calendar.containing("year", span(years[-1])[1]))
    return [year.id for year in years]


def _day_of(hour: PeriodLike, calendar: CalendarLike) -> PeriodLike:
    return calendar.containing("day", span(hour)[0])


def _is_marked(hour: PeriodLike, day: PeriodLike, marks: Mapping[str, bytes | None]) -> bool:
    """Whether the hour was rolled up once."""
    return bool(int(float(marks[day.id] or 0)) & mark_of(hour, day))


def _check_known(selection: Selection, series: Mapping[str, str], cut: Mapping[str, int]) -> None:
    asked = {*selection.by, *selection.where}
    known = sorted({*property_names(series), *cut}) if asked else []
    unknown = sorted(asked.difference(known))
    if unknown:
        told = ", ".join(known[:_MOST_TOLD]) or "none"
        raise InvalidInput(
            f"No event of this name has had a property {unknown[0]!r}; known are {told}.",
            code="unknown_property",
            fields={
                "group_by" if name in selection.by else f"prop.{name}": ["Not a property of these events."]
                for name in unknown
            },
        )


def _too_many(what: str, most: int) -> InvalidInput:
    return InvalidInput(
        f"More than {most} points: {what}; ask for a shorter range, or longer steps.",
        code="too_many_points",
        fields={"from": ["Too many combinations of properties for this range."]},
    )


def _not_kept(period: PeriodLike, remedy: str) -> InvalidInput:
    return InvalidInput(
        f"The {period.name} {period.id} is not kept any more; ask for {remedy}.",
        code="step_not_kept",
        fields={"from": [f"Reaches back to where no {period.name}s are kept."]},
    )
