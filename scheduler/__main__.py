"""`python -m scheduler`: the jobs alone; any number of them may run. Settings come from the environment."""

import click

from leaderboard import logs
from leaderboard.config import Settings
from leaderboard.errors import LeaderboardError
from scheduler import process
from scheduler.schedule import JOBS


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--until-eof", is_flag=True, help="End when stdin closes: for a parent that holds its other end.")
def main(until_eof: bool) -> None:  # noqa: FBT001 - click hands it by name
    """Run the jobs when they are due, until SIGTERM or Ctrl-C."""
    try:
        settings = Settings.from_env()
        logs.configure(settings)
        process.run(settings, JOBS, until_eof=until_eof)
    except LeaderboardError as error:
        raise click.ClickException(error.detail) from error


if __name__ == "__main__":
    main()
