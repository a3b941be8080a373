"""From submissions to the batch that `submit.lua` takes.

A batch is for one board and at most some thousand items. Its fields, as the script reads them:

    rev        the definition the keys are encoded by
    operator, ties, limit (max_entries or 0), packed, limits   what the board does
    quick      nothing but one ZADD an item and period is needed
    stride     keys a slot: 1 (standings) or 3 (with dense and metadata)
    slots      the periods: {id, name: "week:2026-W47", ends (Unix milliseconds), closes, expires (seconds), late,
               absent (as of how many drops it is not in the archive)}; the rolling windows: {id, window, expires,
               buckets (slots, newest first) where it is derived from them}; the buckets that such windows read: {id}
    now        Unix milliseconds: whether anybody follows the board by now
    backfill, windows            what the caller does and knows, see `Situation`
    rule       how a rolling window is derived, see store/lua/windows.lua
    profiles   which slots a submission touches, narrowest first: [slot, show, inside...] (numbers from 1)
    profile    of each item, from 1
    players    of each item
    keys, floors, ceils          of each item, for best and last; the latter two only where time breaks ties
    deltas, width                `width` numbers an item, for sum
    metadata   item -> JSON text, present when the board keeps metadata
    marker_ms, extra             lifetime of the idempotency marker (0 for none), and what to keep in it
    mark_refused                 whether a batch of which nothing was taken is marked as well
    place      {id, to, refused} of a load
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from leaderboard import numerals
from leaderboard.boards import periods
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import Period
from leaderboard.boards.slots import Slot, Slots, end_ms, is_derived, live_windows, window_rule
from leaderboard.boards.sortkey import Placed
from leaderboard.fields import check_player
from leaderboard.numerals import Literal
from leaderboard.reports import Refusal
from leaderboard.store.keys import BoardKeys

FUTURE_SECONDS = 60  # how far ahead a clock may be
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Submission(msgspec.Struct, frozen=True):
    """One score of one player, as it came."""

    player: str
    score: Literal
    subscore: Literal | None = None
    at: datetime | None = None  # None: now
    metadata: str | None = None  # compact JSON


REFUSED_BY_TOTAL = Refusal("score_out_of_range", "The total would leave the board's range.")


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for all submissions of one call."""

    now: datetime
    backfill: bool = False
    # None: no details. Else the periods whose ranks the answer shows; the widest one's score is shown in any case.
    ranks: frozenset[str] | None = None
    by_client: bool = False  # a game client: only where the board allows it, and only for now


@dataclass(frozen=True, slots=True)
class Situation:
    """What a process knows of the life of a board's periods; the store tells when it is not so any more."""

    closed_ms: int = 0  # periods that ended before take no scores any more, but by a backfill
    windows: str = ""  # the rolling windows that are kept up to date


class _Refused(ValueError):
    """A submission that the board's codec has nothing against, and that is not taken all the same."""

    def __init__(self, code: str, detail: str, field: str) -> None:
        super().__init__(detail)
        self.code = code
        self.field = field


@dataclass(slots=True)
class _Profile:
    number: int
    begins: datetime | None  # the stretch of time in which every instant has this profile
    ends: datetime | None


