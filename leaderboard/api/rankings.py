"""Reading boards."""

from collections.abc import Mapping
from typing import Any

from leaderboard.api import schemas
from leaderboard.api.operations import Call, Operation
from leaderboard.api.remembered import remember
from leaderboard.api.replies import Answer
from leaderboard.api.views import (
    answer,
    entry_document,
    head,
    period_document,
    period_of,
    period_view_of,
    read,
    view_of,
    window_of,
)
from leaderboard.boards.views import Standing, View
from leaderboard.errors import InvalidInput
from leaderboard.numerals import Literal, OrderingError, exact, read_number
from leaderboard.store.steps import Steps, finish


def top(call: Call) -> Answer | Steps[Answer]:
    view = view_of(call)
    steps = _top(call, view)
    if call.board is not None or view.state == "open":
        return steps
    return remember(call, "top", view, lambda: finish(call.services.store, steps))  # it may be in the archive


def _top(call: Call, view: View) -> Steps[Answer]:
    page = yield from call.services.rankings.top_steps(view, call.query["limit"], call.query.get("cursor"))
    entries = [entry_document(view, entry) for entry in page.entries]
    return answer(view, page.stamp, {"entries": entries, "next": page.next})


def player(call: Call) -> Steps[Answer]:
    view = view_of(call)
    around = call.query.get("around", 0)
    standing = yield from call.services.rankings.player_steps(view, call.path["player"], around)
    document = _standing(view, standing)
    if around:
        document["entries"] = [entry_document(view, entry) for entry in standing.entries]
    return answer(view, standing.stamp, document)


def player_everywhere(call: Call) -> Answer:
    views = []
    for board in call.services.registry.all(call.game):
        name = call.query.get("period", "all")
        if name in board.periods and "window" not in call.query:
            views.append(View(board, period_of(call, board, call.query), call.now, call.query["metadata"]))
        elif call.query.get("window") in board.rolling:
            views.append(View(board, window_of(call, board, call.query), call.now, call.query["metadata"]))
    found = call.services.rankings.players_boards(views, call.path["player"])
    rows = []
    for view, standing in found:
        document = {**head(view, standing.stamp), **_standing(view, standing)}
        del document["player"]
        rows.append(document)
    etag = tuple(
        (view.board.rev, view.key_id, standing.stamp.state, standing.stamp.version) for view, standing in found
    )
    return Answer({"player": call.path["player"], "boards": rows}, etag_of=etag)


def lookup(call: Call) -> Answer:
    wanted = call.load(schemas.LookupBody())["players"]
    view = view_of(call)
    if not wanted:
        page = call.services.rankings.top(view, 1)
        return answer(view, page.stamp, {"entries": [], "missing": []})
    stamp, entries, missing = call.services.rankings.lookup(view, wanted)
    return answer(view, stamp, {"entries": [entry_document(view, entry) for entry in entries], "missing": missing})


def scores(call: Call) -> Answer:
    view = view_of(call)
    low, high = (_numeral(call.query, name) for name in ("min", "max"))
    if low is not None and high is not None and exact(low) > exact(high):
        raise InvalidInput("min is above max.", fields={"min": ["Above max."]})
    stamp, entries, inside = call.services.rankings.scores(view, low, high, call.query["limit"])
    return answer(view, stamp, {"total": inside, "entries": [entry_document(view, entry) for entry in entries]})


def rank(call: Call) -> Steps[Answer]:
    view = view_of(call)
    score, subscore = (_numeral(call.query, name) for name in ("score", "subscore"))
    assert score is not None  # noqa: S101 - the schema requires it
    if subscore is not None and view.board.definition["subscore"] is None:
        raise InvalidInput("This board has no subscore.", fields={"subscore": ["This board has none."]})
    try:
        placed = view.board.ordering.place(score, subscore, int(call.now.timestamp() * 1000))
        stamp, found = yield from call.services.rankings.rank_steps(view, score, subscore)
    except OrderingError as error:
        raise InvalidInput(str(error), code=error.code, fields={error.field: [str(error)]}) from error
    shown = view.board.ordering.decode(placed.key)
    return answer(view, stamp, {"score": shown[0], "subscore": shown[1], "rank": found})


def percentile(call: Call) -> Answer:
    view = view_of(call)
    literal = _numeral(call.query, "p")
    assert literal is not None  # noqa: S101 - the schema requires it
    number, power = read_number(literal)
    percent = exact(literal)
    if not 0 <= percent <= 100 or power < -6:
        raise InvalidInput("p is 0 to 100, with up to 6 decimals.", fields={"p": ["0 to 100, up to 6 decimals."]})

    def make() -> Answer:
        stamp, score = call.services.rankings.percentile(view, percent)
        shown = number * 10**power if power >= 0 else float(percent)
        return answer(view, stamp, {"p": shown, "score": score})

    return remember(call, "percentile", view, make)


def distribution(call: Call) -> Answer:
    view = view_of(call)

    def make() -> Answer:
        stamp, bins = call.services.rankings.distribution(view, call.query["bins"])
        return answer(view, stamp, {"bins": [{"from": low, "to": high, "count": count} for low, high, count in bins]})

    return remember(call, "distribution", view, make)


def periods(call: Call) -> Answer:
    view = period_view_of(call)
    stamp, found = call.services.history.newest(view, call.query["limit"])
    rows = []
    for one in found:
        winner = one.winner
        won = winner and {"player": winner.player, "score": winner.score, "subscore": winner.subscore}
        rows.append({**period_document(one.period, one.state), "total": one.total, "winner": won})
    states = tuple(row["state"] for row in rows)
    return Answer({"board": view.board.name, "periods": rows}, etag_of=(stamp.rev, stamp.version, states))


def _numeral(query: Mapping[str, Any], name: str) -> Literal | None:
    if name not in query:
        return None
    try:
        read_number(query[name])
    except OrderingError as error:
        raise InvalidInput(str(error), code=error.code, fields={name: [str(error)]}) from error
    return str(query[name])


def _standing(view: View, standing: Standing) -> dict[str, Any]:
    return {**entry_document(view, standing.entry), "percentile": standing.percentile}


OPERATIONS = [
    read(top, "/boards/{board}/top", "The best entries", schemas.TopAnswer, schemas.TopQuery),
    read(player, "/boards/{board}/players/{player}", "One player", schemas.PlayerAnswer, schemas.PlayerQuery),
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
    read(scores, "/boards/{board}/scores", "Entries in a score range", schemas.EntriesAnswer, schemas.ScoresQuery),
    read(rank, "/boards/{board}/rank", "The rank a score would have", schemas.RankAnswer, schemas.RankQuery),
    read(
        percentile,
        "/boards/{board}/percentile",
        "The score that a share of the players reaches",
        schemas.PercentileAnswer,
        schemas.PercentileQuery,
    ),
    read(
        distribution,
        "/boards/{board}/distribution",
        "How scores are spread",
        schemas.DistributionAnswer,
        schemas.DistributionQuery,
    ),
    read(
        periods, "/boards/{board}/periods", "Known periods, newest first", schemas.PeriodsAnswer, schemas.PeriodsQuery
    ),
    read(
        player_everywhere,
        "/players/{player}",
        "One player on every board",
        schemas.PlayerBoardsAnswer,
        schemas.PeriodQuery,
        refusals=(),
    ),
]
