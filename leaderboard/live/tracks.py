"""One period of a board and those who follow it: what each of them is told of a new moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period
from leaderboard.live import events
from leaderboard.live.events import EventId
from leaderboard.live.feed import Moment, Question, Versions
from leaderboard.live.listeners import Listener
from leaderboard.live.standings import Move, Place, Row, difference, passed, unwound

_MOST_MOVES = 256  # that are undone for one who was away; more, and they get the top as it is
_MOST_PASSED = 10  # shown of those who went past a player


@dataclass(frozen=True, slots=True)
class Scene:
    """What a moment is of."""

    board: Board
    period: Period
    moment: Moment
    # Made once for all who are told the same: of a limit, the top, and what became of it since some versions.
    _tops: dict[int, bytes] = field(default_factory=dict)
    _missed: dict[tuple[Versions, int], list[bytes]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Of how many rows it surely tells."""
        return 1_000_000 if len(self.moment.rows) >= self.moment.total else len(self.moment.rows)

    @property
    def total(self) -> int:
        """How many it shows."""
        return _shown(self.board, self.moment.total)

    def top(self, rows: Sequence[Row], limit: int) -> Sequence[Row]:
        """As many of some rows as are shown, at most."""
        return rows[: _shown(self.board, limit)]

    def is_of(self, board: Board, period: Period) -> bool:
        """Whether it is of this definition and period."""
        return (self.board.rev, self.period.id) == (board.rev, period.id)

    def goes_on_from(self, before: "Scene") -> bool:
        """Whether what it has can be told as changes of another."""
        return before.is_of(self.board, self.period) and before.moment.history == self.moment.history

    def event_id(self) -> EventId:
        """What those know who were told of it."""
        return EventId(self.board.rev, self.moment.history, self.period.id, self.moment.versions)

    def event_id_with(self, place: Place | None) -> EventId:
        """The same for those who follow a player."""
        return replace(self.event_id(), player=place, knows_player=True)

    def snapshot(self, limit: int) -> bytes:
        """The event that tells the top."""
        if limit not in self._tops:
            top = self.top(self.moment.rows, limit)
            self._tops[limit] = events.snapshot(self.board, self.period, self.total, top)
        return self._tops[limit]

    def missed(self, versions: Versions, moves: Sequence[Move], limit: int) -> list[bytes]:
        """The events that tell what became of the top since then; `moves` are all since."""
        if (versions, limit) not in self._missed:
            gained = sum((move.new is not None) - (move.old is not None) for move in moves)
            rows = unwound(self.moment.rows, moves)
            self._missed[versions, limit] = _changes(rows, self.moment.total - gained, limit, self)
        return self._missed[versions, limit]


class Track:
    """Lives in the hub's loop."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.joining: set[Listener] = set()  # those who are told at the next moment what they missed
        self._asked: set[Listener] = set()  # those of them who joined before the moment was asked for
        self._scene: Scene | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody is left."""
        return not self.listeners and not self.joining

    def join(self, listener: Listener, now: float) -> bool:
        """Takes one in; False where they have to wait for the next moment."""
        asked, scene = listener.subscription, self._scene
        is_known = (
            scene is not None and asked.player is None and asked.limit <= scene.rows and asked.may_see(scene.board)
        )
        if scene is None or not is_known or asked.last not in (None, scene.event_id()):
            self.joining.add(listener)
            return False
        if asked.last is None:
            _tell_all(listener, scene, now)
        else:
            listener.knows = asked.last
        self.listeners.add(listener)
        return True

    def leave(self, listener: Listener) -> None:
        """Lets one go."""
        self.listeners.discard(listener)
        self.joining.discard(listener)

    def rejoin(self, listener: Listener) -> None:
        """Has one told of everything at the next moment: one who read too slowly, or of whom too little was asked."""
        listener.has_lost = True
        self.listeners.discard(listener)
        self.joining.add(listener)

    def question(self, board: Board, period: Period) -> Question:
        """What is to be asked for the next moment."""
        everyone = [one.subscription for one in (*self.listeners, *self.joining)]
        back = [last.versions for one in self.joining if (last := _seen(one, board, period)) is not None]
        since = list(back)
        if self._scene is not None and self._scene.is_of(board, period):
            since.append(self._scene.moment.versions)
        self._asked = set(self.joining)
        return Question(
            period.id,
            max((one.limit for one in everyone), default=1) + (_MOST_MOVES if back else 0),
            tuple(map(min, zip(*since, strict=True))) if since else None,
            list(dict.fromkeys(one.player for one in everyone if one.player is not None)),
        )

    def bring(self, board: Board, period: Period, moment: Moment, now: float) -> int:
        """Tells everyone of a new moment; answers to how many there was something to tell."""
        before, self._scene = self._scene, Scene(board, period, moment)
        for listener in [one for one in self.listeners if one.subscription.limit > self._scene.rows]:
            self.rejoin(listener)  # they joined when this was on its way, and few rows were all there were
        if before is not None and self._scene.goes_on_from(before):
            told = self._tell_changes(before, self._scene, now)
        else:
            told = sum(_tell_all(listener, self._scene, now) for listener in self.listeners)
        welcome = self.joining & self._asked
        told += sum(_welcome(listener, self._scene, now) for listener in welcome)
        self.joining -= welcome
        self.listeners |= welcome
        for listener in [one for one in self.listeners if one.knows is None]:
            self.rejoin(listener)
        return told

    def _tell_changes(self, before: Scene, scene: Scene, now: float) -> int:
        if before.moment.versions == scene.moment.versions:
            return 0
        told = 0
        moves = scene.moment.moves_since(before.moment.versions)
        bodies: dict[int, list[bytes]] = {}
        event_id = scene.event_id()
        for listener in self.listeners:
            limit = listener.subscription.limit
            if limit not in bodies:
                bodies[limit] = _changes(before.moment.rows, before.moment.total, limit, scene)
            if listener.subscription.player is None:
                told += _tell(listener, bodies[limit], event_id, now)
            else:
                told += _tell_of_player(listener, listener.subscription.player, bodies[limit], scene, moves, now)
        return told


