"""The `leaderboard` command. Each of its commands is imported when it is called, so that `serve` loses no time."""

import sys
from importlib import import_module
from typing import Any

import click

from leaderboard import __version__
from leaderboard.errors import InvalidInput, LeaderboardError

_COMMANDS = {
    "serve": "serve",
    "keys": "keys",
    "accounts": "accounts",
    "signin": "accounts",
    "games": "games",
    "boards": "boards",
    "load": "load",
    "export": "read",
    "top": "read",
    "demo": "demo",
    "jobs": "jobs",
    "snapshot": "snapshot",
    "restore": "snapshot",
    "memory": "memory",
    "doctor": "doctor",
    "stats": "stats",
}  # name -> module, in the order of the help


class Group(click.Group):
    """Finds the commands, and turns our errors into one line on stderr and exit status 1."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"leaderboard.cli.{_COMMANDS[name]}"), name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LeaderboardError as error:
            message = error.detail
            if isinstance(error, InvalidInput):
                message += "".join(f"\n  {name}: {' '.join(texts)}" for name, texts in error.fields.items())
            raise click.ClickException(message) from error
        except BrokenPipeError:  # `... | head` has seen enough
            sys.stderr.close()
            ctx.exit(0)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.version_option(__version__, prog_name="leaderboard")
def main() -> None:
    """Self-hosted leaderboards. Every setting is also an environment variable: LEADERBOARD_DATA_DIR,
    LEADERBOARD_REDIS_URL, LEADERBOARD_DATABASE_URL, ..."""


if __name__ == "__main__":
    main()
