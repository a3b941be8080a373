"""What is measured: workloads, each as requests to the service and, where that makes sense, as the bare commands."""

import argparse
import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchlib.cases import AROUND, BULK_ITEMS, applied, forever, updated
from benchlib.players import IMPROVING
from benchlib.raw import Traffic, small_sets
from benchlib.results import Target
from benchlib.stage import FEW, SMALL_MEMBERS, BoardName, Stage
from benchlib.wire import Tally

_READ_SHARES = (30, 20, 30, 20)  # of `mixed`, in percent: top, around, player, and the rest are submissions
_WRITE_SHARE = 0.6  # of `many small boards`
BULK_CONNECTIONS = 8


@dataclass(frozen=True)
class Case:
    """A workload on a stage. `tally` counts the scores that moved, as an answer tells."""

    source: Iterator[bytes]
    floor: Traffic | None = None
    tally: Tally | None = None


@dataclass(frozen=True)
class Workload:
    """One row of the table; `scores` is how many one request submits."""

    name: str
    what: str
    make: Callable[[Stage], Case]
    target: Target = field(default_factory=Target)
    scores: int = 0
    connections: int | None = None


def usual() -> tuple[Workload, ...]:
    """On two workers, with reads as they are by default."""
    return (
        Workload(
            "submit, one period",
            "a board of `all` alone; 90 % no personal best; the answer has the ranks before and after",
            _submits("one"),
            Target(9000, 20),
            1,
        ),
        Workload("submit, one, all improve", "the same, every score a personal best", _submits("one", 1.0), scores=1),
        Workload(
            "submit, four periods",
            "`all`, `month`, `week`, `day`, ranks in all four; 90 % no personal best",
            _submits("main"),
            Target(7500, 25),
            1,
        ),
        Workload("submit, four, all improve", "the same, every score a personal best", _submits("main", 1.0), scores=1),
        Workload("submit, four, ranks=none", "four periods, no ranks in the answer", _submits_without_ranks, scores=1),
        Workload("submit, four, idempotent", "four periods, an Idempotency-Key with each", _marked_submits, scores=1),
        Workload("top 10", "the same page again and again, as fresh as READ_STALENESS_MS allows", top, Target(20_000)),
        Workload(f"around, {AROUND} rows", "a random player with those around", around("main"), Target(9000)),
        Workload("player", "a random player's score and rank", player("main")),
        Workload("mixed, 80 % reads", "30 % top, 20 % around, 30 % player, 20 % submit; by Zipf", _mixed),
        Workload(
            "many small boards",
            "1,000 boards of 10: 60 % write all 10 scores of a board in one request, 40 % read its best two",
            _small_boards,
        ),
    )


def bulks() -> tuple[Workload, ...]:
    """On one worker, with many players."""
    target, connections = Target(of_floor=0.6), BULK_CONNECTIONS
    return (
        Workload(
            "bulk of 1,000",
            "NDJSON, four periods, 8 connections; 90 % no personal best",
            _bulks(IMPROVING),
            target,
            BULK_ITEMS,
            connections,
        ),
        Workload(
            "bulk, all improve", "the same, every item a personal best", _bulks(1.0), target, BULK_ITEMS, connections
        ),
    )


def uncached() -> tuple[Workload, ...]:
    """On two workers, every read asking the store."""
    return (Workload("top 10, cache off", "READ_STALENESS_MS=0", top, Target(10_000)),)


GROWING = "submit", "top", "around", "player"


def growth(options: argparse.Namespace) -> tuple[Workload, ...]:
    """On two workers, every read asking the store: each with few players, and with as many as asked for."""
    makes: dict[str, Callable[[BoardName], Callable[[Stage], Case]]] = {
        "submit": _growing_submits,
        "top": lambda board: lambda stage: Case(forever(stage.board(board)[0].get("top?limit=10"))),
        "around": lambda board: around(board, floor=False),
        "player": lambda board: player(board, floor=False),
    }
    sizes: tuple[tuple[BoardName, int], ...] = (("few", FEW), ("grown", options.growth))
    return tuple(
        Workload(growth_name(kind, count), "cache off, players drawn evenly", makes[kind](board))
        for kind in GROWING
        for board, count in sizes
    )


def growth_name(kind: str, count: int) -> str:
    """Of a row."""
    return f"growth, {kind}, {count:,}"


