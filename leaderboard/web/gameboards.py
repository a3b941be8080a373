"""The boards of a game, each with what is told of it at a glance: asked of all of them in one round trip."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from leaderboard.boards.definition import Board
from leaderboard.boards.views import Page, View
from leaderboard.errors import StoreUnavailable
from leaderboard.services import Services
from leaderboard.store.steps import finish_together
from leaderboard.web.boardfields import FIELDS, PERIOD_LABELS, WINDOW_LABELS
from leaderboard.web.standings import Place, Row, label_of, row_of

_log = structlog.get_logger(__name__)
_ORDERS = dict(FIELDS["order"].choices)
_OPERATORS = {"best": "best counts", "last": "last counts", "sum": "sum"}


@dataclass(frozen=True, slots=True)
class Line:
    """One board. `players` and `leader` are of its widest period; `players` None: the store did not say."""

    name: str
    url: str
    order: str
    operator: str
    periods: list[str]
    period: str
    is_public: bool
    players: int | None
    leader: Row | None


def lines_of(wired: Services, boards: Sequence[Board]) -> list[Line]:
    """What a list of boards shows; while the store is away, what the database knows."""
    now, current = wired.clock(), list(boards)
    with suppress(StoreUnavailable):
        current = wired.registry.current(boards)
    views = [View(board, board.calendar.containing(board.periods[0], now), now) for board in current]
    pages = finish_together(wired.store, [wired.rankings.top_steps(view, 1) for view in views])
    return [_line(view, page) for view, page in zip(views, pages, strict=True)]


def named_like(boards: Sequence[Board], query: str) -> list[Board]:
    """Those whose names hold some text, whatever its case."""
    wanted = query.casefold()
    return [board for board in boards if wanted in board.name.casefold()]


def _line(view: View, page: Page | Exception) -> Line:
    board, place = view.board, Place(view.board.game, view.board.name)
    if isinstance(page, Exception) and not isinstance(page, StoreUnavailable):  # it must not hide all others
        _log.warning("a board cannot be read", game=board.game, board=board.name, cause=repr(page))
    known = page if isinstance(page, Page) else None
    return Line(
        name=board.name,
        url=place.url(),
        order=_ORDERS[board.definition["order"]],
        operator=_OPERATORS[board.definition["operator"]],
        periods=[PERIOD_LABELS[one] for one in board.periods] + [WINDOW_LABELS[one] for one in board.rolling],
        period=label_of(view.period),
        is_public=board.definition["public"],
        players=None if known is None else known.stamp.total,
        leader=row_of(place, known.entries[0]) if known and known.entries else None,
    )
