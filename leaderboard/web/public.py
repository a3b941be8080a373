"""The pages of a public board: for its players, and for a frame in another page. No session, no cookie.

A board that is not public is answered as one that is not there. What is shown is kept for a second by each process,
and for a few more by whoever asks, so that many who look cost the store little.
"""

import gzip
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from threading import Lock

import zstandard
from flask import Blueprint, Response, current_app, make_response, render_template, request

from leaderboard.boards.definition import Board
from leaderboard.errors import InvalidInput, NotFound, Unavailable, UnknownBoard
from leaderboard.web.choosing import reading, require_public, whole
from leaderboard.web.rendering import allow_embedding, services
from leaderboard.web.standings import Place, Table, table_of

_ROWS = 50
_EMBEDDED_ROWS = 10
_MOST_ROWS = 100
_ASKED = ("period", "id", "ago", "window", "cursor", "player")
_THEMES = ("light", "dark")
_KEPT = timedelta(seconds=1)
_MOST_KEPT = 256
_PATIENCE_SECONDS = 2.0  # with what somebody else reads
_CACHING = "public, max-age=2, stale-while-revalidate=10"
_PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda page: zstandard.ZstdCompressor(3).compress(page),
    "gzip": lambda page: gzip.compress(page, 5, mtime=0),
}
_PROBLEMS = {
    NotFound: (404, "There is nothing here"),
    InvalidInput: (422, "This address asks for something that is not there"),
    Unavailable: (503, "The board cannot be shown now"),
}

blueprint = Blueprint("public_pages", __name__)


class Remembered:
    """The last tables that were shown; one a process."""

    def __init__(self) -> None:
        self._tables: OrderedDict[str, tuple[datetime, Table]] = OrderedDict()
        self._coming: dict[str, Future[Table]] = {}  # what is being read now
        self._guard = Lock()

    def get(self, name: str, now: datetime, read: Callable[[], Table]) -> Table:
        """What `read` answers, or answered less than a second ago; who asks meanwhile is given the same."""
        with self._guard:
            at, table = self._tables.get(name, (now, None))
            if table is not None and at <= now < at + _KEPT:
                return table
            coming = self._coming.get(name)
            mine = self._coming.setdefault(name, Future())
        if coming is None:
            return self._read(name, now, read, mine)
        try:
            return coming.result(_PATIENCE_SECONDS)
        except TimeoutError:
            return read()

    def _read(self, name: str, now: datetime, read: Callable[[], Table], coming: "Future[Table]") -> Table:
        try:
            table = read()
        except BaseException as error:
            with self._guard:
                del self._coming[name]
            coming.set_exception(error)
            raise
        with self._guard:
            del self._coming[name]
            self._tables[name] = (now, table)
            self._tables.move_to_end(name)
            while len(self._tables) > _MOST_KEPT:
                self._tables.popitem(last=False)
        coming.set_result(table)
        return table


@blueprint.get("/b/<game>/<board:name>")
def show(game: str, name: str) -> Response:
    """The board for its players."""
    return _answer(game, name, "public/show.html", _ROWS)


@blueprint.get("/b/<game>/<board:name>/embed")
def embed(game: str, name: str) -> Response:
    """The bare table, for a frame in any page; with `overlay=1` large and on nothing, over a stream's picture."""
    allow_embedding()
    overlay = request.args.get("overlay") == "1"
    return _answer(game, name, "public/embed.html", _EMBEDDED_ROWS, "embed embed--overlay" if overlay else "embed")


def _answer(game: str, name: str, template: str, rows: int, body_class: str = "") -> Response:
    """A page, or one that says why not: the error pages of those who are signed in are none to be framed."""
    look = {"theme": _theme(), "body_class": body_class}
    try:
        table = _table(game, name, whole(request.args, "limit", rows, 1, _MOST_ROWS))
        response = make_response(render_template(template, table=table, **look))
        response.headers["Cache-Control"] = _CACHING
        _pack(response)
    except (NotFound, InvalidInput, Unavailable) as error:
        status, title = next(told for kind, told in _PROBLEMS.items() if isinstance(error, kind))
        page = render_template("public/problem.html", title=title, detail=error.detail, **look)
        response = make_response(page, status)
        response.headers["Cache-Control"] = "no-store"
        if isinstance(error, Unavailable):
            response.headers["Retry-After"] = str(error.retry_after)
    return response


def _pack(response: Response) -> None:
    """Makes a page smaller for who takes it so. Pages of who is signed in hold a form's token: those stay."""
    response.vary.add("Accept-Encoding")
    for encoding, pack in _PACKINGS.items():
        if request.accept_encodings.quality(encoding) > 0:
            response.set_data(pack(response.get_data()))
            response.headers["Content-Encoding"] = encoding
            return


def _table(game: str, name: str, limit: int) -> Table:
    """What is shown of a public board. Raises NotFound for any other, InvalidInput, Unavailable."""
    wired = services()

    def read(board: Board) -> Table:
        require_public(wired, board)
        return table_of(wired, Place(game, name, is_public=True), board, request.args, limit)

    def look() -> Table:
        try:
            return reading(wired, game, name, read)
        except UnknownBoard as error:
            raise NotFound("There is no public board at this address.", code="unknown_board") from error

    kept = current_app.extensions.setdefault("leaderboard_public", Remembered())
    asked = "\0".join(request.args.get(one, "") for one in _ASKED)
    found: Table = kept.get(f"{game}\0{name}\0{limit}\0{asked}", wired.clock(), look)
    return found


def _theme() -> str | None:
    theme = request.args.get("theme")
    return theme if theme in _THEMES else None
