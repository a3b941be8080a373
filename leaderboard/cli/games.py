"""`leaderboard games`: by which days games count, and who may send events."""

import click

from leaderboard import jsontext
from leaderboard.cli.context import check_game, opened, store_options
from leaderboard.config import Settings
from leaderboard.games.settings import WEEKDAYS, GameSettings
from leaderboard.limits.rules import KINDS, NO_LIMIT

_HEAD = ("game", "time zone", "week starts", "day starts", "client events")


@click.group()
def games() -> None:
    """List games, change their settings and limits."""


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


@games.command()
@click.argument("game")
@click.option("--player-submissions", metavar="LIMIT", help="Of one player, like '10/s burst 20'.")
@click.option("--key-reads", metavar="LIMIT", help="With one API key, like '6000/60s'.")
@click.option("--daily-submissions", metavar="LIMIT", help="Of all of the game by the day (UTC), like '1000000/day'.")
@click.option("--clear", multiple=True, type=click.Choice([*KINDS, "all"]), help="Back to the default of the settings.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@store_options
def limits(
    game: str, clear: tuple[str, ...], as_json: bool, settings: Settings, **written: str | None
) -> None:  # one argument an option
    """Show the limits of GAME, or set those that are named; 'none' is for no limit, whatever the default is."""
    cleared = KINDS if "all" in clear else clear
    named = {name: text for name, text in written.items() if text is not None}
    if set(cleared) & set(named):
        raise click.UsageError("Set a limit, or clear it.")
    changes = {**dict.fromkeys(cleared), **named}
    with opened(settings) as services:
        check_game(services, game)
        found = services.limits.change(game, changes) if changes else services.limits.show(game)
        own = services.limits.own(game)
    if as_json:
        click.echo(jsontext.dumps(found.shown))
        return
    for name, text in found.shown.items():
        click.echo(f"{name:<20}  {text or NO_LIMIT:<20}  {'set for the game' if name in own else 'default'}")


def _row(game: str, settings: GameSettings) -> tuple[str, ...]:
    senders = "yes" if settings.client_events else "no"
    return game, settings.time_zone, settings.week_start, settings.day_start, senders
