"""Who listens to a board."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PeriodName
from leaderboard.live.events import EventId
from leaderboard.live.standings import Place

_MOST_WAITING = 256 * 1024  # bytes that a slow reader may leave lying; then the top is sent anew instead


def anybody(_board: Board) -> bool:
    """Whoever has a board's stream may see the board."""
    return True


@dataclass(frozen=True, slots=True)
class Subscription:
    """What somebody asks to be told of."""

    game: str
    board: str
    period: PeriodName
    limit: int
    player: str | None
    last: EventId | None  # what they have seen already
    who: str  # tells those apart whose rights are not the same
    is_allowed: Callable[[], bool]  # whether they still may; may wait, and raise LeaderboardError where nobody can tell
    may_see: Callable[[Board], bool] = anybody  # by the definition that is told of: nothing is, before this is asked


@dataclass(eq=False, slots=True)
class Listener:
    """One of those, and what is on its way to them. Lives in the hub's loop."""

    subscription: Subscription
    wake: Callable[[], None]  # called when there is something to take, or it is over
    place: Place | None = None  # of the player, as told last
    knows: EventId | None = None  # what they have been told; None: nothing yet
    is_untold: bool = False  # whether they were not told yet that they know it
    told_at: float = 0.0
    has_lost: bool = False  # something, so that only the whole top helps; see `Track.rejoin`
    _waiting: list[bytes] = field(default_factory=list)
    _size: int = 0
    _is_ended: bool = False

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to come, and nothing left to take."""
        return self._is_ended and not self._waiting

    def tell(self, bodies: Sequence[bytes], knows: EventId, now: float) -> bool:
        """Sends events after which they know that; False where they read too slowly, and know nothing any more.

        The id goes with the last: who is cut off before that gets all of them once more. So the last is the one that
        must not come twice.
        """
        self.knows = knows
        if not bodies:
            self.is_untold = True
            return True
        *first, last = bodies
        return self.put([*first, knows.line() + last], now)

    def put(self, pieces: Sequence[bytes], now: float) -> bool:
        """Sends some bytes, as `tell`."""
        if self._is_ended:
            return True
        self._size += sum(map(len, pieces))
        if self._size > _MOST_WAITING:
            self._waiting.clear()
            self._size, self.knows, self.place = 0, None, None
            return False
        self._waiting += pieces
        self.is_untold, self.told_at = False, now
        self.wake()
        return True

    def take(self) -> bytes:
        """All that is on its way."""
        taken = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return taken

    def end(self, farewell: bytes = b"") -> None:
        """It is over once they took what is on its way."""
        if farewell and not self._is_ended:
            self._waiting.append(farewell)
        self._is_ended = True
        self.wake()
