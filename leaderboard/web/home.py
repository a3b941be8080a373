"""The first page: all games with key figures, or the way in."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from flask import Blueprint

from leaderboard.boards.definition import Board
from leaderboard.boards.views import Page, View
from leaderboard.errors import StoreUnavailable
from leaderboard.services import Services
from leaderboard.store.steps import finish_together
from leaderboard.web import guard
from leaderboard.web.guard import signed_in
from leaderboard.web.rendering import render, services
from leaderboard.web.signin import sign_in_page

_log = structlog.get_logger(__name__)
blueprint = Blueprint("home_pages", __name__)
_MOST_ASKED = 500  # boards; of more, none is asked how many players it has


@dataclass(slots=True)
class Line:
    """A game. `players`, `today`: of its largest board, and of the busiest one of today; None: not known."""

    name: str
    time_zone: str
    boards: int = 0
    players: int | None = None
    today: int | None = None

    def count(self, players: int | None, today: int | None) -> None:
        """Takes in a board."""
        self.players = max(self.players or 0, players) if players is not None else self.players
        self.today = max(self.today or 0, today) if today is not None else self.today


@blueprint.get("/")
def home() -> str:
    """The games; to who is not signed in, the form for it."""
    return sign_in_page() if guard.current() is None else _games()


@signed_in()
def _games() -> str:
    wired = services()
    lines = lines_of(wired)
    boards = sum(line.boards for line in lines)
    return render("home.html", lines=lines, boards=boards, is_counted=boards <= _MOST_ASKED)


def lines_of(wired: Services) -> list[Line]:
    """All games, by name. Raises Unavailable."""
    lines = {name: Line(name, settings.time_zone) for name, settings in wired.games.all().items()}
    boards = [board for board in wired.registry.everywhere() if board.game in lines]
    totals = _totals(wired, boards) if len(boards) <= _MOST_ASKED else {}
    for board in boards:
        lines[board.game].boards += 1
        found = totals.get((board.game, board.name), {})
        lines[board.game].count(max(found.values(), default=None), found.get("day"))
    return list(lines.values())


def _totals(wired: Services, boards: Sequence[Board]) -> dict[tuple[str, str], dict[str, int]]:
    """How many players boards have, by their names, in their widest period and on their day; in one round trip."""
    now = wired.clock()
    views = [
        View(board, board.calendar.containing(period, now), now)
        for board in wired.registry.current(boards)
        for period in dict.fromkeys((board.periods[0], "day"))
        if period in board.periods
    ]
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    pages = finish_together(wired.store, [wired.rankings.top_steps(view, 1) for view in views])
    for view, page in zip(views, pages, strict=True):
        if isinstance(page, Page):
            found[view.board.game, view.board.name][view.period.name] = page.stamp.total
        elif not isinstance(page, StoreUnavailable):  # one board that is broken must not hide all others
            _log.warning("a board cannot be read", game=view.board.game, board=view.board.name, cause=repr(page))
    return found
