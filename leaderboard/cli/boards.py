"""`leaderboard boards`: boards from the command line."""

import re
from typing import IO

import click

from leaderboard import jsontext
from leaderboard.boards.definition import read_definition
from leaderboard.cli.context import check_game, opened, store_options
from leaderboard.config import Settings
from leaderboard.errors import InvalidInput
from leaderboard.fields import BOARD_NAME


@click.group()
def boards() -> None:
    """List boards, make and change them."""


@boards.command("list")
@click.argument("game")
@click.option("--json", "as_json", is_flag=True, help="One JSON array of whole definitions.")
@store_options
def list_(game: str, as_json: bool, settings: Settings) -> None:
    """List the boards of GAME."""
    with opened(settings) as services:
        check_game(services, game)
        found = services.registry.all(game)
    if as_json:
        click.echo(jsontext.dumps([board.shown() for board in found]))
        return
    for board in found:
        definition = board.definition
        click.echo(
            f"{board.name:<32}  {definition['order']:<4}  {definition['operator']:<4}  "
            f"ties {definition['ties']:<6}  {', '.join(board.periods)}  ({definition['time_zone']})"
        )


@boards.command()
@click.argument("game")
@click.argument("board")
@click.option("--file", "file", type=click.File("rb"), required=True, help="The definition as JSON; - for stdin.")
@store_options
def put(game: str, board: str, file: IO[bytes], settings: Settings) -> None:
    """Make or change BOARD of GAME."""
    if re.fullmatch(BOARD_NAME, board) is None:
        raise InvalidInput(f"{board!r} is no name for a board.", code="invalid_board_name")
    definition = read_definition(jsontext.loads(file.read()))
    with opened(settings) as services:
        check_game(services, game)
        made, is_new = services.registry.put(game, board, definition, services.clock())
    click.echo(jsontext.dumps(made.shown()))
    click.echo("made" if is_new else "changed", err=True)
