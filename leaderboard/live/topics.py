"""One board that somebody here listens to."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period, PeriodName
from leaderboard.boards.registry import Registry
from leaderboard.errors import BoardsChanged, LeaderboardError, NotFound
from leaderboard.live import events
from leaderboard.live.feed import Moment, Question, look
from leaderboard.live.listeners import Listener
from leaderboard.live.tracks import Track
from leaderboard.store.connection import Store
from leaderboard.store.steps import finish_together

_APART_SECONDS = 0.25  # between two looks: at most four a second
_LOOK_SECONDS = 2.0  # without being woken: for what wakes nobody, such as a player who is removed
_DEAF_LOOK_SECONDS = 0.5  # where there is no subscription to wake anybody
_AWAY_SECONDS = 1.0  # after a look that failed
_MOST_TRIES = 5
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a look takes."""

    store: Store
    registry: Registry
    clock: Callable[[], datetime]


class Topic:
    """Looks at the board when it is woken, and tells the listeners. Lives in the hub's loop."""

    def __init__(
        self, game: str, name: str, sources: Sources, is_heard: Callable[[], bool], told: Callable[[int], None]
    ) -> None:
        self.game = game
        self.name = name
        self.tracks: dict[PeriodName, Track] = {}
        self._sources = sources
        self._is_heard = is_heard
        self._told = told
        self._wake = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Whether nobody listens."""
        return all(track.is_empty for track in self.tracks.values())

    @property
    def listeners(self) -> list[Listener]:
        """Everyone."""
        return [one for track in self.tracks.values() for one in (*track.listeners, *track.joining)]

    def join(self, listener: Listener, now: float) -> None:
        """Takes one in."""
        track = self.tracks.setdefault(listener.subscription.period, Track())
        if not track.join(listener, now):
            self.wake()

    def leave(self, listener: Listener) -> None:
        """Lets one go."""
        track = self.tracks.get(listener.subscription.period)
        if track is not None:
            track.leave(listener)
            if track.is_empty:
                del self.tracks[listener.subscription.period]

    def rejoin(self, listener: Listener) -> None:
        """Has one who read too slowly told of everything."""
        self.tracks[listener.subscription.period].rejoin(listener)
        self.wake()

    def wake(self) -> None:
        """Has it look."""
        self._wake.set()

    async def run(self) -> None:
        """Until nobody listens any more, or the board is gone."""
        loop = asyncio.get_running_loop()
        while not self.is_empty:
            begun = loop.time()
            self._wake.clear()
            try:
                await self._look()
                apart = _APART_SECONDS
            except NotFound as error:
                self._end(error.code)
                return
            except LeaderboardError as error:
                _log.warning("a followed board cannot be read", game=self.game, board=self.name, cause=repr(error))
                apart = _AWAY_SECONDS
            except Exception:  # noqa: BLE001 - the next look may go well
                _log.exception("a followed board cannot be read", game=self.game, board=self.name)
                apart = _AWAY_SECONDS
            await asyncio.sleep(max(0.0, begun + apart - loop.time()))
            patience = _LOOK_SECONDS if self._is_heard() else _DEAF_LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), patience)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        find = self._sources.registry.get
        for _ in range(_MOST_TRIES):
            board = await loop.run_in_executor(None, find, self.game, self.name)
            asked = self._asked(board)
            try:
                found = await loop.run_in_executor(None, self._answered, board, asked)
            except BoardsChanged:
                find = self._sources.registry.fresh
                continue
            self._send_away(board)
            for (track, period, _), moment in zip(asked, found, strict=True):
                self._told(track.bring(board, period, moment, loop.time()))
                if track.joining:  # those who are to be told of everything
                    self.wake()
            return
        raise BoardsChanged(self.name)

    def _asked(self, board: Board) -> list[tuple[Track, Period, Question]]:
        """What is to be asked; who follows a period that the board does not keep any more is sent away."""
        now, asked = self._sources.clock(), []
        for name, track in self.tracks.items():
            if name in board.periods:
                period = board.calendar.ago(name, now, 0)
                asked.append((track, period, track.question(board, period)))
            else:
                for listener in (*track.listeners, *track.joining):
                    listener.end(events.gone("period_not_kept"))
        return asked

    def _answered(self, board: Board, asked: Sequence[tuple[Track, Period, Question]]) -> list[Moment]:
        """In a thread. Raises BoardsChanged, Unavailable."""
        now = self._sources.clock()
        found = finish_together(self._sources.store, [look(board, question, now) for *_, question in asked])
        for one in found:
            if isinstance(one, Exception):
                raise one
        return [one for one in found if isinstance(one, Moment)]

    def _send_away(self, board: Board) -> None:
        """Ends those who may not see what the board has become, before they are told of it."""
        for listener in self.listeners:
            if not listener.subscription.may_see(board):
                listener.end(events.gone("not_allowed"))

    def _end(self, reason: str) -> None:
        for listener in self.listeners:
            listener.end(events.gone(reason))
