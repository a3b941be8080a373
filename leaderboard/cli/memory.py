"""`leaderboard memory`: what boards cost in the store."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from leaderboard import jsontext
from leaderboard.boards.usage import BoardUsage, PeriodUsage, ServerUsage, Usage
from leaderboard.cli.context import check_game, opened, store_options
from leaderboard.config import Settings

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@click.command()
@click.argument("game", required=False)
@click.option("--board", help="Only this board of GAME.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, sizes in bytes.")
@store_options
def memory(game: str | None, board: str | None, as_json: bool, settings: Settings) -> None:
    """Show what boards and their periods cost in the store, the largest first, and when they go.

    The sizes of large periods are estimates. Goes through the keys of the store piece by piece.
    """
    if board is not None and game is None:
        raise click.UsageError("--board needs GAME.")
    with opened(settings) as services:
        if game is not None:
            check_game(services, game)
        usage = Usage(services.store, services.registry)
        boards = sorted(usage.boards(game, board, services.clock()), key=_board_weight)
        server = usage.server()
    if as_json:
        click.echo(jsontext.dumps({"boards": [_document(one) for one in boards], "server": asdict(server)}))
        return
    _print_table(boards)
    click.echo(_server_line(server), err=True)


def _board_weight(board: BoardUsage) -> tuple[int, int, str, str]:
    entries = sum(period.entries for period in board.periods.values())
    return -(board.size or 0), -entries, board.game, board.name


def _sorted_periods(board: BoardUsage) -> list[PeriodUsage]:
    return sorted(board.periods.values(), key=lambda period: (-(period.size or 0), -period.entries, period.id))


def _document(board: BoardUsage) -> dict[str, Any]:
    return {
        "game": board.game,
        "board": board.name,
        "bytes": board.size,
        "periods": [
            {
                "id": period.id,
                "state": period.state,
                "entries": period.entries,
                "bytes": period.size,
                "seconds_left": period.seconds_left,
            }
            for period in _sorted_periods(board)
        ],
        "other": {"keys": board.other_keys, "bytes": board.other},
    }


def _print_table(boards: list[BoardUsage]) -> None:
    rows = [("board, period", "state", "entries", "memory", "goes in")]
    for board in boards:
        rows.append((f"{board.game}/{board.name}", "", "", human_size(board.size), ""))
        rows += [
            (f"  {period.id}", period.state, f"{period.entries:,}", human_size(period.size), _left(period))
            for period in _sorted_periods(board)
        ]
        rows.append((f"  other ({board.other_keys} keys)", "", "", human_size(board.other), ""))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for name, state, entries, size, left in rows:
        line = f"{name:<{widths[0]}}  {state:<{widths[1]}}  {entries:>{widths[2]}}  {size:>{widths[3]}}  {left}"
        click.echo(line.rstrip())


def _left(period: PeriodUsage) -> str:
    return "" if period.seconds_left is None else human_time(period.seconds_left)


def _server_line(server: ServerUsage) -> str:
    if server.used is None:
        return "The store does not say what it uses."
    limit = f" of {human_size(server.limit)}" if server.limit else ", no limit"
    fragmentation = "" if server.fragmentation is None else f", fragmentation {server.fragmentation:g}"
    return f"The store uses {human_size(server.used)}{limit}{fragmentation}, policy {server.policy}."


def human_size(size: int | None) -> str:
    """Bytes for a person: 1.5 MiB."""
    if size is None:
        return "-"
    amount, unit = float(size), 0
    while amount >= 1023.95 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{size} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def human_time(seconds: int) -> str:
    """Seconds for a person: 3 d 4 h."""
    length = timedelta(seconds=seconds)
    hours, rest = divmod(length.seconds, 3600)
    if length.days:
        return f"{length.days} d {hours} h"
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
