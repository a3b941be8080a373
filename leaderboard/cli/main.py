"""The `leaderboard` command."""

import click

from leaderboard import __version__
from leaderboard.cli import boards, demo, games, jobs, keys, load, memory, read, serve, snapshot, stats
from leaderboard.cli.context import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.version_option(__version__, prog_name="leaderboard")
def main() -> None:
    """Self-hosted leaderboards. Every setting is also an environment variable: LEADERBOARD_DATA_DIR,
    LEADERBOARD_REDIS_URL, LEADERBOARD_DATABASE_URL, ..."""


main.add_command(serve.serve)
main.add_command(keys.keys)
main.add_command(games.games)
main.add_command(boards.boards)
main.add_command(load.load)
main.add_command(read.export)
main.add_command(read.top)
main.add_command(demo.demo)
main.add_command(jobs.jobs)
main.add_command(snapshot.snapshot)
main.add_command(snapshot.restore)
main.add_command(memory.memory)
main.add_command(stats.stats)

if __name__ == "__main__":
    main()
