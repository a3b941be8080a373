"""`leaderboard top` and `leaderboard export`: standings on a terminal and in a file."""

import csv
import sys
from collections.abc import Iterator
from typing import Any

import click

from leaderboard import jsontext
from leaderboard.boards.periods import PERIOD_NAMES, PeriodName
from leaderboard.boards.views import Entry, View
from leaderboard.cli.context import check_game, opened, store_options
from leaderboard.config import Settings
from leaderboard.errors import InvalidInput
from leaderboard.services import Services
from leaderboard.times import format_time

_ROWS_AT_ONCE = 1000


@click.command()
@click.argument("game")
@click.argument("board")
@click.option("--period", type=click.Choice(PERIOD_NAMES), default="all", show_default=True)
@click.option("--id", "period_id", help="Of a past period, such as 2026-W47; the current one by default.")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@store_options
def top(
    game: str,
    board: str,
    period: PeriodName,
    period_id: str | None,
    limit: int,
    as_json: bool,
    settings: Settings,
) -> None:
    """Show the best of BOARD as a table."""
    with opened(settings) as services:
        view = _view(services, game, board, period, period_id)
        page = services.rankings.top(view, limit)
    if as_json:
        click.echo(jsontext.dumps([_row(entry) for entry in page.entries]))
        return
    with_subscore = view.board.definition["subscore"] is not None
    width = max((len(entry.player) for entry in page.entries), default=0)
    for entry in page.entries:
        subscore = f"  {entry.subscore:>10}" if with_subscore else ""
        click.echo(f"{entry.rank:>6}  {entry.player:<{width}}  {entry.score:>12}{subscore}")
    click.echo(f"{page.stamp.total} players, {period} {view.period.id}", err=True)


@click.command()
@click.argument("game")
@click.argument("board")
@click.option("--period", type=click.Choice(PERIOD_NAMES), default="all", show_default=True)
@click.option("--id", "period_id", help="Of a past period, such as 2026-W47; the current one by default.")
@click.option("--format", "form", type=click.Choice(("ndjson", "csv")), default="ndjson", show_default=True)
@store_options
def export(game: str, board: str, period: PeriodName, period_id: str | None, form: str, settings: Settings) -> None:
    """Write all standings of BOARD to stdout; `load` takes them back."""
    with opened(settings) as services:
        view = _view(services, game, board, period, period_id)
        at = _time_within(view)
        with_subscore = view.board.definition["subscore"] is not None
        write = _csv_writer(with_subscore=with_subscore) if form == "csv" else _write_ndjson
        for entry in _all(services, view):
            row = {"board": board, **_row(entry)}
            if not with_subscore:
                del row["subscore"]
            del row["rank"]
            if at is not None:
                row["at"] = at
            write(row)


def _view(services: Services, game: str, board: str, period: PeriodName, period_id: str | None) -> View:
    check_game(services, game)
    known = services.registry.fresh(game, board)
    if period not in known.periods:
        raise InvalidInput(f"{board} keeps no {period} periods, only {', '.join(known.periods)}.")
    now = services.clock()
    try:
        found = known.calendar.parse(period, period_id) if period_id else known.calendar.containing(period, now)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    return View(known, found, now, metadata=True)


def _time_within(view: View) -> str | None:
    """A time that puts a row back into the period it came from."""
    return format_time(view.period.start) if view.period.start else None


def _all(services: Services, view: View) -> Iterator[Entry]:
    cursor = None
    while True:
        page = services.rankings.top(view, _ROWS_AT_ONCE, cursor)
        yield from page.entries
        cursor = page.next
        if cursor is None:
            return


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rank": entry.rank,
        "player": entry.player,
        "score": entry.score,
        "subscore": entry.subscore,
    }
    if entry.metadata:
        row["metadata"] = jsontext.loads(entry.metadata)
    return row


def _write_ndjson(row: dict[str, Any]) -> None:
    sys.stdout.write(jsontext.dumps(row).decode() + "\n")


def _csv_writer(*, with_subscore: bool) -> Any:
    names = ["board", "player", "score", *(["subscore"] if with_subscore else []), "at", "metadata"]
    writer = csv.DictWriter(sys.stdout, names, restval="", lineterminator="\n")
    writer.writeheader()

    def write(row: dict[str, Any]) -> None:
        if "metadata" in row:
            row["metadata"] = jsontext.dumps(row["metadata"]).decode()
        writer.writerow(row)

    return write