def _submits(board: BoardName, improving: float = IMPROVING) -> Callable[[Stage], Case]:
    def make(stage: Stage) -> Case:
        requests, players = stage.board(board)
        drawn = stage.drawn("zipf") if improving < 1 else "uniform"
        source = requests.submits(players, drawn=drawn, improving=improving)
        return Case(source, stage.bare(board).submits(drawn, improving), updated)

    return make


def _submits_without_ranks(stage: Stage) -> Case:
    (requests, players), drawn = stage.board("main"), stage.drawn("zipf")
    source = requests.submits(players, "?ranks=none", drawn=drawn)
    return Case(source, stage.bare("main").submits(drawn, ranks=False), updated)


def _marked_submits(stage: Stage) -> Case:
    (requests, players), drawn = stage.board("main"), stage.drawn("zipf")
    source = requests.marked_submits(players, drawn=drawn)
    return Case(source, stage.bare("main").submits(drawn, marked=True), updated)


def _growing_submits(board: BoardName) -> Callable[[Stage], Case]:
    def make(stage: Stage) -> Case:
        requests, players = stage.board(board)
        return Case(requests.submits(players, drawn=stage.drawn("uniform")), tally=updated)

    return make


def _bulks(improving: float) -> Callable[[Stage], Case]:
    def make(stage: Stage) -> Case:
        requests, players = stage.board("many")
        drawn = stage.drawn("zipf") if improving < 1 else "uniform"
        source = requests.bulks(players, drawn=drawn, improving=improving)
        return Case(source, stage.bare("many").bulks(drawn, improving), applied)

    return make


def top(stage: Stage) -> Case:
    """The first page."""
    return Case(forever(stage.board("main")[0].get("top?limit=10")), stage.bare("main").top())


def around(board: BoardName, *, floor: bool = True) -> Callable[[Stage], Case]:
    """Random players with those around them."""

    def make(stage: Stage) -> Case:
        (requests, players), drawn = stage.board(board), stage.drawn("uniform")
        source = requests.players(players, f"?around={AROUND}", drawn)
        return Case(source, stage.bare(board).around(drawn) if floor else None)

    return make


def player(board: BoardName, *, floor: bool = True) -> Callable[[Stage], Case]:
    """Random players."""

    def make(stage: Stage) -> Case:
        (requests, players), drawn = stage.board(board), stage.drawn("uniform")
        return Case(requests.players(players, "", drawn), stage.bare(board).player(drawn) if floor else None)

    return make


def _mixed(stage: Stage) -> Case:
    (requests, players), drawn = stage.board("main"), stage.drawn("zipf")
    sources = (
        forever(requests.get("top?limit=10")),
        requests.players(players, f"?around={AROUND}", drawn),
        requests.players(players, "", drawn),
        requests.submits(players, drawn=drawn),
    )
    kinds = [source for source, share in zip(sources, _READ_SHARES, strict=True) for _ in range(share)]
    choose = random.Random(1).choice
    return Case(next(choose(kinds)) for _ in itertools.count())


def _small_boards(stage: Stage) -> Case:
    """After memtier_benchmark-playbook-leaderboard-top-10 of redis/redis-benchmarks-specification.

    There: 10,000 sorted sets of 10 members, one of them at random; 60 % one ZADD of all ten, 40 % ZREVRANGE 0 1
    WITHSCORES, the ZADD always with the same scores. Here: 1,000 boards, since each is made by a request; the operator
    is `last`, so that all ten are written, with random scores; a write is one bulk of ten lines, a read `top?limit=2`.
    The floor sends the specification's two commands (best is least, so ZRANGE).
    """
    scores, boards = stage.small_boards(stage.options.small)
    chance, count = random.Random(1).random, len(boards)
    kinds = (chance() < _WRITE_SHARE for _ in itertools.count())
    tops = [board.get("top?limit=2") for board in boards]
    write = boards[0].lines([(player, next(scores)) for player in range(SMALL_MEMBERS)])
    write = re.sub(rb'"score":\d+', b'"score":%d', write.replace(b'"small-0000"', b'"small-%04d"'))

    def requests() -> Iterator[bytes]:
        for writes in kinds:
            number = next(scores) % count
            if writes:
                yield write % tuple([part for _ in range(SMALL_MEMBERS) for part in (number, next(scores))])
            else:
                yield tops[number]

    return Case(requests(), small_sets(stage.store(), count, SMALL_MEMBERS, scores, kinds))
