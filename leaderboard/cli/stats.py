"""`leaderboard stats`: events over time, as bars on a terminal or in a file."""

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from leaderboard.cli.context import check_game, opened, say, store_options
from leaderboard.config import Settings
from leaderboard.errors import InvalidInput
from leaderboard.fields import BOARD_NAME
from leaderboard.services import Services
from leaderboard.stats.pieces import batched
from leaderboard.stats.points import Number, Point, together
from leaderboard.stats.ranges import MOST_STEPS, STEPS, Range, read_range
from leaderboard.stats.reading import Reading
from leaderboard.stats.series import MOST_PROPERTIES, Selection
from leaderboard.stats.tables import as_csv, as_ndjson, cut_off, rows

_FIELDS = ("count", "sum", "mean", "players")
_NARROWEST = 8  # cells of a sparkline, however narrow the terminal
_LARGE, _SMALL = 1e15, 0.005  # beyond them a number is written with a power of ten
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SHADE = "░"
_LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN_LEVELS = "_.:-=+*#"


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where bars and sparklines are drawn: so many cells wide, in ASCII where it takes nothing else."""

    width: int
    encoding: str = "utf-8"

    @property
    def is_plain(self) -> bool:
        try:
            (_EIGHTHS + _LEVELS + _SHADE).encode(self.encoding)
        except UnicodeEncodeError:
            return True
        return False

    def narrowed(self, cells: int, *, least: int = 0) -> "Canvas":
        """What is left of it beside so many cells."""
        return Canvas(max(least, self.width - cells), self.encoding)

    def bar(self, value: Number | None, largest: float) -> str:
        """As long as |value|, of which `largest` fills the canvas; shaded where it is negative.

        What is not 0 is at least an eighth of a cell, or the whole cell that others are drawn in.
        """
        if not value or self.width < 1:
            return ""
        eighths = max(1, round(abs(value) / largest * self.width * 8))
        if value > 0 and not self.is_plain:
            return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        sign = "#" if value > 0 else "-" if self.is_plain else _SHADE
        return sign * max(1, round(eighths / 8))

    def sparkline(self, values: Sequence[Number | None]) -> str:
        """A cell a value, from 0 or the least to the largest; nothing where it is not known.

        Of more values than there are cells, each cell is the mean of as many as it takes.
        """
        cells = [_mean(some) for some in batched(values, -(-len(values) // max(1, self.width)))]
        scale = max((abs(cell) for cell in cells if cell is not None), default=0) or 1
        heights = [None if cell is None else cell / scale for cell in cells]
        low = min(0, min((height for height in heights if height is not None), default=0))
        high = max(0, max((height for height in heights if height is not None), default=0))
        levels, span = _PLAIN_LEVELS if self.is_plain else _LEVELS, (high - low) or 1
        return "".join(" " if height is None else levels[round((height - low) / span * 7)] for height in heights)


def _read_group_by(_context: click.Context, _parameter: click.Parameter, given: str | None) -> list[str]:
    names = given.split(",") if given is not None else []
    if len(set(names)) < len(names) or len(names) > MOST_PROPERTIES or not all(names):
        raise click.BadParameter(f"1 to {MOST_PROPERTIES} different names between commas.")
    return names


def _read_where(_context: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{text!r} is not like country=AT.")
        found.setdefault(name, []).append(value)
    return found


@click.command()
@click.argument("game")
@click.argument("name")
@click.option("--from", "from_", metavar="TIME", help="A date of the game's days, or a time with an offset.")
@click.option("--to", metavar="TIME", help="The same; excluded.  [default: now]")
@click.option("--step", type=click.Choice(STEPS), default="day", show_default=True)
@click.option("--group-by", "by", metavar="PROPERTIES", callback=_read_group_by, help="Properties, between commas.")
@click.option(
    "--prop",
    "where",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_read_where,
    help="Only those events; given twice, either; NAME= for events without it.",
)
@click.option("--field", type=click.Choice(_FIELDS), default="count", show_default=True, help="What the table shows.")
@click.option("--format", "form", type=click.Choice(("table", "csv", "ndjson")), default="table", show_default=True)
@store_options
def stats(game: str, name: str, settings: Settings, **options: Any) -> None:
    """Show the events NAME of GAME over time.

    stats arena match --from 2026-11-01 --group-by country
    """
    by: list[str] = options["by"]
    with opened(settings) as services:
        check_game(services, game)
        try:
            zone, found, reading = _read(services, game, name, options)
        except InvalidInput as error:  # whose detail says it all
            raise click.ClickException(error.detail) from error
    for prop, count in reading.cut.items():
        say(f"Warning: {cut_off(prop, count)}")
    if options["form"] == "csv":
        click.echo(as_csv(rows(reading, found.steps, by), by), nl=False)
    elif options["form"] == "ndjson":
        click.echo(as_ndjson(rows(reading, found.steps, by)), nl=False)
    else:
        _print_table(found, reading, by, options["field"])
        say(_foot(found, reading, options, name, zone))


def _read(services: Services, game: str, name: str, options: Mapping[str, Any]) -> tuple[str, Range, Reading]:
    """The time zone, the steps and what there is of them. Raises InvalidInput, NotFound."""
    if re.fullmatch(BOARD_NAME, name) is None:
        raise InvalidInput(f"{name!r} is no name for an event.")
    now, calendar = services.clock(), services.calendar_of(game)
    found = read_range(calendar, options["step"], (options["from_"], options["to"]), now, most=MOST_STEPS)
    selection = Selection(options["where"], options["by"])
    return calendar.time_zone, found, services.stats.read(game, name, found.steps, now, calendar, selection)


def _print_table(found: Range, reading: Reading, by: Sequence[str], field: str) -> None:
    canvas = Canvas(shutil.get_terminal_size().columns, sys.stdout.encoding or "ascii")
    lines = _group_lines(reading, field, canvas) if by else _step_lines(found, reading.points, field, canvas)
    for line in lines:
        # A group may have letters that this terminal does not.
        click.echo(line.rstrip().encode(canvas.encoding, "replace").decode(canvas.encoding))


def _step_lines(found: Range, points: Sequence[Point], field: str, canvas: Canvas) -> Iterator[str]:
    """A step, its figure and a bar."""
    values: list[Number | None] = [getattr(point, field) for point in points]
    figures = _spelled(values)
    head, width = max(len(step.id) for step in found.steps), max(map(len, figures))
    largest = max(abs(value or 0) for value in values)
    canvas = canvas.narrowed(head + width + 4)
    for step, value, figure in zip(found.steps, values, figures, strict=True):
        yield f"{step.id:<{head}}  {figure:>{width}}  {canvas.bar(value, largest)}"


def _group_lines(reading: Reading, field: str, canvas: Canvas) -> Iterator[str]:
    """A group, its total and a sparkline, which goes from 0 to what is most in this group."""
    labels = [", ".join("(none)" if part is None else part for part in group.key) for group in reading.groups]
    figures = _spelled([_total(group.points, field) for group in reading.groups])
    head, width = max(map(_cells, labels), default=0), max(map(len, figures), default=0)
    canvas = canvas.narrowed(head + width + 4, least=_NARROWEST)
    for label, figure, group in zip(labels, figures, reading.groups, strict=True):
        line = canvas.sparkline([getattr(point, field) for point in group.points])
        yield f"{label}{' ' * (head - _cells(label))}  {figure:>{width}}  {line}"


def _foot(found: Range, reading: Reading, options: Mapping[str, Any], name: str, zone: str) -> str:
    """What the table shows: name, field, steps, zone and total."""
    field, step = options["field"], options["step"]
    (total,) = _spelled([_total(reading.points, field)])
    end = f"{total} at most, standard error 0.81 %" if field == "players" else f"{total} in all"
    return f"{name}, {field} by {step}, {found.steps[0].id} to {found.steps[-1].id} ({zone}): {end}"


def _total(points: Sequence[Point], field: str) -> Number | None:
    """Of the whole range; of players, who may be the same in many steps, the most that one step has."""
    if field == "players":
        return max((point.players for point in points if point.players is not None), default=None)
    total: Number | None = getattr(together(points), field)
    return total


def _spelled(values: Sequence[Number | None]) -> list[str]:
    """Numbers as a person reads them below one another."""
    places = 2 if any(isinstance(value, float) for value in values) else 0
    return [_spell(value, places) for value in values]


def _spell(value: Number | None, places: int) -> str:
    if value is None:
        return "-"
    if value and not _SMALL <= abs(value) < _LARGE and isinstance(value, float):
        return f"{value:.3e}"
    return f"{value:,.{places}f}"


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def _mean(values: Sequence[Number | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(value / len(known) for value in known) if known else None
