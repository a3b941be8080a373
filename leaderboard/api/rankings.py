"""Reading boards."""

from collections.abc import Mapping
from typing import Any

import msgspec

from leaderboard.api import schemas
from leaderboard.api.operations import Answer, Call, Operation
from leaderboard.boards import cursors, windows
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import InvalidPeriodId, Period, PeriodName, TimeOutOfRange
from leaderboard.boards.views import Entry, Stamp, Standing, View
from leaderboard.boards.windows import Window
from leaderboard.errors import InvalidInput
from leaderboard.numerals import Literal, OrderingError, exact, read_number
from leaderboard.times import format_time


def top(call: Call) -> Answer:
    view = _view(call)
    page = call.services.rankings.top(view, call.query["limit"], call.query.get("cursor"))
    entries = [_entry(view, entry) for entry in page.entries]
    return _answer(view, page.stamp, {"entries": entries, "next": page.next})


def player(call: Call) -> Answer:
    view = _view(call)
    around = call.query.get("around", 0)
    standing = call.services.rankings.player(view, call.path["player"], around)
    document = _standing(view, standing)
    if around:
        document["entries"] = [_entry(view, entry) for entry in standing.entries]
    return _answer(view, standing.stamp, document)


def player_everywhere(call: Call) -> Answer:
    views = []
    for board in call.services.registry.all(call.game):
        name = call.query.get("period", "all")
        if name in board.periods and "window" not in call.query:
            views.append(View(board, _period(call, board, call.query), call.now, call.query["metadata"]))
        elif call.query.get("window") in board.rolling:
            views.append(View(board, _window(call, board, call.query), call.now, call.query["metadata"]))
    found = call.services.rankings.players_boards(views, call.path["player"])
    rows = []
    for view, standing in found:
        document = {**_head(view, standing.stamp), **_standing(view, standing)}
        del document["player"]
        rows.append(document)
    etag = tuple(
        (view.board.rev, view.key_id, standing.stamp.state, standing.stamp.version) for view, standing in found
    )
    return Answer({"player": call.path["player"], "boards": rows}, etag_of=etag)


def lookup(call: Call) -> Answer:
    wanted = call.load(schemas.LookupBody())["players"]
    view = _view(call)
    if not wanted:
        page = call.services.rankings.top(view, 1)
        return _answer(view, page.stamp, {"entries": [], "missing": []})
    stamp, entries, missing = call.services.rankings.lookup(view, wanted)
    return _answer(view, stamp, {"entries": [_entry(view, entry) for entry in entries], "missing": missing})


def scores(call: Call) -> Answer:
    view = _view(call)
    low, high = (_numeral(call.query, name) for name in ("min", "max"))
    if low is not None and high is not None and exact(low) > exact(high):
        raise InvalidInput("min is above max.", fields={"min": ["Above max."]})
    stamp, entries, inside = call.services.rankings.scores(view, low, high, call.query["limit"])
    return _answer(view, stamp, {"total": inside, "entries": [_entry(view, entry) for entry in entries]})


def rank(call: Call) -> Answer:
    view = _view(call)
    score, subscore = (_numeral(call.query, name) for name in ("score", "subscore"))
    assert score is not None  # noqa: S101 - the schema requires it
    if subscore is not None and view.board.definition["subscore"] is None:
        raise InvalidInput("This board has no subscore.", fields={"subscore": ["This board has none."]})
    try:
        placed = view.board.ordering.place(score, subscore, int(call.now.timestamp() * 1000))
        stamp, found = call.services.rankings.rank(view, score, subscore)
    except OrderingError as error:
        raise InvalidInput(str(error), code=error.code, fields={error.field: [str(error)]}) from error
    shown = view.board.ordering.decode(placed.key)
    return _answer(view, stamp, {"score": shown[0], "subscore": shown[1], "rank": found})


def percentile(call: Call) -> Answer:
    view = _view(call)
    literal = _numeral(call.query, "p")
    assert literal is not None  # noqa: S101 - the schema requires it
    number, power = read_number(literal)
    percent = exact(literal)
    if not 0 <= percent <= 100 or power < -6:
        raise InvalidInput("p is 0 to 100, with up to 6 decimals.", fields={"p": ["0 to 100, up to 6 decimals."]})
    stamp, score = call.services.rankings.percentile(view, percent)
    shown = number * 10**power if power >= 0 else float(percent)
    return _answer(view, stamp, {"p": shown, "score": score})


def distribution(call: Call) -> Answer:
    view = _view(call)
    stamp, bins = call.services.rankings.distribution(view, call.query["bins"])
    return _answer(view, stamp, {"bins": [{"from": low, "to": high, "count": count} for low, high, count in bins]})


def periods(call: Call) -> Answer:
    view = _view(call)
    if isinstance(view.period, Window):
        raise InvalidInput("A window is always the current one.", fields={"window": ["Has no past."]})
    stamp, found = call.services.history.newest(view, call.query["limit"])
    rows = []
    for one in found:
        winner = one.winner
        won = winner and {"player": winner.player, "score": winner.score, "subscore": winner.subscore}
        rows.append({**_period_document(one.period, one.state), "total": one.total, "winner": won})
    states = tuple(row["state"] for row in rows)
    return Answer({"board": view.board.name, "periods": rows}, etag_of=(stamp.rev, stamp.version, states))


