"""`leaderboard games`: by which days games count, and who may send events."""

import click

from leaderboard import jsontext
from leaderboard.cli.context import check_game, opened, store_options
from leaderboard.config import Settings
from leaderboard.games.settings import WEEKDAYS, GameSettings

_HEAD = ("game", "time zone", "week starts", "day starts", "client events")


@click.group()
def games() -> None:
    """List games, change their settings."""


@games.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@store_options
def list_(as_json: bool, settings: Settings) -> None:
    """List the games and their settings."""
    with opened(settings) as services:
        found = services.games.all()
    if as_json:
        click.echo(jsontext.dumps([shown.shown(game) for game, shown in found.items()]))
        return
    rows = [_HEAD, *(_row(game, shown) for game, shown in found.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


@games.command("set")
@click.argument("game")
@click.option("--time-zone", help="Whose days are counted: an IANA name like Europe/Vienna.")
@click.option("--week-start", type=click.Choice(WEEKDAYS), help="The first day of a week.")
@click.option("--day-start", metavar="HH:MM", help="When a day begins, by the local clock.")
@click.option("--client-events/--no-client-events", default=None, help="Whether client keys may send.")
@store_options
def set_(  # one argument an option
    game: str,
    time_zone: str | None,
    week_start: str | None,
    day_start: str | None,
    client_events: bool | None,
    settings: Settings,
) -> None:
    """Change the settings of GAME that are named. Its days cannot change any more once it has events."""
    named = {
        "time_zone": time_zone,
        "week_start": week_start,
        "day_start": day_start,
        "client_events": client_events,
    }
    changes = {name: value for name, value in named.items() if value is not None}
    if not changes:
        raise click.UsageError("Name a setting to change.")
    with opened(settings) as services:
        check_game(services, game)
        changed = services.games.change(game, changes)
    click.echo(jsontext.dumps(changed.shown(game)))


def _row(game: str, settings: GameSettings) -> tuple[str, ...]:
    senders = "yes" if settings.client_events else "no"
    return game, settings.time_zone, settings.week_start, settings.day_start, senders
