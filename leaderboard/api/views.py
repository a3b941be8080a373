"""What the reads of a board share: which period is asked for, and how it is shown."""

from collections.abc import Mapping
from typing import Any

import msgspec

from leaderboard.api.operations import Call, Operation
from leaderboard.api.replies import Answer
from leaderboard.boards.choosing import chosen_period, chosen_window
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import InvalidPeriodId, Period, PeriodName, TimeOutOfRange
from leaderboard.boards.views import Entry, Stamp, View
from leaderboard.boards.windows import Window
from leaderboard.errors import InvalidInput
from leaderboard.times import format_time


def view_of(call: Call) -> View:
    """What a request asks for. Raises InvalidInput."""
    board = call.board or call.services.registry.get(call.game, call.path["board"])
    period = period_of(call, board, call.query)
    return View(board, period, call.now, call.query["metadata"], is_hurried=call.board is not None)


def period_view_of(call: Call) -> View:
    """The same, for what windows do not have. Raises InvalidInput."""
    view = view_of(call)
    if isinstance(view.period, Window):
        raise InvalidInput("A window is always the current one.", fields={"window": ["Has no past."]})
    return view


def period_of(call: Call, board: Board, query: Mapping[str, Any]) -> Period | Window:
    """The period or window that a query asks for. Raises InvalidInput."""
    if "window" in query:
        return window_of(call, board, query)
    name: PeriodName = query.get("period", "all")
    if name not in board.periods:
        raise InvalidInput(
            f"This board keeps no {name} periods.", code="period_not_kept", fields={"period": ["Not kept."]}
        )
    try:
        return chosen_period(
            board, name, call.now, id=query.get("id"), ago=query.get("ago"), cursor=query.get("cursor")
        )  # fmt: skip
    except (InvalidPeriodId, TimeOutOfRange, ValueError) as error:
        raise InvalidInput(str(error), code="invalid_period", fields={"id": [str(error)]}) from error


def window_of(call: Call, board: Board, query: Mapping[str, Any]) -> Window:
    """The window that a query asks for. Raises InvalidInput."""
    name = query["window"]
    if name not in board.rolling:
        raise InvalidInput(
            f"This board keeps no window of {name}.", code="window_not_kept", fields={"window": ["Not kept."]}
        )
    return chosen_window(board, name, call.now, query.get("cursor"))


def answer(view: View, stamp: Stamp, rest: dict[str, Any]) -> Answer:
    """The answer of a read: its head and the rest."""
    etag = (stamp.rev, stamp.version, view.key_id, stamp.state)
    return Answer({**head(view, stamp), **rest}, etag_of=etag)


def head(view: View, stamp: Stamp) -> dict[str, Any]:
    """What the answer of a read begins with."""
    period = period_document(view.period, stamp.state)
    return {"board": view.board.name, "period": period, "total": stamp.total}


def period_document(period: Period | Window, state: str) -> dict[str, Any]:
    """A period as it is shown."""
    return {
        "name": period.name,
        "id": period.id,
        "starts_at": period.start and format_time(period.start),
        "ends_at": period.end and format_time(period.end),
        "state": state,
    }


def entry_document(view: View, entry: Entry) -> dict[str, Any]:
    """A row as it is shown."""
    row = {"rank": entry.rank, "player": entry.player, "score": entry.score, "subscore": entry.subscore}
    if view.metadata:
        row["metadata"] = entry.metadata and msgspec.Raw(entry.metadata.encode())
    return row


def read(view: Any, path: str, summary: str, schema: Any, query: Any, refusals: tuple[int, ...] = (404,)) -> Operation:
    """The operation of a read."""
    return Operation(view, "GET", path, summary, {200: schema, 304: None}, query, refusals=refusals)
