"""Which period or window of a board a reader asks for: by its id, by how long ago it was, by the page they are on."""

from datetime import datetime

from leaderboard.boards import cursors, windows
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period, PeriodName
from leaderboard.boards.windows import Window


def chosen_period(
    board: Board,
    name: PeriodName,
    now: datetime,
    *,
    id: str | None = None,  # noqa: A002 - ids are called so everywhere
    ago: int | None = None,
    cursor: str | None = None,
) -> Period:
    """A period of a name that the board keeps; by default the current one.

    A page goes on in its period, also when that has ended. Raises InvalidPeriodId, TimeOutOfRange; InvalidInput for
    what is no cursor.
    """
    if id is not None:
        return board.calendar.parse(name, id)
    if cursor is not None and ago is None:
        found, period_id = cursors.period_of(cursor)
        if found == name:
            return board.calendar.parse(name, period_id)
    return board.calendar.ago(name, now, ago or 0)


def chosen_window(board: Board, name: str, now: datetime, cursor: str | None = None) -> Window:
    """The current window of a name that the board keeps; a page goes on in the one it began in, while that is there.

    Raises InvalidInput for what is no cursor.
    """
    window = windows.current(board.calendar, name, now)
    if cursor is not None:
        before = Window(name, window.as_of.previous())
        if cursors.period_of(cursor) == (name, before.id):
            return before
    return window
