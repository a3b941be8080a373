"""Reads whose answers are kept for all workers, because they are expensive to make."""

from collections.abc import Callable
from typing import Any

from leaderboard import jsontext
from leaderboard.api.operations import Call
from leaderboard.api.replies import Answer
from leaderboard.boards.slots import end_ms
from leaderboard.boards.views import View
from leaderboard.boards.windows import Window
from leaderboard.store.cache import Asked, Finished

_WHICH_PERIOD = ("period", "id", "ago", "window")  # which the view says


def remember(
    call: Call,
    operation: str,
    view: View,
    make: Callable[[], Answer],
    *,
    exact: bool = True,
    also: tuple[Any, ...] = (),
) -> Answer:
    """The answer of a read that is checked already: one that is kept and will do, or what `make` answers.

    `exact`: whether it is the same for as long as the board's version is; `also`: what it depends on besides the query.
    Raises what `make` raises.
    """
    period = None if isinstance(view.period, Window) else view.period
    parts = view.board.parts
    query = sorted((name, value) for name, value in call.query.items() if name not in _WHICH_PERIOD)
    asked = Asked(
        keys=view.board.keys,
        rev=view.board.rev,
        view=view.key_id,
        ends_ms=None if period is None or period.end is None else end_ms(period),
        what=repr((operation, view.state, query, also)),
        fresh="no-cache" in call.request.headers.get("Cache-Control", "").lower(),
        exact=exact,
        parts=[part.keys for part in parts] if len(parts) > 1 else (),
    )

    def finish() -> Finished:
        answer = make()
        return Finished(jsontext.dumps(answer.document), answer.etag_of)

    def still_there() -> bool:
        """What the archive lost by its own retention, no version of the board tells."""
        found = [call.services.cold.find(part, view.period.id) for part in parts]
        return all(archived is None or not archived.pruned for archived in found)

    found = call.services.cache.answer(asked, finish, still_there)
    headers = {}
    if found.stale_seconds is not None:
        headers = {"Age": str(int(found.stale_seconds)), "Warning": '110 - "Response is Stale"'}
    return Answer(found.body, etag_of=found.etag_of, headers=headers)