def _shown(board: Board, count: int) -> int:
    """How many of so many a board shows."""
    most: int | None = board.definition["max_entries"]
    return count if most is None else min(count, most)


def _seen(listener: Listener, board: Board, period: Period) -> EventId | None:
    """What one who joins has seen already, if it is of this definition and period, and tells of their player."""
    asked = listener.subscription
    last = asked.last
    if last is None or listener.has_lost or (asked.player is not None and not last.knows_player):
        return None
    is_same = (last.rev, last.period_id, len(last.versions)) == (board.rev, period.id, len(board.parts))
    return last if is_same else None


def _changes(rows: Sequence[Row], total: int, limit: int, scene: Scene) -> list[bytes]:
    """What became of a board that had these rows and that total."""
    found = difference(scene.top(rows, limit), scene.top(scene.moment.rows, limit), scene.board.ties)
    is_news = bool(found.rows or found.left or _shown(scene.board, total) != scene.total)
    return [events.change(scene.board, scene.total, found)] if is_news else []


def _tell(listener: Listener, bodies: Sequence[bytes], knows: EventId, now: float) -> bool:
    return listener.tell(bodies, knows, now) and bool(bodies)


def _tell_of_player(
    listener: Listener, player: str, bodies: list[bytes], scene: Scene, moves: list[Move] | None, now: float
) -> bool:
    """Sends what there is, and what became of a player."""
    board, moment = scene.board, scene.moment
    before, after = listener.place, moment.places.get(player)
    more = []
    if before != after or listener.knows is None:
        more.append(events.standing(board, player, after, scene.total))
    if before is not None and after is not None:
        found = passed(player, before, after, moves or [], board.ties, _MOST_PASSED)
        # Where the moves are known and nobody went past, a rank is another because of how equal scores are counted.
        if found.count or (moves is None and after.rank > before.rank and after.key == before.key):
            more.append(events.overtaken(board, player, before, after, found))  # last, see `Listener.tell`
    listener.place = after
    return _tell(listener, bodies + more, scene.event_id_with(after), now)


def _tell_all(listener: Listener, scene: Scene, now: float) -> bool:
    """Sends the top as it is."""
    asked, body = listener.subscription, scene.snapshot(listener.subscription.limit)
    listener.knows = listener.place = None
    if asked.player is None:
        return _tell(listener, [body], scene.event_id(), now)
    return _tell_of_player(listener, asked.player, [body], scene, None, now)


def _welcome(listener: Listener, scene: Scene, now: float) -> bool:
    """Tells one who joins what they missed, or all there is."""
    asked, moment = listener.subscription, scene.moment
    last = _seen(listener, scene.board, scene.period)
    moves = None if last is None or last.history != moment.history else moment.moves_since(last.versions)
    if last is None or moves is None or len(moves) > _MOST_MOVES:
        return _tell_all(listener, scene, now)
    listener.knows, listener.place = last, last.player
    bodies = scene.missed(last.versions, moves, asked.limit)
    if asked.player is None:
        return _tell(listener, bodies, scene.event_id(), now)
    return _tell_of_player(listener, asked.player, bodies, scene, moves, now)
