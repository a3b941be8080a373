"""What somebody types to try a board from a terminal."""

from typing import Any

from leaderboard import jsontext
from leaderboard.boards.definition import Board

_SCORE = 100


def submission_of(board: Board) -> str:
    """The body of a submission that the board takes, as JSON that a shell leaves alone between single quotes."""
    definition = board.definition
    body: dict[str, Any] = {"player": "ada", "score": _within(definition["score"])}
    if definition["subscore"] is not None:
        body["subscore"] = _within(definition["subscore"])
    return jsontext.dumps(body).decode()


def _within(bounds: Any) -> Any:
    """A hundred, or the bound that is nearest to it."""
    low, high = bounds["min"], bounds["max"]
    if low is not None and low > _SCORE:
        return low
    return high if high is not None and high < _SCORE else _SCORE
