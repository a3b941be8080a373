"""`leaderboard keys`: making, listing and revoking API keys."""

import click

from leaderboard import jsontext
from leaderboard.cli.context import opened, say, store_options
from leaderboard.config import Settings
from leaderboard.games.access import ROLES, KeyInfo
from leaderboard.times import format_time


@click.group()
def keys() -> None:
    """Make, list and revoke the keys that games call with."""


@keys.command()
@click.argument("game")
@click.option("--role", type=click.Choice(ROLES), default="server", show_default=True)
@store_options
def create(game: str, role: str, settings: Settings) -> None:
    """Make a key, and GAME if need be. Prints the key, which is shown this once."""
    with opened(settings) as services:
        click.echo(services.access.create_key(game, role, services.clock()))
    say(f"A {role} key of {game}; only its hash is kept.")


@keys.command("list")
@click.argument("game", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@store_options
def list_(game: str | None, as_json: bool, settings: Settings) -> None:
    """List the keys, of GAME or of all."""
    with opened(settings) as services:
        found = services.access.list_keys(game)
    if as_json:
        click.echo(jsontext.dumps([_document(key) for key in found]))
        return
    for key in found:
        state = f"revoked {format_time(key.revoked_at)}" if key.revoked_at else "valid"
        click.echo(f"{key.id}  {key.game:<32}  {key.role:<6}  {format_time(key.created_at)[:19]}Z  {state}")


@keys.command()
@click.argument("key")
@store_options
def revoke(key: str, settings: Settings) -> None:
    """End a KEY, named by its id or by itself; within 5 seconds it opens nothing."""
    with opened(settings) as services:
        info = services.access.revoke(key, services.clock())
    click.echo(f"{info.id} of {info.game} is revoked.")


def _document(key: KeyInfo) -> dict[str, str | None]:
    return {
        "id": key.id,
        "game": key.game,
        "role": key.role,
        "created_at": format_time(key.created_at),
        "revoked_at": format_time(key.revoked_at) if key.revoked_at else None,
    }
