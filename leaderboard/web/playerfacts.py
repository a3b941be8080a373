"""What there is of a player: on every board, in the archive's last periods, among the active, with the limits."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from leaderboard.boards import windows
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES, PeriodName, TimeOutOfRange
from leaderboard.boards.views import Entry, Page, Standing, View
from leaderboard.errors import BoardsChanged, LeaderboardError, NotFound, UnknownBoard
from leaderboard.limits.keeper import Wish, player_submissions
from leaderboard.limits.standing import Standing as LimitStanding
from leaderboard.services import Services
from leaderboard.stats.activity.reading import PlayerActivity
from leaderboard.store.steps import finish_together
from leaderboard.web.paging import Page as BoardsPage
from leaderboard.web.paging import page_of

MOST_BOARDS: Final = 12  # whose leaders are shown
BOARDS_A_PAGE: Final = 100  # that are asked about one player: each in up to 14 periods and windows
_LEADERS: Final = 5
_MOST_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A player's place on a board in a period or a rolling window."""

    view: View
    standing: Standing

    @property
    def board(self) -> str:
        return self.view.board.name

    @property
    def entry(self) -> Entry:
        return self.standing.entry


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it; `activity` None: never active, as far as is kept; `limit` None: no limit applies."""

    boards: Sequence[str]
    current: Sequence[Place]
    previous: Sequence[Place]
    activity: PlayerActivity | None
    limit: LimitStanding | None
    page: BoardsPage[Board]  # those that were asked

    @property
    def is_known(self) -> bool:
        """Whether there is anything of the player, as far as was asked."""
        return bool(self.current or self.previous or self.activity)


@dataclass(frozen=True, slots=True)
class Leaders:
    """The first of a board, in its widest period."""

    board: str
    period: str
    entries: Sequence[Entry] = field(default_factory=tuple)
    problem: str = ""


def read(services: Services, game: str, player: str, number: int = 1) -> Facts:
    """What there is on the boards of that page, by their names, and besides. Raises Unavailable."""
    boards = services.registry.all(game)
    page = page_of(boards, number, BOARDS_A_PAGE)
    return Facts(
        boards=[board.name for board in boards],
        current=_in_order(_places(services, page.rows, player, 0)),
        previous=_in_order(_places(services, page.rows, player, 1)),
        activity=_activity(services, game, player),
        limit=_limit(services, game, player),
        page=page,
    )


def leaders(services: Services, game: str) -> tuple[list[Leaders], int]:
    """Those of the first boards, by name, all in one round trip; and how many boards there are besides."""
    now = services.clock()
    every = [board for board in services.registry.all(game) if board.periods]
    boards = every[:MOST_BOARDS]
    views = [View(board, board.calendar.ago(board.periods[0], now, 0), now) for board in boards]
    works = [services.rankings.top_steps(view, _LEADERS) for view in views]
    found = []
    for view, page in zip(views, finish_together(services.store, works), strict=True):
        name, period = view.board.name, view.period.name
        if isinstance(page, Page):
            found.append(Leaders(name, period, page.entries))
        elif isinstance(page, BoardsChanged):
            services.registry.fresh(game, name)
            found.append(Leaders(name, period, problem="The board was just changed; load the page again."))
        elif isinstance(page, LeaderboardError):
            found.append(Leaders(name, period, problem=page.detail))
        else:
            raise page
    return found, len(every) - len(boards)


def _places(services: Services, boards: Sequence[Board], player: str, ago: int) -> list[Place]:
    """On each of these boards, in all its periods so many ago; of windows there is but the current one."""
    found: list[Place] = []
    for name in PERIOD_NAMES:
        if not (ago and name == "all"):
            found += _on_boards(services, boards, player, partial(_period_view, name, ago))
    for window in () if ago else windows.SPANS:
        found += _on_boards(services, boards, player, partial(_window_view, window))
    return found


_ViewOf = Callable[[Board, datetime], View | None]


def _on_boards(services: Services, boards: Sequence[Board], player: str, view_of: _ViewOf) -> list[Place]:
    """In one round trip or few; anew where this process turns out to know an old definition of a board."""
    now, known = services.clock(), list(boards)
    for _ in range(_MOST_TRIES):
        views = [view for board in known if (view := view_of(board, now)) is not None]
        try:
            return [Place(view, standing) for view, standing in services.rankings.players_boards(views, player)]
        except BoardsChanged as error:
            known = list(_renewed(services, known, error.boards))
    raise BoardsChanged


def _renewed(services: Services, boards: Sequence[Board], changed: Sequence[str]) -> Iterator[Board]:
    for board in boards:
        with suppress(UnknownBoard):  # deleted meanwhile
            yield services.registry.fresh(board.game, board.name) if board.name in changed else board


def _period_view(name: PeriodName, ago: int, board: Board, now: datetime) -> View | None:
    if name not in board.periods:
        return None
    try:
        return View(board, board.calendar.ago(name, now, ago), now, metadata=True)
    except TimeOutOfRange:  # known time begins here
        return None


def _window_view(name: str, board: Board, now: datetime) -> View | None:
    return View(board, windows.current(board.calendar, name, now), now) if name in board.rolling else None


def _in_order(places: Sequence[Place]) -> list[Place]:
    """Board by board, each from its widest period to its windows, as they came."""
    return sorted(places, key=lambda place: place.board)


def _activity(services: Services, game: str, player: str) -> PlayerActivity | None:
    try:
        return services.activity.player(game, player, services.clock(), services.calendar_of(game))
    except NotFound:
        return None


def _limit(services: Services, game: str, player: str) -> LimitStanding | None:
    """Where the player stands with the limit of submissions; asking takes nothing from them."""
    rule = services.limits.of(game).player_submissions
    if rule is None:
        return None
    (grant,) = services.keeper.take_tokens([Wish(player_submissions(game, player, rule), 0)])
    return grant.standing
