"""`leaderboard snapshot` and `leaderboard restore`: whole boards into a file and back, archived periods back."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from leaderboard.boards.periods import PERIOD_NAMES, PeriodName
from leaderboard.boards.restoring import Restored
from leaderboard.boards.snapshots import replacing
from leaderboard.cli.context import check_game, opened, say, store_options
from leaderboard.cli.inputs import seekable
from leaderboard.config import Settings
from leaderboard.errors import Conflict, InvalidInput
from leaderboard.fields import BOARD_NAME
from leaderboard.services import Services
from leaderboard.times import format_time

_DAYS = 7
_MOST_DAYS = 30  # its keys live no longer


@click.command()
@click.argument("game")
@click.argument("boards", metavar="[BOARD]...", nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    required=True,
    help="Where to; - for stdout.",
)
@click.option("--with-archive", is_flag=True, help="With the periods that only the archive has.")
@store_options
def snapshot(game: str, boards: tuple[str, ...], out: Path, with_archive: bool, settings: Settings) -> None:
    """Write boards of GAME, by default all of them, to one file; `restore` puts them back.

    Scores may come in meanwhile. The file gets its name when it is whole.
    """
    with opened(settings) as services:
        check_game(services, game)
        names = [services.registry.fresh(game, name).name for name in dict.fromkeys(boards)]
        names = names or [board.name for board in services.registry.all(game)]
        with _target(out) as file:
            done = services.snapshots.write(game, names, file, services.clock(), with_archive=with_archive)
    say(f"{done.boards} boards, {done.periods} periods, {done.entries} entries")


@click.command()
@click.argument("game")
@click.argument("board")
@click.option(
    "--from", "source", type=click.Path(path_type=Path, allow_dash=True), help="A file of `snapshot`; - for stdin."
)
@click.option("--as", "new_name", metavar="BOARD", help="Put it back under this name.")
@click.option("--replace", is_flag=True, help="Even if there is such a board with scores, which are lost then.")
@click.option("--period", type=click.Choice(PERIOD_NAMES[1:]), help="Of a period to put back from the archive.")
@click.option("--id", "period_id", help="Of that period, such as 2026-11-22.")
@click.option("--reopen", is_flag=True, help="The period is to be sealed again.")
@click.option(
    "--days", type=click.IntRange(1, _MOST_DAYS), help=f"How long the period stays in the store.  [default: {_DAYS}]"
)
@store_options
def restore(game: str, board: str, settings: Settings, **options: Any) -> None:
    """Put BOARD of GAME back from a snapshot, or one of its periods from the archive into the store.

    restore football points --from points.ndjson.zst [--as NEW_BOARD] [--replace]

    restore football points --period day --id 2026-11-22 [--reopen] [--days N]
    """
    from_file = options["source"] is not None
    _check_options(options, from_file=from_file)
    with opened(settings) as services:
        check_game(services, game)
        if from_file:
            name = options["new_name"] or board
            restored = _restore_board(services, game, board, name, options["source"], replace=options["replace"])
            archived = f", {restored.archived} of them archived" if restored.archived else ""
            periods = restored.periods + restored.archived
            click.echo(f"{name}: {periods} periods{archived}, {restored.entries} entries")
        else:
            click.echo(_restore_period(services, game, board, options))


def _check_options(options: dict[str, Any], *, from_file: bool) -> None:
    if from_file == (options["period"] is not None):
        raise click.UsageError("Either --from FILE, or --period and --id.")
    only = ("period_id", "reopen", "days") if from_file else ("new_name", "replace")
    if any(options[name] for name in only) or (not from_file and not options["period_id"]):
        raise click.UsageError(
            "--from goes with --as and --replace; --period goes with --id, and with --reopen and --days."
        )


def _restore_board(services: Services, game: str, board: str, name: str, file: Path, *, replace: bool) -> Restored:
    if re.fullmatch(BOARD_NAME, name) is None:
        raise InvalidInput(f"{name!r} is no name for a board.", code="invalid_board_name")
    with seekable(file) as spool:
        source = cast("BinaryIO", spool)
        try:
            return services.restoring.restore(source, board, game, name, services.clock(), replace=replace)
        except Conflict as error:
            raise click.ClickException(
                f"{error.detail} With --replace they are lost, --as takes another name."
            ) from error


def _restore_period(services: Services, game: str, board: str, options: dict[str, Any]) -> str:
    known = services.registry.fresh(game, board)
    name: PeriodName = options["period"]
    if name not in known.periods:
        raise InvalidInput(f"{board} keeps no {name} periods, only {', '.join(known.periods)}.")
    try:
        period = known.calendar.parse(name, options["period_id"])
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    now, keep = services.clock(), timedelta(days=options["days"] or _DAYS)
    entries = services.restoring.put_back(known, period, now, keep=keep, reopen=options["reopen"])
    until = format_time((now + keep).replace(microsecond=0))
    return f"{board}: {period.id}, {entries} entries, stays in the store until {until}"


@contextmanager
def _target(out: Path) -> Iterator[BinaryIO]:
    if str(out) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with replacing(out) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}.") from error
