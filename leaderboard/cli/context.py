"""What all commands share: settings from options and environment, open stores, how failures end."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from leaderboard.config import Settings
from leaderboard.services import Services, build
from leaderboard.store.embedded import borrow


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The settings that say where the data is, as options; handed on as `settings`."""

    @click.option(
        "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the embedded store and SQLite."
    )
    @click.option("--redis-url", help="Valkey or Redis to use instead of the embedded store.")
    @click.option("--database-url", help="SQLAlchemy URL to use instead of SQLite in the data folder.")
    def wrapped(data_dir: Path | None, redis_url: str | None, database_url: str | None, **rest: Any) -> Any:
        settings = Settings.from_env().with_changes(data_dir=data_dir, redis_url=redis_url, database_url=database_url)
        return command(settings=settings, **rest)

    return update_wrapper(wrapped, command)


@contextmanager
def opened(settings: Settings) -> Iterator[Services]:
    """The services over the configured store, or the embedded one: the running one, or started for the block."""
    if settings.redis_url is not None:
        services = build(settings)
        try:
            yield services
        finally:
            services.close()
        return
    with borrow(settings.data_dir, owner="leaderboard " + " ".join(sys.argv[1:3])) as url:
        services = build(settings.with_changes(redis_url=url))
        try:
            yield services
        finally:
            services.close()


def say(text: str) -> None:
    """For the person watching: to stderr."""
    click.echo(text, err=True)


def check_game(services: Services, game: str) -> None:
    """Raises ClickException unless there is such a game."""
    if not services.access.game_exists(game):
        raise click.ClickException(f"There is no game {game!r}; 'leaderboard keys create {game}' makes it.")
