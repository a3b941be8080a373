"""Snapshots: whole boards into one file while scores come in, on demand and every night.

Periods are read the narrowest first. So a best that comes in meanwhile can be missing in a day and stand in its month,
but never the other way round, which is what the short cut of `submit.lua` relies on.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO

from leaderboard.archive.periods import Archived, StandingsGone
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES, PeriodName
from leaderboard.boards.registry import Registry
from leaderboard.boards.snapshotfile import VERSION, BoardHead, Head, PeriodHead, SnapshotRow, Writer
from leaderboard.errors import LeaderboardError, StoreUnavailable, UnknownBoard
from leaderboard.running import Run
from leaderboard.store import scanning
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.times import format_time

_ROWS_AT_ONCE = 1000
_ARCHIVED_AT_ONCE = 500
_MOST_TRIES = 3
_NIGHTLY = re.compile(r"([a-z0-9_-]{1,32})-([0-9]{8}T[0-9]{6}Z)\.ndjson\.zst", re.ASCII)
_STAMP = "%Y%m%dT%H%M%SZ"
_NIGHT = time(3, 30)  # UTC
_HALF_WRITTEN = ".nightly-"

Checkpoint = Callable[[], None]


@dataclass
class Written:
    """What a snapshot holds."""

    boards: int = 0
    periods: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class _Meta:
    rev: str | None
    forgets: str
    closed_ms: int | None


class SnapshotFailed(LeaderboardError):
    """The folder cannot be written to."""

    code = "snapshot_failed"


class Snapshots:
    """Writes them."""

    def __init__(
        self, store: Store, registry: Registry, archive: ArchivedStandings, folder: Path, keep_nights: int
    ) -> None:
        self._store = store
        self._registry = registry
        self._archive = archive
        self._folder = folder
        self._keep_nights = keep_nights

    def write(
        self,
        game: str,
        boards: Sequence[str],
        target: BinaryIO,
        now: datetime,
        *,
        with_archive: bool = False,
        checkpoint: Checkpoint = lambda: None,
    ) -> Written:
        """Writes boards of one game; `checkpoint` is called between pieces and may raise to end it there.

        A board that is deleted meanwhile is left out. Raises Unavailable.
        """
        out = Writer(target, Head(VERSION, game, format_time(now)))
        done = Written()
        for name in boards:
            with suppress(UnknownBoard):
                self._write_board(game, name, _Target(out, with_archive, checkpoint, done))
                done.boards += 1
        out.end()
        return done

    def nightly(self, now: datetime, run: Run) -> dict[str, int]:
        """Writes a file a game into the folder, and removes those that are too old and what a killed run left.

        A game that has a file since the last half past three (UTC) is passed over, so that the job may be called at
        any time: what failed is tried again, and what was missed is made up for. Answers counts: boards, entries and
        bytes written, files removed. Raises Interrupted, Unavailable, SnapshotFailed.
        """
        try:
            return self._nightly(now, run)
        except OSError as error:
            raise SnapshotFailed(f"The snapshot cannot be written: {error}") from error

    def _nightly(self, now: datetime, run: Run) -> dict[str, int]:
        counts = {"boards": 0, "entries": 0, "bytes": 0, "removed": 0}
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob(_HALF_WRITTEN + "*"):
            left.unlink(missing_ok=True)
            counts["removed"] += 1
        games: dict[str, list[str]] = {}
        for board in self._registry.everywhere():
            games.setdefault(board.game, []).append(board.name)
        written = self._files(now)
        for game, boards in games.items():
            run.checkpoint()
            files = written.get(game, [])
            if files and files[-1][0] >= _last_night(now):
                continue
            path = self._folder / f"{game}-{now.astimezone(UTC):{_STAMP}}.ndjson.zst"
            with replacing(path, prefix=_HALF_WRITTEN) as file:
                done = self.write(game, boards, file, now, checkpoint=run.checkpoint)
                run.checkpoint()
            counts["boards"] += done.boards
            counts["entries"] += done.entries
            counts["bytes"] += path.stat().st_size
            old = [*files, (now, path)][: -self._keep_nights]
            for _, earlier in old:
                earlier.unlink(missing_ok=True)
            counts["removed"] += len(old)
        return counts

    def _files(self, now: datetime) -> dict[str, list[tuple[datetime, Path]]]:
        """Every game's nightly files, the oldest first; not those that a clock ahead has dated into the future."""
        found: dict[str, list[tuple[datetime, Path]]] = {}
        for path in self._folder.iterdir():
            match = _NIGHTLY.fullmatch(path.name)
            if match:
                at = datetime.strptime(match[2], _STAMP).replace(tzinfo=UTC)
                if at <= now:
                    found.setdefault(match[1], []).append((at, path))
        return {game: sorted(files) for game, files in found.items()}

    def _write_board(self, game: str, name: str, to: "_Target") -> None:
        for _ in range(_MOST_TRIES):
            board = self._registry.fresh(game, name)
            before = [self._meta(part) for part in board.parts]
            closed = max((meta.closed_ms for meta in before if meta.closed_ms is not None), default=None)
            to.out.begin_board(BoardHead(name, board.dump(), closed))
            parts = [self._write_part(part, number, to) for number, part in enumerate(board.parts)]
            after = [self._meta(part) for part in board.parts]
            whole = all(parts) and {meta.rev for meta in [*before, *after]} == {board.rev}
            uneven = [meta.forgets for meta in before] != [meta.forgets for meta in after]
            to.out.end_board(whole=whole, uneven=uneven)
            if whole:
                to.done.periods += len(to.periods)
                return
        raise StoreUnavailable(f"Board {name!r} keeps changing; try again.")

    def _write_part(self, board: Board, part: int, to: "_Target") -> bool:
        """False where something was replaced while it was read."""
        written = self._write_hot(board, part, to)
        return not to.with_archive or self._write_archived(board, part, to, written)

    def _write_hot(self, board: Board, part: int, to: "_Target") -> set[str]:
        """Answers the ids of the periods that were in the store."""
        unsealed = {as_text(period_id) for period_id in self._store.run("due", [board.keys.open], ["+inf", -1])}
        written = set()
        for name in reversed(PERIOD_NAMES):
            for member in self._registry.known_members(board.keys, name):
                period_id = member.split(":", 1)[1]
                head = PeriodHead(period_id, name, period_id in unsealed, archived=False, part=part)
                to.out.begin_period(head)
                for rows in self._hot_rows(board, period_id):
                    to.out.rows(rows)
                    to.checkpoint()
                with translated():  # or it was dropped while it was read, or has no entries
                    whole = bool(self._store.client.exists(board.keys.standings(period_id)))
                to.end_period(period_id, whole=whole)
                if whole:
                    written.add(period_id)
        return written

    def _hot_rows(self, board: Board, period_id: str) -> Iterator[list[SnapshotRow]]:
        for found in scanning.members(self._store, board.keys.standings(period_id), about=_ROWS_AT_ONCE):
            if board.keeps_metadata and found:
                yield self._with_metadata(board, period_id, [player for player, _ in found])
            else:
                yield [(player.decode(), repr(key), None) for player, key in found]

    def _with_metadata(self, board: Board, period_id: str, players: list[bytes]) -> list[SnapshotRow]:
        with translated():
            pipeline = self._store.client.pipeline(transaction=True)  # a score goes with its own metadata
            pipeline.zmscore(board.keys.standings(period_id), players)  # type: ignore[arg-type]
            pipeline.hmget(board.keys.metadata(period_id), players)
            keys, texts = pipeline.execute()
        return [
            (player.decode(), repr(key), None if text is None else as_text(text))
            for player, key, text in zip(players, keys, texts, strict=True)
            if key is not None
        ]

    def _write_archived(self, board: Board, part: int, to: "_Target", written: set[str]) -> bool:
        """False where a period was replaced while it was read."""
        for name in board.periods:
            for archived in self._archived(board, name):
                if archived.period in written or archived.pruned:
                    continue
                to.out.begin_period(PeriodHead(archived.period, name, open=False, archived=True, part=part))
                try:
                    for rows in self._archive.open(archived, board.ties).stream(size=_ROWS_AT_ONCE):
                        to.out.rows([(row.player, repr(row.key), row.metadata) for row in rows])
                        to.checkpoint()
                except StandingsGone:
                    to.end_period(archived.period, whole=False)
                    return False
                to.end_period(archived.period, whole=True)
        return True

    def _archived(self, board: Board, name: PeriodName) -> Iterator[Archived]:
        before: str | None = None
        while True:
            some = self._archive.newest(
                board.game, board.name, board.born, name, limit=_ARCHIVED_AT_ONCE, before=before
            )
            yield from some
            if len(some) < _ARCHIVED_AT_ONCE:
                return
            before = some[-1].period

    def _meta(self, board: Board) -> _Meta:
        with translated():
            rev, forgets, closed = self._store.client.hmget(board.keys.meta, ["rev", "forgets", "closed"])
        return _Meta(as_text(rev) if rev else None, as_text(forgets or "0"), int(closed) if closed else None)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a board goes, and what is told of it."""

    out: Writer
    with_archive: bool
    checkpoint: Checkpoint
    done: Written

    periods: set[str] = field(default_factory=set)  # those that are whole

    def end_period(self, period_id: str, *, whole: bool) -> None:
        rows = self.out.end_period(whole=whole)
        if whole:
            self.periods.add(period_id)
            self.done.entries += rows


def _last_night(now: datetime) -> datetime:
    night = datetime.combine(now.astimezone(UTC).date(), _NIGHT, UTC)
    return night if night <= now else night - timedelta(days=1)


@contextmanager
def replacing(path: Path, *, prefix: str = ".") -> Iterator[BinaryIO]:
    """A file that gets its name at the end of the block, whole and on disk, and is removed should the block fail.

    Killed, it leaves a file beside it that begins with the prefix and ends with `.partial`.
    """
    partial = path.with_name(f"{prefix}{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - a mode of its own
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name too
    finally:
        os.close(folder)
