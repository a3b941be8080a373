"""A reading as a table: rows for files and for a terminal."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from leaderboard import jsontext
from leaderboard.stats.lifetimes import PeriodLike, span
from leaderboard.stats.points import Point
from leaderboard.stats.reading import Reading
from leaderboard.times import format_time

FIGURES = ("count", "sum", "min", "max", "mean", "players")
_FORMULA = ("=", "+", "-", "@")  # what a spreadsheet would carry out


def figures(point: Point) -> dict[str, Any]:
    """The figures of a point, by their names in every answer."""
    return {name: getattr(point, name) for name in FIGURES}


def rows(reading: Reading, steps: Sequence[PeriodLike], by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row for every step, or for every group and step, with the group's `properties`."""
    if not by:
        for step, point in zip(steps, reading.points, strict=True):
            yield {"at": format_time(span(step)[0]), **figures(point)}
        return
    for group in reading.groups:
        properties = dict(zip(by, group.key, strict=True))
        for step, point in zip(steps, group.points, strict=True):
            yield {"at": format_time(span(step)[0]), "properties": properties, **figures(point)}


def cut_off(name: str, count: int) -> str:
    """What is to be told of a property of which something was cut off."""
    return f"{count} events of these years had a value of {name!r} beyond what is kept; it is 'other' here."


def as_ndjson(found: Iterable[Mapping[str, Any]]) -> bytes:
    """One JSON object a row."""
    return b"".join(jsontext.dumps(row) + b"\n" for row in found)


def as_csv(found: Iterable[Mapping[str, Any]], by: Sequence[str]) -> bytes:
    """Rows under their names; a property is `prop.country`; what is not known or not there is left empty.

    The value of a property that a spreadsheet would take for a formula has an apostrophe before it.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["at", *(f"prop.{name}" for name in by), *FIGURES])
    for row in found:
        properties = row.get("properties", {})
        values = [_harmless(properties[name]) for name in by]
        writer.writerow([row["at"], *values, *("" if row[name] is None else row[name] for name in FIGURES)])
    return text.getvalue().encode()


def _harmless(value: str | None) -> str:
    if value is None:
        return ""
    is_number = value.removeprefix("-").isdecimal()
    return "'" + value if value.startswith(_FORMULA) and not is_number else value
