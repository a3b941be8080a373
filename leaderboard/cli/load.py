"""`leaderboard load`: any number of submissions from a file, as a backfill that can be broken off and taken up again.

How far a load has come is kept with each board's data and moved on by the script call that applies a chunk, so that
after any crash loading the same file again applies what is missing and nothing twice. A load is known by the digest
of the whole file; loading a file again that was loaded to its end therefore does nothing, unless `--again` is given.
"""

import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import click

from leaderboard import jsontext
from leaderboard.boards.batches import Submission
from leaderboard.boards.chunks import Item
from leaderboard.boards.definition import Board
from leaderboard.boards.items import read_item, read_line
from leaderboard.boards.partitioning import part_of
from leaderboard.cli.context import check_game, opened, say, store_options
from leaderboard.cli.inputs import digest, documents, seekable
from leaderboard.config import Settings
from leaderboard.errors import LeaderboardError, UnknownBoard, UnreadableBody
from leaderboard.reports import Refusal, Rejection
from leaderboard.services import Services

_LINES_AT_ONCE = 8000
_Line = tuple[int, Any, Submission]


@dataclass
class _Progress:
    """What has been done, over all boards; `line` counts the file's lines, empty ones too."""

    line: int = 0
    skipped: int = 0
    places: dict[str, list[str]] = field(default_factory=dict)  # of each board, one a part
    refused_without_board: int = 0

    def totals(self) -> tuple[int, int, int]:
        """Applied, unchanged and refused, this time and before."""
        places = [place for of_board in self.places.values() for place in of_board]
        counts = [[int(part) for part in place.split()[1:]] for place in places]
        applied, unchanged, refused = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
        return applied, unchanged, refused + self.refused_without_board


