"""Rolling windows: built from their buckets piece by piece, kept up to date by submit.lua, dropped in the end.

From the moment a window is on the list of live ones (`windows` in the board's meta), every submission writes to it as
well, and one that does not know of it is sent back by the script. So the pieces may be brought in one by one while
scores come in, by anybody, and more than once: what a window holds is a function of its buckets.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from leaderboard.boards import windows
from leaderboard.boards.definition import Board
from leaderboard.boards.registry import Registry
from leaderboard.boards.revival import Revival
from leaderboard.boards.slots import is_derived, live_windows, window_rule
from leaderboard.boards.windows import Window
from leaderboard.errors import BoardsChanged, StoreUnavailable
from leaderboard.running import Run
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.locks import LOCK_MS, lock

_ROWS_AT_ONCE = 1000  # as many as a bulk submission's chunk
_ROWS_DERIVED_AT_ONCE = 250  # each asks all buckets
_READER_WAITS_SECONDS = 1.0  # then it is told to come again
# How long before its time the next window is built.
_AHEAD = {"hour": timedelta(minutes=15), "day": timedelta(hours=6)}


class Rolling:
    """Builds and drops windows."""

    def __init__(self, store: Store, registry: Registry, revival: Revival) -> None:
        self._store = store
        self._registry = registry
        self._revival = revival

    def run(self, now: datetime, run: Run) -> dict[str, int]:
        """Makes every board's windows those that the time asks for; answers how many were built and dropped."""
        counts = {"built": 0, "dropped": 0}
        failed: StoreUnavailable | None = None
        for board in self._registry.current(board for board in self._registry.everywhere() if board.rolling):
            run.checkpoint()
            try:
                for part in board.parts:
                    self._tend(part, now, run.checkpoint, counts)
            except BoardsChanged:
                continue  # deleted or changed meanwhile: the next run sees it as it is then
            except StoreUnavailable as error:  # such as another who builds this window: the others need not wait
                failed = error
        if failed is not None:
            raise failed
        return counts

    def ensure(self, board: Board, window: Window, checkpoint: Callable[[], None] = lambda: None) -> bool:
        """Builds a window of a board or a part unless it is there; answers whether it had to.

        Raises BoardsChanged, StoreUnavailable.
        """
        key = board.keys.lock_of(window.key_id)
        with lock(self._store, key, wait_seconds=_READER_WAITS_SECONDS) as token:

            def between() -> None:
                self._store.run("renew", [key], [token, LOCK_MS])
                checkpoint()

            if window.member in self._live_text(board).split():
                return False
            self._build(board, window, between)
            return True

    def _tend(self, board: Board, now: datetime, checkpoint: Callable[[], None], counts: dict[str, int]) -> None:
        wanted: list[Window] = []
        for name in board.rolling:
            window = windows.current(board.calendar, name, now)
            wanted.append(window)
            if window.end is not None and window.end - now <= _AHEAD[window.as_of.name]:
                wanted.append(window.next())
        live = self._live_text(board)
        for window in wanted:
            if window.member not in live.split():
                counts["built"] += self.ensure(board, window, checkpoint)
        current = {window.name: window.as_of.start for window in reversed(wanted)}
        for window in live_windows(board.calendar, live):
            # The last one is kept for whoever turns its pages, or has a clock that is behind.
            end, start = window.end, current.get(window.name)
            if start is None or (end is not None and end < start):
                self._change(board, window, "drop")
                counts["dropped"] += 1

    def _build(self, board: Board, window: Window, checkpoint: Callable[[], None]) -> None:
        # Before anybody writes to the window: what a write makes of it rests on all buckets.
        self._revival.bring(board, [bucket for bucket in window.buckets if bucket.name in board.periods])
        self._change(board, window, "build")
        keys = [board.keys.meta, *board.keys.triple(window.key_id)]
        for bucket in window.buckets:
            keys += board.keys.triple(bucket.id)
        job = self._store.pack(_job(board, window))
        rows = _ROWS_DERIVED_AT_ONCE if is_derived(board) else _ROWS_AT_ONCE
        for number in range(1, len(window.buckets) + 1):
            after: list[Any] = []
            done = rows
            while done == rows:
                answer = self._store.run("fill", keys, [job, number, rows, *after])
                if not answer:
                    raise BoardsChanged(board.whole.name)
                done, *after = answer
                checkpoint()
        self._change(board, window, "ready")

    def _change(self, board: Board, window: Window, to: str) -> None:
        keys = [board.keys.meta, *board.keys.triple(window.key_id)]
        if self._store.run("live", keys, [board.rev, to, window.member]) is None:
            raise BoardsChanged(board.whole.name)

    def _live_text(self, board: Board) -> str:
        with translated():
            text = self._store.client.hget(board.keys.meta, "windows")
        return as_text(text) if text else ""


def _job(board: Board, window: Window) -> dict[str, Any]:
    return {
        "rev": board.rev,
        "window": window.member,
        "rule": window_rule(board),
        "ties": board.ties,
        "derived": is_derived(board),
        "metadata": board.keeps_metadata,
        "expires": board.window_expires_at(window),
    }
