"""What the page of a board shows: rows, periods to choose from, and the addresses of all of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period, TimeOutOfRange
from leaderboard.boards.views import Entry, Stamp, Standing, View
from leaderboard.boards.windows import Window
from leaderboard.errors import InvalidInput, UnknownPlayer
from leaderboard.services import Services
from leaderboard.web.boardfields import PERIOD_LABELS, WINDOW_LABELS
from leaderboard.web.boardform import number_text
from leaderboard.web.choosing import asked_period, asked_player
from leaderboard.web.rendering import Tab

AROUND = 11  # rows that are shown of the player who is looked for and the neighbours


def game_address(game: str) -> str:
    """The address of a game: one may be called "new", which is another page."""
    return f"/games/{game}/boards" if game == "new" else f"/games/{game}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a board's pages are."""

    game: str
    board: str
    is_public: bool = False

    @property
    def base(self) -> str:
        """The address that all others begin with."""
        name = quote(self.board, safe="")
        return f"/b/{self.game}/{name}" if self.is_public else f"/games/{self.game}/boards/{name}"

    def url(self, page: str = "", **query: Any) -> str:
        """The address of the table, or of another page of the board; what is None is left out."""
        # A board may be called "new", which is another page: its table has a second address.
        page = page or ("table" if self.board == "new" and not self.is_public else "")
        given = {name: value for name, value in query.items() if value is not None}
        return self.base + (f"/{page}" if page else "") + (f"?{urlencode(given)}" if given else "")

    @property
    def players(self) -> str:
        """What the address of a player begins with: their page, or their place on the public one."""
        return "" if self.is_public else f"/games/{self.game}/players/"

    def player(self, player: str, **query: Any) -> str:
        """The address of a player."""
        return self.url(**query, player=player) if self.is_public else self.players + quote(player)


@dataclass(frozen=True, slots=True)
class Row:
    """One row, its numbers with exactly the digits that the API has."""

    rank: int
    player: str
    score: str
    subscore: str | None
    url: str


@dataclass
class Table:
    """The whole page. `stream` is None where nothing is followed: a past period, a window, a later page."""

    place: Place
    period: Period | Window
    title: str  # what kind of period
    label: str  # which one
    state: str
    total: int
    has_subscore: bool
    limit: int
    rows: list[Row]
    tabs: list[Tab]
    next_url: str | None = None
    first_url: str | None = None
    before_url: str | None = None
    after_url: str | None = None
    stream: str | None = None
    player: str | None = None
    found: Row | None = None
    percentile: str | None = None
    errors: list[str] = field(default_factory=list)
    zone: str = ""  # by whose days it is, where that is not UTC

    @property
    def has_id(self) -> bool:
        """Whether its period is one of many."""
        return isinstance(self.period, Period) and self.period.end is not None

    @property
    def chosen(self) -> dict[str, str]:
        """The period as an address names it, for forms."""
        return chosen(self.period, self.state)


def table_of(wired: Services, place: Place, board: Board, query: Mapping[str, str], limit: int) -> Table:
    """Reads what an address asks for. Raises InvalidInput, BoardsChanged, Unavailable."""
    period = asked_period(wired, board, query)
    view = View(board, period, wired.clock())
    errors: list[str] = []
    standing = None
    try:
        player = asked_player(query)
        standing = None if player is None else wired.rankings.player(view, player, AROUND)
    except InvalidInput as error:
        player = query["player"]
        errors.append(error.detail)
    except UnknownPlayer:
        errors.append(f"{query['player']!r} has no score here. Ids are spelled exactly, capitals too.")
    if standing is not None:
        return _around(place, view, standing, limit)
    page = wired.rankings.top(view, limit, query.get("cursor") or None)
    table = _table(place, view, page.stamp, page.entries, limit)
    table.player, table.errors = player, errors
    if page.next:
        table.next_url = place.url(**_pinned(view.period), limit=_other(limit, query), cursor=page.next)
    if query.get("cursor"):
        table.first_url, table.stream = place.url(**table.chosen), None
    return table


