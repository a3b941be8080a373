"""Boards, submissions and whole games for hypothesis: few players, few numbers, ties everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from .periods import LONGEST_FIRST, WEEKDAYS
from .rules import Field, rules_of

PLAYERS = ("ada", "Ada", "WAC/St. Andrä", "50% + x", "a#b?c=d&e", "～tilde", "🦊", 'q"uo\\te')
BOARDS = ("cup", "a.b_c-d:1", "Cup")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "America/Havana",
    "America/Santiago",
    "Australia/Lord_Howe",
)
# Beside the jumps of clocks somewhere, the ends of years, and nowhere in particular; later than any real clock.
STARTS = (
    (datetime(2031, 3, 30, 0, 55, tzinfo=UTC), "Europe/Berlin"),
    (datetime(2031, 10, 26, 0, 50, tzinfo=UTC), "Europe/Berlin"),
    (datetime(2031, 3, 9, 6, 58, tzinfo=UTC), "America/New_York"),
    (datetime(2031, 11, 2, 5, 59, 30, tzinfo=UTC), "America/New_York"),
    (datetime(2031, 11, 2, 4, 10, tzinfo=UTC), "America/Havana"),
    (datetime(2031, 4, 5, 14, 50, tzinfo=UTC), "Australia/Lord_Howe"),
    (datetime(2030, 12, 31, 23, 59, 50, tzinfo=UTC), "UTC"),
    (datetime(2032, 2, 29, 12, 34, 56, 789000, tzinfo=UTC), "America/Santiago"),
)
BIG = (1009651914519660511, 1009651914519660512, 1009651914519660544)

_SECOND, _HOUR, _DAY = 1000, 3_600_000, 86_400_000


@dataclass(frozen=True)
class Draft:
    """A submission before it is known when it is sent; `at` is a literal, or milliseconds beside now."""

    board: str
    player: str
    score: str
    subscore: str | None
    at: int | str | None
    metadata: dict[str, str] | None

    def item(self, now: datetime) -> dict[str, Any]:
        """The item sent at that time; its numbers are the text of their literals."""
        item: dict[str, Any] = {"board": self.board, "player": self.player, "score": self.score}
        if self.subscore is not None:
            item["subscore"] = self.subscore
        if isinstance(self.at, int):
            zone = timezone(timedelta(minutes=345 * (self.at % 3 - 1)))
            moment = (now + timedelta(milliseconds=self.at)).astimezone(zone)
            item["at"] = moment.isoformat(timespec="milliseconds")
        elif self.at is not None:
            item["at"] = self.at
        if self.metadata is not None:
            item["metadata"] = self.metadata
        return item


@dataclass(frozen=True)
class Submit:
    draft: Draft
    ranks: str | None  # None asks for all, "none" for none, "some" for every other period of the board


@dataclass(frozen=True)
class Bulk:
    drafts: tuple[Draft, ...]
    ndjson: bool
    backfill: bool


@dataclass(frozen=True)
class DeletePlayer:
    board: str | None  # None: everywhere
    player: str


@dataclass(frozen=True)
class DeleteBoard:
    board: str
    remake: bool


@dataclass(frozen=True)
class PutBoard:
    """Make the board again, or change its periods."""

    board: str
    periods: tuple[str, ...] | None


@dataclass(frozen=True)
class Move:
    milliseconds: int
    after: str | None = None  # the end of the present period of that name, if it has one


@dataclass(frozen=True)
class Check:
    seed: int


Operation = Submit | Bulk | DeletePlayer | DeleteBoard | PutBoard | Move | Check


@dataclass(frozen=True)
class Play:
    """A whole example: boards, when it starts, what happens, and a seed for the questions at the end."""

    definitions: dict[str, dict[str, Any]]
    start: datetime
    operations: list[Operation]
    seed: int

    def written(self) -> str:
        """The example as Python, one line an operation."""
        steps = "".join(f"        {operation!r},\n" for operation in self.operations)
        return (
            f"Play(\n    definitions={self.definitions!r},\n    start={self.start!r},\n"
            f"    operations=[\n{steps}    ],\n    seed={self.seed},\n)"
        )


def period_names() -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(
        st.just(("all", "month", "week", "day")),
        st.just(LONGEST_FIRST),
        st.lists(st.sampled_from(LONGEST_FIRST), min_size=1, unique=True).map(tuple),
    )


def _bounds(*pairs: tuple[Any, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(pairs).map(lambda pair: {"min": pair[0], "max": pair[1]})


def _with(spec: dict[str, Any], bounds: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return bounds.map(lambda stated: {**spec, **{k: v for k, v in stated.items() if v is not None}})


_BOUNDED = _bounds((-6, 6), (0, 100), (-1000, 1000))
_HALVES = _bounds((-6, 6), (-2.5, 2.5))
_WHOLE = _bounds((None, None), (-6, 6), (0, None), (None, 10))
_HUGE = _bounds((0, 2**61), (-(2**60), 2**60), (BIG[0] - 511, BIG[0] + 489))

FREE_SCORES = st.one_of(
    st.sampled_from(({"type": "number"}, {"type": "number", "min": -2.5, "max": 5.5}, {"type": "number", "min": 0})),
    _with({"type": "integer"}, _WHOLE),
    st.integers(1, 3).flatmap(lambda d: _with({"type": "number", "decimals": d}, st.one_of(_HALVES, _WHOLE))),
    _with({"type": "integer"}, _HUGE),
)
TIGHT_SCORES = st.one_of(
    _with({"type": "integer"}, _BOUNDED),
    st.integers(1, 3).flatmap(lambda d: _with({"type": "number", "decimals": d}, _HALVES)),
    _with({"type": "integer"}, _bounds((BIG[0] - 511, BIG[0] + 489))),
)
# Without bounds they are a thousand million either way, and time counts in seconds.
TIMED_SCORES = st.one_of(TIGHT_SCORES, st.just({"type": "number"}), _with({"type": "integer"}, _WHOLE))
SUBSCORES = st.one_of(
    _with({}, _bounds((0, 3), (-2, 2))),
    _with({"decimals": 1}, _bounds((-0.5, 0.5))),
    _with({}, _bounds((0, 10**4))),
)


@st.composite
def definitions(draw: st.DrawFn, zone: str = "UTC") -> dict[str, Any]:
    """A board the service must accept, often in that zone."""
    ties = draw(st.sampled_from(("shared", "dense", "first", "last")))
    timed = ties in {"first", "last"}
    subscore = draw(st.one_of(st.none(), SUBSCORES))
    free = TIMED_SCORES if timed else FREE_SCORES
    definition = {
        "order": draw(st.sampled_from(("desc", "asc"))),
        "operator": draw(st.sampled_from(("best", "last", "sum"))),
        "ties": ties,
        "score": draw(free if subscore is None else TIGHT_SCORES),
        "periods": list(draw(period_names())),
        "late_grace_seconds": draw(st.sampled_from((600, 0, 7200, 172_800))),
    }
    if subscore is not None:
        definition["subscore"] = {"order": draw(st.sampled_from(("desc", "asc"))), **subscore}
    if definition["operator"] == "best":
        definition["max_entries"] = draw(st.sampled_from((None, None, 1, 3)))
    if ties != "dense":
        definition["partitions"] = draw(st.sampled_from((1,)))
    if draw(st.booleans()):
        definition["time_zone"] = draw(st.sampled_from((zone,) * 12 + ZONES))
        definition["week_start"] = draw(st.sampled_from(WEEKDAYS))
        definition["day_start"] = draw(st.sampled_from(("00:00", "04:00", "06:30")))
    return definition


def spell(value: Fraction) -> str:
    """A fraction that ends, in figures."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def literals(field: Field, operator: str) -> st.SearchStrategy[str]:
    """Numerals for a field: mostly close together, some at and over its edges, some it cannot hold."""
    if field.decimals is None:
        few = [str(number) for number in range(-1, 3)]
        odd = ["0.1", "0.2", "0.30000000000000004", "0.5", "-0.0", "-0", "3.0", "30e-1", "1e-300", "1e17"]
        wide = ["9007199254740992", "9007199254740993", "9007199254740993.0", "123456789012345678", "1e23"]
        return st.sampled_from(few * 4 + odd * 2 + wide)
    step = Fraction(1, 10**field.decimals)
    low = -step * 2**53 if field.low is None else field.low
    high = step * 2**53 if field.high is None else field.high
    middle = max(low, Fraction(0)) if low <= BIG[0] - 1000 else Fraction(BIG[0])
    near = {middle + number for count in range(-1, 3) for number in (count * step, Fraction(count))}
    good = [spell(value) for value in sorted(near) if operator == "sum" or low <= value <= high]
    styled = [good[0] + ("0" if "." in good[0] else ".0"), good[-1] + "e0", good[-1] + "E+0"]
    edges = [spell(edge + count * step) for edge in (low, high) for count in (-1, 0, 1)]
    big = [str(number) for number in BIG] if high > BIG[2] else []
    odd = [*styled, *edges, *big * 4, spell(middle + step / 4)]
    return st.sampled_from(good * (1 + 5 * len(odd) // len(good)) + odd)


def _moments() -> st.SearchStrategy[int | str | None]:
    """When a submission says it was: mostly nothing, else milliseconds beside now, or a fixed time."""
    near = (-1, -4, -59 * _SECOND, -600 * _SECOND, -_HOUR, -2 * _HOUR, -_DAY, -8 * _DAY, -40 * _DAY)
    ahead = (3, _SECOND, 60 * _SECOND, 60 * _SECOND + 1, _DAY)
    between = (-700 * _SECOND, -25 * 60 * _SECOND, -50 * 60 * _SECOND, -5 * _HOUR - 1, -20 * _HOUR)
    fixed = ("2011-02-03T04:05:06Z", "1999-12-31T23:59:59+00:00")
    unsaid: tuple[None, ...] = (None,) * 24
    return st.sampled_from(unsaid + near + between + ahead + fixed)


_MOMENTS = _moments()
_METADATA = st.sampled_from((None, None, {"car": "red"}, {"car": "blau ü"}, {"car": "3"}, {}))
_RANKS = st.sampled_from((None, None, "none", "some"))
_SPANS = [1, 3, 7, 999, _SECOND, 59 * _SECOND, 10 * 60 * _SECOND, 55 * 60 * _SECOND]
_LONG_SPANS = [_HOUR, 3 * _HOUR + 1, 23 * _HOUR, _DAY, 3 * _DAY + 12345, 7 * _DAY, 31 * _DAY, 200 * _DAY]
_GRACES = (0, -1, 600 * _SECOND, 600 * _SECOND + 1, 2 * _HOUR)
_MOVES = st.one_of(
    st.builds(Move, st.sampled_from(_SPANS * 2 + _LONG_SPANS)),
    st.builds(Move, st.sampled_from(_GRACES), st.sampled_from(("hour", "day", "hour", "day", "month"))),
)
_CHANGES = st.sampled_from((None, ("all",), LONGEST_FIRST, ("all", "day"), ("week", "hour")))


def drafts(boards: dict[str, dict[str, Any]], players: tuple[str, ...]) -> st.SearchStrategy[Draft]:
    """Submissions of these players to any of the boards."""
    for_boards, player = [], st.sampled_from(players)
    for name, definition in sorted(boards.items()):
        rules = rules_of(definition)
        score, *more = (literals(field, rules.operator) for field in rules.fields)
        subscore = more[0] if more else st.none()
        for_boards.append(st.builds(Draft, st.just(name), player, score, subscore, _MOMENTS, _METADATA))
    return st.one_of(for_boards)


def operations(boards: dict[str, dict[str, Any]], players: tuple[str, ...]) -> st.SearchStrategy[Operation | None]:
    """What may happen; None, nothing at all, is what an operation shrinks to."""
    draft, board, seed = drafts(boards, players), st.sampled_from(sorted(boards)), st.integers(0, 2**16)
    submit = st.builds(Submit, draft, _RANKS)
    batch = st.lists(draft, min_size=1, max_size=12).map(tuple)
    weighted: list[tuple[int, st.SearchStrategy[Any]]] = [
        (1, st.none()),
        (14, submit),
        (14, st.builds(Bulk, batch, st.booleans(), st.booleans())),
        (8, _MOVES),
        (2, st.builds(DeletePlayer, st.one_of(board, board, st.none()), st.sampled_from(players))),
        (3, st.builds(PutBoard, board, _CHANGES)),
        (1, st.builds(DeleteBoard, board, st.sampled_from((True, True, True, False)))),
        (1, st.builds(Check, seed)),
    ]
    kinds = [kind for weight, kind in weighted for _ in range(weight)]
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """One to three boards and what happens on them."""
    names = draw(st.lists(st.sampled_from(BOARDS), min_size=1, max_size=3, unique=True))
    start, zone = draw(st.sampled_from(STARTS))
    boards = {name: draw(definitions(zone)) for name in names}
    players = draw(st.sampled_from((PLAYERS, PLAYERS[2:6], PLAYERS[4:], PLAYERS[:3])))
    operation = operations(boards, players)
    drawn = draw(st.lists(operation, min_size=12, max_size=60))
    return Play(
        definitions=boards,
        start=start,
        operations=[each for each in drawn if each is not None],
        seed=draw(st.integers(0, 2**16)),
    )
