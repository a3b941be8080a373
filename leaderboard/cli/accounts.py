"""`leaderboard accounts` and `leaderboard signin`: who may use the dashboard."""

import sys
from contextlib import suppress

import click

from leaderboard import jsontext
from leaderboard.accounts.accounts import OPERATOR, ROLES, AccountInfo
from leaderboard.accounts.links import GOOD_FOR
from leaderboard.accounts.passwords import SHORTEST
from leaderboard.cli.context import opened, say, store_options
from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable
from leaderboard.services import Services
from leaderboard.times import format_time

_MINUTES = int(GOOD_FOR.total_seconds() // 60)
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from stdin, one line.")
_without = click.option("--no-password", is_flag=True, help="None: one-time links alone sign in.")


@click.group()
def accounts() -> None:
    """Make, list, change and remove accounts of the dashboard."""


@accounts.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    required=True,
    help="viewer reads, editor changes boards and players, admin all.",
)
@_from_stdin
@_without
@store_options
def create(name: str, role: str, password_stdin: bool, no_password: bool, settings: Settings) -> None:
    """Make the account NAME. Asks for its password on a terminal."""
    password = _password(from_stdin=password_stdin, without=no_password)
    with opened(settings) as services:
        made = services.accounts.create(name, role, password, services.clock())
    click.echo(f"{made.name} is {made.role}.")
    if password is None:
        say(f"It has no password; 'leaderboard signin --as {name}' makes a link for it.")


@accounts.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@store_options
def list_(as_json: bool, settings: Settings) -> None:
    """List the accounts."""
    with opened(settings) as services:
        found = services.accounts.list()
    if as_json:
        click.echo(jsontext.dumps([_document(account) for account in found]))
        return
    width = max((len(account.name) for account in found), default=0)
    for account in found:
        password = "password" if account.has_password else "links only"
        click.echo(
            f"{account.name:<{width}}  {account.role:<6}  {password:<10}  {format_time(account.created_at)[:19]}Z"
        )


@accounts.command()
@click.argument("name")
@_from_stdin
@_without
@store_options
def password(name: str, password_stdin: bool, no_password: bool, settings: Settings) -> None:
    """Give the account NAME another password; its sessions end."""
    wanted = _password(from_stdin=password_stdin, without=no_password)
    with opened(settings) as services:
        services.accounts.set_password(name, wanted, services.clock())
        _end_sessions(services, name)
    click.echo(f"{name} has {'no' if wanted is None else 'another'} password.")


@accounts.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@store_options
def set_role(name: str, role: str, settings: Settings) -> None:
    """Give the account NAME another ROLE; its sessions have it within seconds."""
    with opened(settings) as services:
        services.accounts.set_role(name, role, services.clock())
    click.echo(f"{name} is {role}.")


@accounts.command()
@click.argument("name")
@store_options
def remove(name: str, settings: Settings) -> None:
    """Remove the account NAME; its sessions end within seconds."""
    with opened(settings) as services:
        services.accounts.remove(name)
        _end_sessions(services, name)
    click.echo(f"{name} is removed.")


@click.command()
@click.option("--as", "name", help="An account; by default the operator, who may do everything.")
@click.option("--url", help="Where the service is reached.  [default: http://127.0.0.1 and the port of the settings]")
@store_options
def signin(name: str | None, url: str | None, settings: Settings) -> None:
    """Print a link that signs in to the dashboard once, within 10 minutes."""
    if settings.in_memory:
        raise click.ClickException(
            "The memory store is inside the service alone, so no link can get there. Make an account with a password: "
            "'leaderboard accounts create'."
        )
    with opened(settings) as services:
        if name is not None:
            services.accounts.get(name)
        click.echo(one_time_link(services, url or f"http://127.0.0.1:{settings.port}", name or OPERATOR))
    say(f"It signs in {name or 'the operator'} once, within {_MINUTES} minutes.")


def one_time_link(services: Services, url: str, name: str = OPERATOR) -> str:
    """A link that signs in an account at the service of that URL. Raises StoreUnavailable."""
    return f"{url.rstrip('/')}/signin/link/{services.links.create(name, services.clock())}"


def _password(*, from_stdin: bool, without: bool) -> str | None:
    if from_stdin and without:
        raise click.UsageError("Either --password-stdin or --no-password.")
    if without:
        return None
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("This is no terminal: --password-stdin or --no-password.")
    asked: str = click.prompt(
        f"Password, at least {SHORTEST} characters", hide_input=True, confirmation_prompt=True, err=True
    )
    return asked


def _end_sessions(services: Services, name: str) -> None:
    with suppress(StoreUnavailable):  # they are over all the same, and only listed until then
        services.sessions.end_all(name)


def _document(account: AccountInfo) -> dict[str, str | bool]:
    return {
        "name": account.name,
        "role": account.role,
        "has_password": account.has_password,
        "created_at": format_time(account.created_at),
        "changed_at": format_time(account.changed_at),
    }