@click.command()
@click.argument("game")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--board", help="The board of all lines, whatever they name themselves.")
@click.option("--again", is_flag=True, help="Load it even if it, or a part of it, was loaded before.")
@click.option(
    "--rejects", type=click.Path(path_type=Path), help="Where refused lines go; FILE.rejects.ndjson by default."
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@store_options
def load(
    game: str,
    file: Path,
    board: str | None,
    again: bool,
    rejects: Path | None,
    as_json: bool,
    settings: Settings,
) -> None:
    """Load submissions from FILE (NDJSON or CSV, gzip or not, - for stdin) as a backfill.

    Broken off in any way, it goes on where it was when it is called again with the same file.
    """
    rejects = rejects or Path(f"{'stdin' if str(file) == '-' else file}.rejects.ndjson")
    with opened(settings) as services:
        check_game(services, game)
        progress = load_file(services, game, file, board=board, rejects=rejects, again=again)
    applied, unchanged, refused = progress.totals()
    report = {"lines": progress.line, "applied": applied, "unchanged": unchanged, "rejected": refused}
    if as_json:
        click.echo(jsontext.dumps({**report, "passed_over": progress.skipped}))
    else:
        click.echo(f"{progress.line} lines: {applied} applied, {unchanged} unchanged, {refused} rejected")
    if progress.skipped:
        say(f"{progress.skipped} of them had been loaded before and were passed over.")
    if refused:
        say(f"Rejected lines are in {rejects}.")


def load_file(
    services: Services,
    game: str,
    file: Path,
    *,
    board: str | None = None,
    rejects: Path = Path("rejects.ndjson"),
    again: bool = False,
) -> "_Progress":
    """Loads a file, or what is missing of it."""
    with seekable(file) as source:
        known_by = digest(source, salt=services.clock().isoformat() if again else "")
        return Loader(services, game, board, known_by, rejects).run(documents(source))


class Loader:
    """Applies documents in chunks, board by board."""

    def __init__(self, services: Services, game: str, board: str | None, digest: str, rejects: Path) -> None:
        self._services = services
        self._game = game
        self._board = board
        self._digest = digest
        self._rejects_path = rejects
        self._progress = _Progress()

    def run(self, documents: Iterable[tuple[int, Any]]) -> _Progress:
        """Loads everything; answers the counts."""
        size = self._services.settings.chunk_items
        with _RejectsFile(self._rejects_path, self._digest) as rejects, _bar() as tell:
            for chunk in _chunks(documents, _LINES_AT_ONCE):
                groups: dict[str, list[_Line]] = {}
                for line, document in chunk:
                    self._progress.line = line
                    item = _read(line, document, self._board)
                    if isinstance(item, Rejection):
                        self._progress.refused_without_board += 1
                        rejects.write(line, document, item.refusal)
                    else:
                        groups.setdefault(item.board, []).append((line, document, item.submission))
                for board, rows in groups.items():
                    self._apply(board, rows, size, rejects)
                tell(self._progress)
        return self._progress

    def _apply(self, name: str, rows: list[_Line], size: int, rejects: "_RejectsFile") -> None:
        try:
            board = self._services.registry.get(self._game, name)
        except UnknownBoard as error:
            self._progress.refused_without_board += len(rows)
            for line, document, _ in rows:
                rejects.write(line, document, Refusal(error.code, error.detail))
            return
        if name not in self._progress.places:
            self._progress.places[name] = self._services.submissions.places_of(board, self._digest)
        for start in range(0, len(rows), size * len(board.parts)):
            self._apply_some(board, rows[start : start + size * len(board.parts)], rejects)

    def _apply_some(self, board: Board, rows: list[_Line], rejects: "_RejectsFile") -> None:
        done = [int(place.split()[0]) for place in self._progress.places[board.name]]
        left = [row for row in rows if row[0] > done[part_of(row[2].player, len(done))]]
        self._progress.skipped += len(rows) - len(left)
        if not left:
            return
        place = {"id": self._digest, "to": left[-1][0]}
        taken = [submission for _, _, submission in left]
        refused, now_at = self._services.submissions.load(board, taken, self._services.clock(), place)
        self._progress.places[board.name] = now_at
        for one in refused:
            line, document, _ = left[one.index]
            rejects.write(line, document, one.refusal)


class _RejectsFile:
    """Refused lines with their reasons, each once however often the load was broken off.

    A load that is killed between applying a chunk and writing here has counted that chunk's refusals, but not written
    them: `--again` is not the remedy, for it would apply the good ones twice.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self._path = path
        self._load = digest[:12]
        self._file: IO[bytes] | None = None
        self._written: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: int, document: Any, refusal: Refusal) -> None:
        if self._file is None:
            self._written = set(self._lines_there())
            self._file = self._path.open("ab")
        if line in self._written:
            return
        row = {
            "load": self._load,
            "line": line,
            "code": refusal.code,
            "detail": refusal.detail,
            "item": _shown(document),
        }
        self._file.write(jsontext.dumps(row) + b"\n")
        self._file.flush()

    def _lines_there(self) -> Iterator[int]:
        if not self._path.exists():
            return
        with self._path.open("rb") as rows:
            for row in rows:
                with suppress(UnreadableBody, AttributeError, KeyError):
                    known = jsontext.loads(row)
                    if known["load"] == self._load:
                        yield int(known["line"].text)


def _read(line: int, document: Any, board: str | None) -> Item | Rejection:
    if isinstance(document, bytes):
        return read_line(line, document, board)
    if isinstance(document, LeaderboardError):
        return Rejection(line, Refusal(document.code, document.detail))
    return read_item(line, document, board)


def _shown(document: Any) -> Any:
    """A refused line as the rejects file shows it: the document, or its text where it is none."""
    if isinstance(document, LeaderboardError):
        return None
    if isinstance(document, bytes):
        try:
            return jsontext.loads(document)
        except UnreadableBody:
            return document.decode("utf-8", "replace")[:2000]
    return document


def _chunks(documents: Iterable[tuple[int, Any]], size: int) -> Iterator[list[tuple[int, Any]]]:
    iterator = iter(documents)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


@contextmanager
def _bar() -> Iterator[Any]:
    """Says how far it is: in place on a terminal, a line now and then elsewhere."""
    on_terminal = sys.stderr.isatty()
    last = 0

    def tell(progress: _Progress) -> None:
        nonlocal last
        if on_terminal:
            click.echo(f"\r{progress.line:,} lines ", err=True, nl=False)
        elif progress.line - last >= 100_000:
            last = progress.line
            say(f"{progress.line} lines")

    yield tell
    if on_terminal:
        click.echo(err=True)
