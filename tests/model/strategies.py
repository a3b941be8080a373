"""Boards, submissions and whole games for hypothesis: few players, few numbers, ties everywhere.

hypothesis draws one number for a whole game, and that number decides everything in it: games drawn choice by choice
take it long to draw, mostly repeat one another, and are slow to shrink; `shrink.smallest` cuts a finished one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import strategies as st

from .changes import RETAINED
from .periods import LONGEST_FIRST, WEEKDAYS
from .plays import Bulk, Check, DeleteBoard, DeletePlayer, Draft, Job, Move, Operation, Play, PutBoard, Submit
from .rules import SPANS, Field, Rules, rules_of

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

Json = dict[str, Any]

_BOUNDED = ((-6, 6), (0, 100), (-1000, 1000))
_HALVES = ((-6, 6), (-2.5, 2.5))
_WHOLE = ((None, None), (-6, 6), (0, None), (None, 10))
_NARROW = ((BIG[0] - 511, BIG[0] + 489),)
_HUGE = ((0, 2**61), (-(2**60), 2**60), *_NARROW)
_INTEGER, _NUMBER = {"type": "integer"}, {"type": "number"}
PARTITIONS = (1, 1, 3, 4)

_MOMENTS: tuple[int | str | None, ...] = (
    *(None,) * 24,
    *(-1, -4, -59 * _SECOND, -600 * _SECOND, -_HOUR, -2 * _HOUR, -_DAY, -8 * _DAY, -40 * _DAY),
    *(-700 * _SECOND, -25 * 60 * _SECOND, -50 * 60 * _SECOND, -5 * _HOUR - 1, -20 * _HOUR),
    *(3, _SECOND, 60 * _SECOND, 60 * _SECOND + 1, _DAY),
    *("2011-02-03T04:05:06Z", "1999-12-31T23:59:59+00:00"),
)
_METADATA: tuple[dict[str, str] | None, ...] = (None, None, {"car": "red"}, {"car": "blau ü"}, {"car": "3"}, {})
_SPANS = (1, 3, 7, 999, _SECOND, 59 * _SECOND, 10 * 60 * _SECOND, 55 * 60 * _SECOND)
_LONG_SPANS = (_HOUR, 3 * _HOUR + 1, 23 * _HOUR, _DAY, 3 * _DAY + 12345, 7 * _DAY, 31 * _DAY, 200 * _DAY)
_GRACES = (0, -1, 600 * _SECOND, 600 * _SECOND + 1, 2 * _HOUR)
_CHANGES = (None, ("all",), LONGEST_FIRST, ("all", "day"), ("week", "hour"))


def definitions() -> st.SearchStrategy[Json]:
    """A board the service must accept."""
    return _chances().map(lambda chance: _definition(chance, chance.choice(ZONES)))


def plays() -> st.SearchStrategy[Play]:
    """One to three boards and what happens on them."""
    return _chances().map(_play)


def _chances() -> st.SearchStrategy[Random]:
    return st.integers(0, 2**64 - 1).map(Random)


def _bounded(chance: Random, spec: Json, *pairs: tuple[Any, Any]) -> Json:
    low, high = chance.choice(pairs)
    return {**spec, **({} if low is None else {"min": low}), **({} if high is None else {"max": high})}


def _tight_score(chance: Random) -> Json:
    """With both bounds, and room for another field beside it."""
    decimals = {**_NUMBER, "decimals": chance.randint(1, 3)}
    kinds = ((_INTEGER, *_BOUNDED), (decimals, *_HALVES), (_INTEGER, *_NARROW))
    return _bounded(chance, *chance.choice(kinds))


def _free_score(chance: Random) -> Json:
    decimals = {**_NUMBER, "decimals": chance.randint(1, 3)}
    numbers = ((None, None), (None, None), (-2.5, 5.5), (0, None))
    kinds = ((_NUMBER, *numbers), (_INTEGER, *_WHOLE), (decimals, *_HALVES, *_WHOLE), (_INTEGER, *_HUGE))
    return _bounded(chance, *chance.choice(kinds))


def _timed_score(chance: Random) -> Json:
    """Beside the time; without bounds it is a thousand million either way, and time counts in seconds."""
    loose = ((_NUMBER, (None, None)), (_INTEGER, *_WHOLE))
    return _tight_score(chance) if chance.random() < 0.5 else _bounded(chance, *chance.choice(loose))


def _subscore(chance: Random) -> Json:
    kinds: tuple[tuple[Json, *tuple[Any, ...]], ...] = (
        ({}, (0, 3), (-2, 2)),
        ({"decimals": 1}, (-0.5, 0.5)),
        ({}, (0, 10**4)),
    )
    return {"order": chance.choice(("desc", "asc")), **_bounded(chance, *chance.choice(kinds))}


def _period_names(chance: Random) -> list[str]:
    some = chance.sample(LONGEST_FIRST, chance.randint(1, len(LONGEST_FIRST)))
    return list(chance.choice((("all", "month", "week", "day"), LONGEST_FIRST, LONGEST_FIRST, some)))


def _some_windows(chance: Random) -> tuple[str, ...]:
    return tuple(chance.sample([*SPANS], chance.choice((0, 1, 1, 2, 3))))


def _definition(chance: Random, zone: str) -> Json:
    """A board, often in that zone."""
    ties = chance.choice(("shared", "dense", "first", "last"))
    score = _timed_score if ties in {"first", "last"} else _free_score
    has_subscore = chance.random() < 0.4
    definition: Json = {
        "order": chance.choice(("desc", "asc")),
        "operator": chance.choice(("best", "last", "sum")),
        "ties": ties,
        "score": (_tight_score if has_subscore else score)(chance),
        "periods": _period_names(chance),
        "late_grace_seconds": chance.choice((600, 600, 0, 7200, 172_800)),
    }
    if has_subscore:
        definition["subscore"] = _subscore(chance)
    if definition["operator"] == "best":
        definition["max_entries"] = chance.choice((None, None, 1, 3))
    if definition.get("max_entries") is None and chance.random() < 0.7:
        definition["rolling"] = list(_some_windows(chance))
    if chance.random() < 0.7:
        definition["retention"] = {name: chance.choice((0, 0, 1, 2)) for name in RETAINED}
    if ties != "dense":
        definition["partitions"] = chance.choice(PARTITIONS)
    if chance.random() < 0.6:
        definition["time_zone"] = chance.choice((*(zone,) * 8, *ZONES))
        definition["week_start"] = chance.choice(WEEKDAYS)
        definition["day_start"] = chance.choice(("00:00", "04:00", "06:30"))
    return definition


def spell(value: Fraction) -> str:
    """A fraction that ends, in figures."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def literals(field: Field, operator: str) -> list[str]:
    """Numerals for a field: mostly close together, some at and over its edges, some it cannot hold."""
    if field.decimals is None:
        few = [str(number) for number in range(-1, 3)]
        odd = ["0.1", "0.2", "0.30000000000000004", "0.5", "-0.0", "-0", "3.0", "30e-1", "1e-300", "1e17"]
        wide = ["9007199254740992", "9007199254740993", "9007199254740993.0", "123456789012345678", "1e23"]
        return few * 6 + odd * 2 + wide
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
    return good * (1 + 5 * len(odd) // len(good)) + odd


def _draft(chance: Random, boards: dict[str, Rules], players: tuple[str, ...]) -> Draft:
    board = chance.choice(sorted(boards))
    rules = boards[board]
    score, *more = (chance.choice(literals(field, rules.operator)) for field in rules.fields)
    return Draft(
        board=board,
        player=chance.choice(players),
        score=score,
        subscore=more[0] if more else None,
        at=chance.choice(_MOMENTS),
        metadata=chance.choice(_METADATA),
    )


def _operation(chance: Random, boards: dict[str, Rules], players: tuple[str, ...]) -> Operation:
    """One step: mostly submissions, and time passing between them."""
    kind = chance.random()
    if kind < 0.3:
        return Submit(_draft(chance, boards, players), chance.choice((None, None, "none", "some")))
    if kind < 0.6:
        drafts = tuple(_draft(chance, boards, players) for _ in range(chance.randint(1, 10)))
        return Bulk(drafts, ndjson=chance.random() < 0.5, backfill=chance.random() < 0.4)
    if kind < 0.7:
        return Move(chance.choice(_SPANS * 2 + _LONG_SPANS))
    if kind < 0.82:
        return Move(chance.choice(_GRACES), after=chance.choice(("hour", "day", "hour", "day", "month")))
    if kind < 0.92:
        last = chance.choice((None, None, 1, 2, 3, 5, 8))
        return Job(chance.choice(("sealing", "sealing", "windows")), last)
    return _interference(chance, chance.choice(sorted(boards)), chance.choice(players))


def _interference(chance: Random, board: str, player: str) -> Operation:
    kind = chance.choice((DeletePlayer, DeletePlayer, PutBoard, PutBoard, PutBoard, DeleteBoard, Check))
    if kind is DeletePlayer:
        return DeletePlayer(chance.choice((board, board, None)), player)
    if kind is PutBoard:
        what = chance.choice(("none", "periods", "rolling", "retention"))
        return PutBoard(
            board,
            chance.choice(_CHANGES) if what == "periods" else None,
            _some_windows(chance) if what == "rolling" else None,
            chance.choice((0, 1, 30)) if what == "retention" else None,
        )
    if kind is DeleteBoard:
        return DeleteBoard(board, remake=chance.random() < 0.8)
    return Check(chance.getrandbits(16))


def _play(chance: Random) -> Play:
    start, zone = chance.choice(STARTS)
    names = chance.sample(BOARDS, chance.choice((1, 1, 2, 3)))
    boards = {name: _definition(chance, zone) for name in names}
    rules = {name: rules_of(definition) for name, definition in boards.items()}
    players = chance.choice((PLAYERS, PLAYERS, PLAYERS[2:7], PLAYERS[4:]))
    operations = [_operation(chance, rules, players) for _ in range(chance.randint(5, 60))]
    return Play(boards, start, operations, seed=chance.getrandbits(16))