def row_of(place: Place, entry: Entry, **query: Any) -> Row:
    """An entry as it is shown."""
    subscore = None if entry.subscore is None else number_text(entry.subscore)
    return Row(entry.rank, entry.player, number_text(entry.score), subscore, place.player(entry.player, **query))


def chosen(period: Period | Window, state: str) -> dict[str, str]:
    """The period as an address names it: one that is open by its name alone, which the next one then follows."""
    if isinstance(period, Window):
        return {"window": period.name}
    return {"period": period.name} | ({"id": period.id} if state != "open" else {})


def label_of(period: Period | Window) -> str:
    """A period's name for a heading."""
    has_id = isinstance(period, Period) and period.end is not None
    return f"{_title(period)} {period.id}" if has_id else _title(period)


def zone_of(board: Board, period: Period | Window) -> str:
    """The time zone whose days a period is made of; "" where there is nothing to tell: UTC, or a period without end."""
    zone: str = board.definition["time_zone"]
    return "" if zone == "UTC" or isinstance(period, Window) or period.end is None else zone


def tabs_of(place: Place, board: Board, period: Period | Window, page: str = "") -> list[Tab]:
    """Every period and window of a board."""
    is_window = isinstance(period, Window)
    found = [
        Tab(PERIOD_LABELS[name], place.url(page, period=name), not is_window and name == period.name)
        for name in board.periods
    ]
    return found + [
        Tab(WINDOW_LABELS[name], place.url(page, window=name), is_window and name == period.name)
        for name in board.rolling
    ]


def steps_of(place: Place, view: View, page: str = "") -> tuple[str | None, str | None]:
    """The addresses of the period before and of the one after, where there are."""
    period = view.period
    if isinstance(period, Window) or period.start is None:
        return None, None
    before = after = None
    try:
        before = place.url(page, period=period.name, id=period.previous().id)
        if view.state != "open":
            later = period.next()
            is_now = later.contains(view.now)
            after = place.url(page, period=period.name, id=None if is_now else later.id)
    except TimeOutOfRange:
        pass
    return before, after


def percentile_text(percentile: float) -> str:
    """A percentile to two decimals, cut, so that it never says more than is so."""
    return f"{math.floor(percentile * 100) / 100:.2f}".rstrip("0").rstrip(".")


def _around(place: Place, view: View, standing: Standing, limit: int) -> Table:
    table = _table(place, view, standing.stamp, standing.entries, limit)
    table.player = standing.entry.player
    table.found = row_of(place, standing.entry)
    table.percentile = percentile_text(standing.percentile)
    if table.stream is not None:
        table.stream = place.url("stream", **table.chosen, limit=1, player=table.player)
    table.first_url = place.url(**table.chosen)
    return table


def _table(place: Place, view: View, stamp: Stamp, entries: list[Entry], limit: int) -> Table:
    at = chosen(view.period, view.state)
    before, after = steps_of(place, view)
    is_live = view.state == "open" and isinstance(view.period, Period)
    return Table(
        place=place,
        period=view.period,
        title=_title(view.period),
        label=label_of(view.period),
        state=stamp.state,
        total=stamp.total,
        has_subscore=view.board.definition["subscore"] is not None,
        limit=limit,
        rows=[row_of(place, entry, **at) for entry in entries],
        tabs=tabs_of(place, view.board, view.period),
        before_url=before,
        after_url=after,
        stream=place.url("stream", **at, limit=limit) if is_live else None,
        zone=zone_of(view.board, view.period),
    )


def _title(period: Period | Window) -> str:
    return WINDOW_LABELS[period.name] if isinstance(period, Window) else PERIOD_LABELS[period.name]


def _pinned(period: Period | Window) -> dict[str, str]:
    """The period by its id, so that its later pages are of it when the next one has begun."""
    if isinstance(period, Window):
        return {"window": period.name}
    return {"period": period.name} | ({} if period.end is None else {"id": period.id})


def _other(limit: int, query: Mapping[str, str]) -> int | None:
    return limit if query.get("limit") else None