def _view(call: Call) -> View:
    board = call.services.registry.get(call.game, call.path["board"])
    return View(board, _period(call, board, call.query), call.now, call.query["metadata"])


def _window(call: Call, board: Board, query: Mapping[str, Any]) -> Window:
    name = query["window"]
    if name not in board.rolling:
        raise InvalidInput(
            f"This board keeps no window of {name}.", code="window_not_kept", fields={"window": ["Not kept."]}
        )
    window = windows.current(board.calendar, name, call.now)
    if "cursor" in query:  # a page goes on in the window it began in, as long as that is there
        found, window_id = cursors.period_of(query["cursor"])
        before = Window(name, window.as_of.previous())
        if (found, window_id) == (name, before.id):
            return before
    return window


def _period(call: Call, board: Board, query: Mapping[str, Any]) -> Period | Window:
    if "window" in query:
        return _window(call, board, query)
    name: PeriodName = query.get("period", "all")
    if name not in board.periods:
        raise InvalidInput(
            f"This board keeps no {name} periods.", code="period_not_kept", fields={"period": ["Not kept."]}
        )
    try:
        if "id" in query:
            return board.calendar.parse(name, query["id"])
        if "cursor" in query and "ago" not in query:  # a page goes on in its period, also when that has ended
            found, period_id = cursors.period_of(query["cursor"])
            if found == name:
                return board.calendar.parse(name, period_id)
        return board.calendar.ago(name, call.now, query.get("ago", 0))
    except (InvalidPeriodId, TimeOutOfRange, ValueError) as error:
        raise InvalidInput(str(error), code="invalid_period", fields={"id": [str(error)]}) from error


def _numeral(query: Mapping[str, Any], name: str) -> Literal | None:
    if name not in query:
        return None
    try:
        read_number(query[name])
    except OrderingError as error:
        raise InvalidInput(str(error), code=error.code, fields={name: [str(error)]}) from error
    return str(query[name])


def _answer(view: View, stamp: Stamp, rest: dict[str, Any]) -> Answer:
    etag = (stamp.rev, stamp.version, view.key_id, stamp.state)
    return Answer({**_head(view, stamp), **rest}, etag_of=etag)


def _head(view: View, stamp: Stamp) -> dict[str, Any]:
    period = _period_document(view.period, stamp.state)
    return {"board": view.board.name, "period": period, "total": stamp.total}


def _period_document(period: Period | Window, state: str) -> dict[str, Any]:
    return {
        "name": period.name,
        "id": period.id,
        "starts_at": period.start and format_time(period.start),
        "ends_at": period.end and format_time(period.end),
        "state": state,
    }


def _entry(view: View, entry: Entry) -> dict[str, Any]:
    row = {"rank": entry.rank, "player": entry.player, "score": entry.score, "subscore": entry.subscore}
    if view.metadata:
        row["metadata"] = entry.metadata and msgspec.Raw(entry.metadata.encode())
    return row


def _standing(view: View, standing: Standing) -> dict[str, Any]:
    return {**_entry(view, standing.entry), "percentile": standing.percentile}


def _read(view: Any, path: str, summary: str, answer: Any, query: Any, refusals: tuple[int, ...] = (404,)) -> Operation:
    return Operation(view, "GET", path, summary, {200: answer, 304: None}, query, refusals=refusals)


OPERATIONS = [
    _read(top, "/boards/{board}/top", "The best entries", schemas.TopAnswer, schemas.TopQuery),
    _read(player, "/boards/{board}/players/{player}", "One player", schemas.PlayerAnswer, schemas.PlayerQuery),
    Operation(
        lookup,
        "POST",
        "/boards/{board}/lookup",
        "Many players at once",
        {200: schemas.LookupAnswer},
        schemas.PeriodQuery,
        body=schemas.LookupBody,
        refusals=(404,),
    ),
    _read(scores, "/boards/{board}/scores", "Entries in a score range", schemas.EntriesAnswer, schemas.ScoresQuery),
    _read(rank, "/boards/{board}/rank", "The rank a score would have", schemas.RankAnswer, schemas.RankQuery),
    _read(
        percentile,
        "/boards/{board}/percentile",
        "The score that a share of the players reaches",
        schemas.PercentileAnswer,
        schemas.PercentileQuery,
    ),
    _read(
        distribution,
        "/boards/{board}/distribution",
        "How scores are spread",
        schemas.DistributionAnswer,
        schemas.DistributionQuery,
    ),
    _read(
        periods, "/boards/{board}/periods", "Known periods, newest first", schemas.PeriodsAnswer, schemas.PeriodsQuery
    ),
    _read(
        player_everywhere,
        "/players/{player}",
        "One player on every board",
        schemas.PlayerBoardsAnswer,
        schemas.PeriodQuery,
        refusals=(),
    ),
]
