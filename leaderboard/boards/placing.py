"""Where submissions stand among all players of boards with parts, of whom their own part knows but some."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from leaderboard.boards.chunks import DETAILS, PeriodOutcome
from leaderboard.boards.definition import Board
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call


@dataclass(frozen=True, slots=True)
class Placed:
    """What submit.lua said of one submission: what it did in some periods, and the details."""

    part: Board
    player: str
    found: Sequence[PeriodOutcome]
    details: Sequence[str]


@dataclass(slots=True)
class _Ahead:
    """How many of the other parts are ahead of a key: with a smaller one; and, with the same one, by a smaller id as
    well. `within`: how many of the own part, where that is asked too."""

    below: int = 0
    before: int = 0
    within: int = 0


@dataclass(slots=True)
class _Questions:
    """What is asked of all parts of one board."""

    board: Board
    asked: list[tuple[int, int, str]] = field(default_factory=list)  # which submission, which of its periods, a key
    periods: dict[str, int] = field(default_factory=dict)  # of which the parts' keys are given, and in which order


def among_all(store: Store, placed: Sequence[Placed]) -> list[list[PeriodOutcome]]:
    """What each submission did, with its ranks among all players, and in one round trip for all of them.

    A board with `max_entries` shows the best of all: who is kept by their part, and not among those, has no rank.
    Raises StoreUnavailable.
    """
    questions = _asked(placed)
    work = [(one, part) for one in questions for part in one.board.parts]
    answers = iter(store.run_all([_call(one, part, placed) for one, part in work]) if work else [])
    ahead: dict[tuple[int, int, str], _Ahead] = {}
    unknown: set[str] = set()  # boards that were changed meanwhile: what was there nobody can tell
    for one, part in work:
        rev, *counts = next(answers)
        if rev != part.rev.encode():
            unknown.add(one.board.rev)
            continue
        for question, below, before in zip(one.asked, counts[::2], counts[1::2], strict=True):
            found = ahead.setdefault(question, _Ahead())
            if part.name == placed[question[0]].part.name:
                found.within = before
            else:
                found.below, found.before = found.below + below, found.before + before
    return [
        without_ranks(one.found)
        if one.part.rev in unknown
        else [_ranked(one, outcome, number, n, ahead) for n, outcome in enumerate(one.found)]
        for number, one in enumerate(placed)
    ]


def without_ranks(found: Sequence[PeriodOutcome]) -> list[PeriodOutcome]:
    """The same where ranks among all are not to be had."""
    return [msgspec.structs.replace(one, rank=None, previous_rank=None) for one in found]


def is_shown(part: Board, found: Sequence[PeriodOutcome]) -> bool:
    """Whether what was taken shows anywhere: with `max_entries`, all periods being told of, it need not."""
    return not part.definition["max_entries"] or any(one.updated for one in found)


def _asked(placed: Sequence[Placed]) -> list[_Questions]:
    boards: dict[tuple[str, ...], _Questions] = {}
    for number, one in enumerate(placed):
        whole = one.part.whole
        questions = boards.setdefault((*whole.identity, whole.rev), _Questions(whole))
        for n, key in _keys(one.details):
            if one.found[n].ranked or whole.definition["max_entries"]:
                questions.asked.append((number, n, key))
                questions.periods.setdefault(one.found[n].id, len(questions.periods))
    return [questions for questions in boards.values() if questions.asked]


def _keys(details: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The keys before and after in each period."""
    for n in range(len(details) // DETAILS):
        key_before, _, key_after, *_ = details[n * DETAILS : n * DETAILS + DETAILS]
        for key in dict.fromkeys((key_before, key_after)):
            if key:
                yield n, key


def _call(questions: _Questions, part: Board, placed: Sequence[Placed]) -> Call:
    arguments: list[str | int] = ["1" if part.ties == "unique" or part.definition["max_entries"] else "0"]
    for number, n, key in questions.asked:
        one = placed[number]
        arguments += [questions.periods[one.found[n].id] + 2, key, one.player]
    return Call("ahead", [part.keys.meta, *map(part.keys.standings, questions.periods)], arguments)


def _ranked(
    one: Placed, outcome: PeriodOutcome, number: int, n: int, ahead: dict[tuple[int, int, str], _Ahead]
) -> PeriodOutcome:
    key_before, _, key_after, *_ = one.details[n * DETAILS : n * DETAILS + DETAILS]
    after, earlier = ahead.get((number, n, key_after)), ahead.get((number, n, key_before))
    most: int | None = one.part.definition["max_entries"]
    shown = not (most and after and after.within + after.before >= most)
    was_shown = not (most and earlier and earlier.within + earlier.before >= most)
    return msgspec.structs.replace(
        outcome,
        score=outcome.score if shown else None,
        subscore=outcome.subscore if shown else None,
        rank=_rank(one.part, outcome.rank, after) if shown else None,
        previous_rank=_rank(one.part, outcome.previous_rank, earlier) if was_shown else None,
        updated=outcome.updated and shown,
    )


def _rank(part: Board, within: int | None, others: _Ahead | None) -> int | None:
    if within is None or others is None:
        return within
    return within + (others.before if part.ties == "unique" else others.below)
