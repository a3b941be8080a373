"""Which part of a board a page shows, by its address: a period, a window, a page of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from leaderboard.boards.choosing import chosen_period, chosen_window
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import InvalidPeriodId, Period, PeriodName, TimeOutOfRange
from leaderboard.boards.windows import Window
from leaderboard.errors import BoardsChanged, InvalidInput, UnknownBoard
from leaderboard.fields import check_player
from leaderboard.services import Services
from leaderboard.web.boardfields import PERIOD_LABELS

_MOST_TRIES = 5
_MOST_AGO: Final = 1_000_000
_T = TypeVar("_T")


def reading(wired: Services, game: str, name: str, read: Callable[[Board], _T]) -> _T:
    """What is read of a board; anew where this process turns out to know an old definition. Raises UnknownBoard."""
    registry = wired.registry
    for _ in range(_MOST_TRIES):
        try:
            return read(registry.get(game, name))
        except BoardsChanged:
            registry.fresh(game, name)
        except InvalidInput:
            if not registry.is_outdated(game, name):
                raise
    raise BoardsChanged(name)


def require_public(wired: Services, board: Board) -> None:
    """Raises UnknownBoard for a board that is not public; that this process did not know of it yet is no reason."""
    if not board.definition["public"] and not wired.registry.fresh(board.game, board.name).definition["public"]:
        raise UnknownBoard(board.name)


def asked_period(wired: Services, board: Board, query: Mapping[str, str]) -> Period | Window:
    """The period or window that an address names; by default the widest. Raises InvalidInput."""
    now, cursor = wired.clock(), query.get("cursor") or None
    if query.get("window"):
        return chosen_window(board, _kept(board, query), now, cursor)
    name = period_name(board, query)
    ago = whole(query, "ago", 0, 0, _MOST_AGO) if query.get("ago") else None
    try:
        return _begun(chosen_period(board, name, now, id=query.get("id") or None, ago=ago, cursor=cursor), now)
    except (InvalidPeriodId, TimeOutOfRange) as error:
        wrong = f"There is no such period: {error}."
        raise InvalidInput(wrong, code="invalid_period", fields={"id": [wrong]}) from error


def period_name(board: Board, query: Mapping[str, str]) -> PeriodName:
    """The name of the period that an address names; by default the widest. Raises InvalidInput."""
    name = query.get("period") or board.periods[0]
    if name not in board.periods:
        label = PERIOD_LABELS.get(name, name).lower()
        wrong = f"This board keeps no periods {label!r}. It keeps: {', '.join(board.periods)}."
        raise InvalidInput(wrong, code="period_not_kept", fields={"period": [wrong]})
    return name


def whole(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """A number in an address. Raises InvalidInput."""
    text = query.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and low <= int(text) <= high):
        wrong = f"{name} is a number from {low} to {high}."
        raise InvalidInput(wrong, fields={name: [wrong]})
    return int(text)


def asked_player(query: Mapping[str, str]) -> str | None:
    """The player that somebody looks for; None where nobody does. Raises InvalidInput."""
    player = query.get("player") or None
    if player is not None:
        try:
            check_player(player)
        except ValueError as error:
            raise InvalidInput(str(error), code="invalid_player", fields={"player": [str(error)]}) from error
    return player


def _begun(period: Period, now: datetime) -> Period:
    if period.start is not None and period.start > now:
        raise InvalidPeriodId(f"{period.id} has not begun")
    return period


def _kept(board: Board, query: Mapping[str, str]) -> str:
    name = query["window"]
    if name not in board.rolling:
        wrong = f"This board keeps no window of {name}."
        raise InvalidInput(wrong, code="window_not_kept", fields={"window": [wrong]})
    return name