@dataclass
class Batch:
    """Collects submissions of one board; `add` refuses what the board cannot take."""

    board: Board
    context: Context
    situation: Situation = Situation()
    absent: Mapping[str, int] = field(default_factory=dict)  # periods that are not in the archive, as of how many drops
    gone: Collection[
        str
    ] = ()  # periods whose standings the archive has removed: what is added would seem all there was
    slots: list[Slot] = field(default_factory=list)
    profiles: list[list[list[int]]] = field(default_factory=list)
    profile: list[int] = field(default_factory=list)
    players: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    ceils: list[float] = field(default_factory=list)
    deltas: list[float] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._definition = self.board.definition
        self._operator: str = self._definition["operator"]
        self._grace = timedelta(seconds=self._definition["late_grace_seconds"])
        self._derives = is_derived(self.board)
        self._latest = self.context.now + timedelta(seconds=FUTURE_SECONDS)
        self._last: _Profile | None = None
        self._numbers: dict[tuple[str, ...], int] = {}
        self._slots = Slots(self.board, self.context.now, self.absent, self.slots)
        self._windows = live_windows(self.board.calendar, self.situation.windows)

    def add(self, item: Submission) -> Refusal | None:
        """Takes one submission, or says why not and is as it was before."""
        try:
            at = self._checked_time(item)
            numbers = self._numbers_of(item, (at - _EPOCH) // _MILLISECOND)
            profile = self._profile_at(at)
        except periods.TimeOutOfRange as error:
            return Refusal("time_out_of_range", str(error), "at")
        except (numerals.OrderingError, _Refused) as error:
            return Refusal(error.code, str(error), error.field)
        self._add_numbers(numbers)
        self.profile.append(profile)
        self.players.append(item.player)
        if item.metadata is not None:
            self.metadata[str(len(self.players))] = item.metadata
        return None

    def steps(self, item: int = 0) -> list[tuple[Period, int]]:
        """The periods that an item (from 0) shows in the answer, in the order of its details."""
        steps = self.profiles[self.profile[item] - 1]
        return [(self.slots[step[0] - 1].period, step[1]) for step in steps if step[1]]

    def message(
        self, *, marker_ms: int = 0, extra: str = "", mark_refused: bool = True, place: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The batch as the script takes it."""
        message: dict[str, Any] = {
            "rev": self.board.rev,
            "operator": self._operator,
            "ties": self.board.ties,
            "limit": self._definition["max_entries"] or 0,
            "quick": self._quick(),
            "stride": self._stride(),
            "slots": [slot.message for slot in self.slots],
            "backfill": self.context.backfill,
            "windows": self.situation.windows,
            "profiles": self.profiles,
            "profile": self.profile,
            "players": self.players,
            "marker_ms": marker_ms,
            "now": int(self.context.now.timestamp() * 1000),
        }
        if self._windows and self._derives:
            message["rule"] = window_rule(self.board)
        if self._operator == "sum":
            limits = self.board.ordering.sum_limits()
            width = len(self.deltas) // max(len(self.players), 1)
            message |= {"deltas": self.deltas, "width": width, "limits": limits, "packed": len(limits) > 3}
        else:
            message["keys"] = self.keys
            if self.board.ordering.time_bits:
                message |= {"floors": self.floors, "ceils": self.ceils}
        if self.board.keeps_metadata:
            message["metadata"] = self.metadata
        if marker_ms:
            message |= {"extra": extra, "mark_refused": mark_refused}
        if place is not None:
            message["place"] = place
        return message

    def key_names(self, marker: str = "") -> list[str]:
        """KEYS for the message."""
        keys: BoardKeys = self.board.keys
        names = [keys.meta, keys.known, keys.open, keys.closing, marker or keys.meta, keys.loads, keys.feed]
        for slot in self.slots:
            names += keys.triple(slot.key_id)[: self._stride()]
        return names

    def _checked_time(self, item: Submission) -> datetime:
        if self.context.by_client and self._definition["writes"] != "client":
            raise _Refused("forbidden", "Game clients may not write to this board.", "")
        if self.context.by_client and item.at is not None:
            raise _Refused("forbidden", "Only server keys may set the time of a score.", "at")
        if item.subscore is not None and self._definition["subscore"] is None:
            raise _Refused("validation_error", "This board has no subscore.", "subscore")
        try:
            check_player(item.player)
        except ValueError as error:
            raise _Refused("validation_error", str(error), "player") from error
        at = item.at or self.context.now
        if at > self._latest and not self.context.backfill:
            raise _Refused("time_in_future", "This time is more than a minute ahead.", "at")
        return at

    def _stride(self) -> int:
        return 3 if self.board.keeps_metadata or self.board.ties == "dense" else 1

    def _quick(self) -> bool:
        return (
            self._operator == "best"
            and self._stride() == 1
            and not self._definition["max_entries"]
            and not self.board.ordering.time_bits
            and self.context.ranks is None
        )

    def _numbers_of(self, item: Submission, at_ms: int) -> Placed | list[float]:
        ordering = self.board.ordering
        if self._operator == "sum":
            return ordering.delta(item.score, item.subscore, at_ms)
        return ordering.place(item.score, item.subscore, at_ms)

    def _add_numbers(self, numbers: Placed | list[float]) -> None:
        if isinstance(numbers, list):
            self.deltas += numbers
            return
        self.keys.append(repr(numbers.key))
        if self.board.ordering.time_bits:
            self.floors.append(numbers.floor)
            self.ceils.append(numbers.ceil)

    def _profile_at(self, at: datetime) -> int:
        last = self._last
        if last is not None and (last.begins is None or last.ends is None or last.begins <= at < last.ends):
            return last.number
        found = [self.board.calendar.containing(name, at) for name in reversed(self.board.kept)]
        begins = max((period.start for period in found if period.start), default=None)
        ends = min((period.end for period in found if period.end), default=None)
        open_ones = [period for period in found if self._takes(period)]
        if not open_ones:
            raise _Refused("period_closed", "Every period of that time is closed; a backfill could fill it.", "at")
        names = tuple(period.id for period in open_ones)
        if names not in self._numbers:
            self.profiles.append(self._make_steps(open_ones))
            self._numbers[names] = len(self.profiles)
        self._last = _Profile(self._numbers[names], begins, ends)
        return self._last.number

    def _takes(self, period: Period) -> bool:
        if self.context.backfill or period.end is None:
            return period.id not in self.gone
        return self.context.now <= period.end + self._grace and end_ms(period) >= self.situation.closed_ms

    def _make_steps(self, found: Sequence[Period]) -> list[list[int]]:
        steps = []
        listed = [period for period in found if period.name in self.board.periods]
        for number, period in enumerate(found):
            inside = [n + 1 for n, inner in enumerate(found[:number]) if self._stops(inner, period)]
            show = self._show(period, is_widest=period == listed[-1]) if period in listed else 0
            steps.append([self._slots.number(period), show, *inside])
        for number, bucket in enumerate(found):
            # A bucket of windows: what does not move it moves none of them.
            inside = [number + 1] if self._derives or (self._operator == "best" and not self.context.backfill) else []
            windows = [window for window in self._windows if window.spans(bucket)]
            steps += [[self._slots.window_number(window), 0, *inside] for window in windows]
        return steps

    def _stops(self, inner: Period, outer: Period) -> bool:
        """Whether a best that does not move in `inner` cannot move in `outer`."""
        return (
            self._operator == "best"
            and not self.context.backfill
            and not self._definition["max_entries"]
            and not self.board.trimmed
            and inner.lies_inside(outer)
            and self.board.added[outer.name] <= self.board.added[inner.name]
        )

    def _show(self, period: Period, *, is_widest: bool) -> int:
        if self.context.ranks is None:
            return 0
        if period.name in self.context.ranks:
            return 2
        # Whether the best of all parts are shown is asked of each period by itself.
        return 1 if is_widest or (self._definition["max_entries"] and self.board.is_part_of) else 0
