"""The pages of one board: its table, how its scores are spread, and who won its past periods."""

from dataclasses import dataclass
from fractions import Fraction

from flask import Blueprint, request

from leaderboard.boards.definition import Board
from leaderboard.boards.history import PastPeriod
from leaderboard.boards.periods import Period, PeriodName
from leaderboard.boards.spreads import Analysis
from leaderboard.boards.views import View
from leaderboard.services import Services
from leaderboard.web import charts
from leaderboard.web.boardform import number_text
from leaderboard.web.choosing import asked_period, period_name, reading, whole
from leaderboard.web.examples import submission_of
from leaderboard.web.guard import signed_in
from leaderboard.web.rendering import Tab, render, services
from leaderboard.web.standings import (
    Place,
    Row,
    Table,
    game_address,
    label_of,
    row_of,
    steps_of,
    table_of,
    tabs_of,
    zone_of,
)

ROWS = 50
MOST_ROWS = 100  # what a stream follows
_KNOWN = 30  # past periods in the list to choose from
_HISTORY_ROWS = 25
_MOST_HISTORY = 1000
_BINS = 20
_PERCENTS = {50: "Median", 90: "90th percentile", 99: "99th percentile"}
_MANY = {"all": "All time", "year": "Years", "month": "Months", "week": "Weeks", "day": "Days", "hour": "Hours"}

blueprint = Blueprint("board_pages", __name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A period that has scores, with its winner."""

    period: Period
    state: str
    total: int
    url: str
    winner: Row | None


@blueprint.get("/games/<game>/boards/<board:name>")
@blueprint.get("/games/<game>/boards/<board:name>/table", endpoint="table")
@signed_in("viewer")
def show(game: str, name: str) -> str:
    """The table, live where its period is open."""
    wired, place = services(), Place(game, name)
    limit = whole(request.args, "limit", ROWS, 1, MOST_ROWS)

    def read(board: Board) -> tuple[Table, list[Known], str]:
        table = table_of(wired, place, board, request.args, limit)
        if not isinstance(table.period, Period) or table.period.end is None:
            return table, [], submission_of(board)
        return table, _newest(wired, place, board, table.period.name, _KNOWN), submission_of(board)

    table, known, example = reading(wired, game, name, read)
    options = [(one.period.id, f"{one.period.id}, {one.state}, players: {one.total}") for one in known]
    return render(
        "boards/show.html", place=place, table=table, known_options=options, example=example, **_game(game)
    )  # fmt: skip


@blueprint.get("/games/<game>/boards/<board:name>/distribution")
@signed_in("viewer")
def distribution(game: str, name: str) -> str:
    """How the scores of a period are spread."""
    wired, place = services(), Place(game, name)

    def read(board: Board) -> tuple[View, Analysis]:
        view = View(board, asked_period(wired, board, request.args), wired.clock())
        return view, wired.rankings.analysis(view, [Fraction(percent) for percent in _PERCENTS], _BINS)

    view, found = reading(wired, game, name, read)
    before, after = steps_of(place, view, "distribution")
    return render(
        "boards/distribution.html",
        **_game(game),
        place=place,
        label=label_of(view.period),
        stamp=found.stamp,
        period=view.period,
        zone=zone_of(view.board, view.period),
        tabs=tabs_of(place, view.board, view.period, "distribution"),
        chart=_chart(found, label_of(view.period)),
        figures=_figures(found),
        before_url=before,
        after_url=after,
    )


@blueprint.get("/games/<game>/boards/<board:name>/history")
@signed_in("viewer")
def history(game: str, name: str) -> str:
    """The winners of the periods of one name, newest first."""
    wired, place = services(), Place(game, name)
    offset = whole(request.args, "offset", 0, 0, _MOST_HISTORY - _HISTORY_ROWS)

    def read(board: Board) -> tuple[Board, PeriodName, list[Known]]:
        period = period_name(board, request.args if "period" in request.args else _with_a_past(board))
        return board, period, _newest(wired, place, board, period, offset + _HISTORY_ROWS + 1)

    board, period, found = reading(wired, game, name, read)
    more = len(found) > offset + _HISTORY_ROWS and offset + 2 * _HISTORY_ROWS <= _MOST_HISTORY
    newer = max(0, offset - _HISTORY_ROWS)
    return render(
        "boards/history.html",
        **_game(game),
        place=place,
        period=_MANY[period],
        has_subscore=board.definition["subscore"] is not None,
        zone=zone_of(board, board.calendar.containing(period, wired.clock())),
        rows=found[offset : offset + _HISTORY_ROWS],
        tabs=[Tab(_MANY[one], place.url("history", period=one), one == period) for one in board.periods],
        next_url=place.url("history", period=period, offset=offset + _HISTORY_ROWS) if more else None,
        previous_url=place.url("history", period=period, offset=newer or None) if offset else None,
    )


def _game(game: str) -> dict[str, str]:
    return {"game": game, "game_url": game_address(game)}


def _newest(wired: Services, place: Place, board: Board, period: PeriodName, limit: int) -> list[Known]:
    """The newest periods of one name that have scores."""
    now = wired.clock()
    view = View(board, board.calendar.containing(period, now), now)
    return [_known(place, one) for one in wired.history.newest(view, limit)[1]]


def _known(place: Place, one: PastPeriod) -> Known:
    url = place.url(period=one.period.name, id=None if one.state == "open" else one.period.id)
    winner = None if one.winner is None else row_of(place, one.winner)
    return Known(one.period, one.state, one.total, url, winner)


def _with_a_past(board: Board) -> dict[str, str]:
    """A period that ends, where the board has one."""
    return {"period": next((name for name in board.periods if name != "all"), board.periods[0])}


def _chart(found: Analysis, label: str) -> str:
    bins = [(number_text(low), number_text(high), count) for low, high, count in found.bins]
    return charts.bars(
        [f"{low} to {high}" for low, high, _ in bins],
        [count for *_, count in bins],
        f"Players by score: {label}",
        ticks=[low for low, *_ in bins],
        first="Scores",
        name="Players",
    )


def _figures(found: Analysis) -> list[tuple[str, str]]:
    """The figures above the chart; a board that is empty has none."""
    rows = [("Lowest", found.low), *zip(_PERCENTS.values(), found.percentiles, strict=True), ("Highest", found.high)]
    return [(text, number_text(score)) for text, score in rows if score is not None]
