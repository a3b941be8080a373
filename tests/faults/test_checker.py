"""The history checker sees what it is there to see: each kind of fault is put into a sound history, and is found."""

import json
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from chaoslib import checker, figures, main
from chaoslib.checker import Findings, Probe, Row, Standing
from chaoslib.faults import Strike
from chaoslib.history import NO_ANSWER, Attempt, Glimpse, History, Item, Op, Page
from chaoslib.plays import BASE, DIGITS, BoardPlan, Mix, Plays, digits, place_of
from chaoslib.session import Outcome

BOARDS = [BoardPlan("s", "sum"), BoardPlan("b", "best")]
ANSWERS = (200, 200, 200, 503, NO_ANSWER)


class World:
    """A service of a few lines, which may be told to do wrong."""

    def __init__(self, seed: int, ops: int = 200) -> None:
        self.dice = random.Random(seed)
        self.history = History()
        plays = Plays(BOARDS, self.history, Mix(most_items=6), at_a_time=4)
        self.scores: dict[str, dict[str, int]] = {"s": {}, "b": {}}
        for now in range(ops):
            op = plays.next(self.dice)
            status = self.dice.choice(ANSWERS)
            is_counted = status == 200 or self.dice.random() < 0.5
            if is_counted:
                self.count(op)
            told = self.scores["s"][op.items[0].player] if status == 200 and op.items[0].board == "s" else None
            op.attempts.append(Attempt(now, now + 0.5, status, b"answer" if status == 200 else b"", told))

    def count(self, op: Op, sign: int = 1) -> None:
        for item in op.items:
            scores = self.scores[item.board]
            if item.board == "s":
                scores[item.player] = scores.get(item.player, 0) + sign * item.amount
            else:
                scores[item.player] = max(scores.get(item.player, 0), item.amount)

    def standing(self, board: str) -> Standing:
        rows = rank(self.scores[board])
        places = {row[1]: place for place, row in enumerate(rows)}
        probes = []
        for row in self.dice.sample(rows, 3):
            start = max(0, min(places[row[1]] - 5, len(rows) - 11))
            percentile = 100 * (len(rows) - row[0]) / len(rows)
            probes.append(Probe(row[1], row, len(rows), rows[start : start + 11], percentile))
        asked = [row[1] for row in self.dice.sample(rows, 5)] + ["nobody"]
        found = [row for row in rows if row[1] in asked]
        return Standing(board, "all", len(rows), rows, probes, asked, found, ["nobody"])

    def check(self, *, sums: Standing | None = None, bests: Standing | None = None) -> Findings:
        found = checker.check(BOARDS, self.history.ops, [sums or self.standing("s"), bests or self.standing("b")])
        found.add(checker.check_answers(self.history.ops))
        found.add(checker.check_told(BOARDS, self.history.ops))
        return found

    def some(self, wanted: Callable[[Op], bool]) -> Op:
        return self.dice.choice([op for op in self.history.ops if wanted(op)])


def rank(scores: dict[str, int]) -> list[Row]:
    ordered = sorted(scores.items(), key=lambda row: (-row[1], row[0].encode()))
    return [(1 + sum(other > score for other in scores.values()), player, score) for player, score in ordered]


def adds(op: Op) -> bool:
    return all(item.board == "s" for item in op.items)


@pytest.fixture(params=range(5))
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def test_a_sound_history_is_clean(world: World) -> None:
    assert world.check() == Findings()


def test_an_acknowledged_op_that_is_not_there_is_lost(world: World) -> None:
    op = world.some(lambda op: op.is_acknowledged and adds(op))
    world.count(op, -1)
    found = world.check()
    assert len(found.lost) == len(op.items)
    assert set(found.lost_ops) == {op.number}
    assert all(f"op {op.number} " in sentence for sentence in found.lost)
    assert not found.doubled
    assert not found.wrong


def test_a_part_of_a_bulk_that_is_not_there_is_lost(world: World) -> None:
    op = world.some(lambda op: op.is_acknowledged and op.is_bulk and any(item.board == "s" for item in op.items))
    item = next(item for item in op.items if item.board == "s")
    world.scores["s"][item.player] -= item.amount
    assert len(world.check().lost) == 1


def test_an_acknowledged_op_that_counts_twice_is_doubled(world: World) -> None:
    op = world.some(lambda op: op.is_acknowledged and adds(op))
    world.count(op)
    found = world.check()
    assert len(found.doubled) == len(op.items)
    assert all(f"op {op.number} " in sentence for sentence in found.doubled)
    assert not found.lost


@pytest.mark.parametrize("has_key", [True, False])
def test_an_unanswered_op_counts_once_at_most(*, has_key: bool) -> None:
    world = World(7, 400)
    op = world.some(lambda op: not op.is_acknowledged and adds(op) and (op.key is not None) is has_key)
    count = digits(world.scores["s"].get(op.items[0].player, 0)).get(place_of(op.items[0].amount), 0)
    for _ in range(1 - count):
        world.count(op)
    assert world.check() == Findings()
    world.count(op)
    assert len(world.check().doubled) == len(op.items)


def test_a_refused_op_must_not_count(world: World) -> None:
    op = world.some(lambda op: op.is_acknowledged and adds(op))
    op.attempts[:] = [replace(op.attempts[0], status=422)]
    found = world.check()
    assert any("refused, is in" in sentence for sentence in found.wrong)


def test_a_best_that_was_acknowledged_and_is_not_there_is_lost(world: World) -> None:
    op = world.some(lambda op: op.is_acknowledged and op.items[0].board == "b")
    player = op.items[0].player
    world.scores["b"][player] = 0
    assert world.check().lost
    del world.scores["b"][player]
    assert world.check().lost


def test_a_best_that_nobody_submitted_is_wrong(world: World) -> None:
    world.scores["b"][next(iter(world.scores["b"]))] += 10_000
    assert world.check().wrong


def test_a_player_whom_nobody_submitted_is_wrong(world: World) -> None:
    world.scores["s"]["stranger"] = 1
    assert world.check().wrong


def test_what_nobody_submitted_is_wrong(world: World) -> None:
    used = {item.player: 0 for op in world.history.ops for item in op.items if item.board == "s"}
    world.scores["s"][next(iter(used))] += BASE**DIGITS
    assert world.check().wrong


def _swap_ranks(rows: list[Row]) -> list[Row]:
    (one, a, x), (two, b, y) = rows[3], rows[-1]
    return [*rows[:3], (two, a, x), *rows[4:-1], (one, b, y)]


WRONG: dict[str, Callable[[Standing], Standing]] = {
    "a wrong rank": lambda s: replace(s, rows=_swap_ranks(list(s.rows))),
    "a row left out": lambda s: replace(s, rows=[*s.rows[:5], *s.rows[6:]]),
    "a row twice": lambda s: replace(s, rows=[*s.rows[:5], s.rows[4], *s.rows[5:]]),
    "two rows out of order": lambda s: replace(s, rows=[s.rows[-1], *s.rows[1:-1], s.rows[0]]),
    "another total": lambda s: replace(s, total=s.total + 1),
    "another rank of a player": lambda s: replace(
        s, probes=[replace(s.probes[0], row=(s.probes[0].row[0] + 1, *s.probes[0].row[1:]))]
    ),
    "another total of a player": lambda s: replace(s, probes=[replace(s.probes[0], total=s.total - 1)]),
    "another percentile": lambda s: replace(s, probes=[replace(s.probes[0], percentile=-1)]),
    "a neighbour left out": lambda s: replace(s, probes=[replace(s.probes[0], around=s.probes[0].around[1:])]),
    "one not found": lambda s: replace(s, found=s.found[1:]),
    "found in another order": lambda s: replace(s, found=list(reversed(s.found))),
    "one not missing": lambda s: replace(s, missing=[]),
}


@pytest.mark.parametrize("name", WRONG)
def test_ways_to_read_that_differ_are_wrong(name: str) -> None:
    world = World(3, 400)
    assert world.check() == Findings()
    assert world.check(bests=WRONG[name](world.standing("b"))).wrong


def test_an_op_that_is_answered_in_two_ways_is_wrong(world: World) -> None:
    op = world.some(lambda op: op.is_acknowledged)
    op.attempts.append(replace(op.attempts[-1], replayed=True))
    assert world.check() == Findings()
    op.attempts.append(replace(op.attempts[-1], answer=b"another"))
    assert world.check().wrong


def test_a_single_that_was_carried_out_twice_is_wrong(world: World) -> None:
    op = world.some(lambda op: op.is_acknowledged and not op.is_bulk)
    op.attempts.append(op.attempts[-1])
    assert world.check().wrong


def test_a_fault_of_the_service_itself_is_wrong(world: World) -> None:
    op = world.some(lambda op: not op.is_acknowledged)
    op.attempts.append(replace(op.attempts[0], status=500))
    assert world.check().wrong


def test_a_total_without_the_op_itself_is_lost(world: World) -> None:
    op = world.some(lambda op: op.is_acknowledged and not op.is_bulk and adds(op))
    told = op.attempts[0].score or 0
    op.attempts[0] = replace(op.attempts[0], score=told - op.items[0].amount)
    assert world.check().lost
    op.attempts[0] = replace(op.attempts[0], score=told + op.items[0].amount)
    assert world.check().doubled


class TestReadsUnderWay:
    def test_what_was_answered_before_must_be_seen(self, world: World) -> None:
        op = world.some(lambda op: op.is_acknowledged and adds(op) and not op.is_bulk)
        before, now = op.acknowledged_at, op.acknowledged_at + 0.1
        score = op.attempts[0].score or 0
        assert self.look(world, op, now, score) == Findings()
        assert self.look(world, op, now, score - op.items[0].amount).stale
        assert self.look(world, op, now, score + op.items[0].amount).doubled
        assert not self.look(world, op, before - 0.1, score - op.items[0].amount).stale

    def test_what_was_not_sent_yet_must_not_be_seen(self, world: World) -> None:
        op = world.some(lambda op: op.began_at > 1 and adds(op))
        assert self.look(world, op, op.began_at - 1, op.items[0].amount).wrong

    @pytest.mark.parametrize("name", ["a wrong rank", "a row twice", "two rows out of order"])
    def test_a_top_must_agree_with_itself(self, world: World, name: str) -> None:
        standing = world.standing("b")
        assert checker.check_pages([Page("b", 0, 1, tuple(standing.rows))]) == Findings()
        assert checker.check_pages([Page("b", 0, 1, tuple(WRONG[name](standing).rows))]).wrong

    def look(self, world: World, op: Op, at: float, score: int) -> Findings:
        glimpse = Glimpse("s", op.items[0].player, at, at + 0.05, score or None)
        return checker.check_glimpses(BOARDS, world.history.ops, [glimpse])


class TestFigures:
    def test_recovery_is_told_by_the_board_that_was_last(self) -> None:
        ops = []
        for at in range(20):  # a good answer a second from each board; b is away from 5 to 9
            for board in ("s", "b"):
                status = 503 if board == "b" and 5 <= at < 9 else 200
                ops.append(Op(len(ops), (Item(board, "ada", 1),), "key", attempts=[Attempt(at, at + 0.5, status)]))
        strike = Strike("store-kill", "it", 4.75, 6.0)
        (found,) = figures.recovery(ops, [strike], 20.0)
        assert found == figures.Recovery(strike, first_good=4.75, outage=5.0, refused=4, unanswered=0)
        assert figures.recovery(ops, [Strike("slot-move", "it", 1.0, 1.1)], 20.0)[0].outage == 1.0
        assert [one.lost for one in figures.recovery(ops, [strike, replace(strike, ended=9)], 20.0, [2, 3, 14])] == [
            2,
            1,
        ]
        assert figures.by_kind([found])["store-kill"]["first_good_write_seconds"]["longest"] == 4.75


class TestReport:
    STRIKE = Strike("failover", "killed: a gave way to b", 1.0, 2.5)

    def outcome(self, findings: Findings, *failures: str) -> Outcome:
        recovery = figures.Recovery(self.STRIKE, 1.5, 1.25, 3, 1, len(findings.lost_ops))
        return Outcome(findings, figures.of_run(World(1).history, [recovery], 0, 200), [recovery], list(failures))

    def test_what_is_well(self) -> None:
        outcome = self.outcome(Findings())
        assert main.is_well(outcome)
        assert "| failover | 1 | 1.5 | 1.5 | 1.25 | 3 | 1 | 0 |" in main.describe(outcome)
        assert "killed: a gave way to b" in main.describe(outcome, verbose=True)
        assert json.loads(json.dumps(main.document(outcome, {})))["faults"][0]["first_good_write_seconds"] == 1.5

    def test_what_is_not(self) -> None:
        for name in ("lost", "doubled", "wrong", "stale"):
            outcome = self.outcome(Findings(**{name: ["the reason"]}))
            assert not main.is_well(outcome)
            assert "    the reason" in main.describe(outcome)
        assert not main.is_well(self.outcome(Findings(), "did not heal"))

    @pytest.mark.parametrize(
        "words", ["--failovers 1", "--topology sentinel --slot-moves 1", "--clients 0", "--ways none", "--set A"]
    )
    def test_what_cannot_be_asked_for(self, words: str) -> None:
        with pytest.raises(SystemExit, match="2"):
            main.main(words.split())


def test_every_total_is_exact() -> None:
    assert sum(3 * BASE**place for place in range(DIGITS)) < 2**53
    assert digits(sum(BASE**place for place in range(DIGITS))) == dict.fromkeys(range(DIGITS), 1)
    assert all(place_of(BASE**place) == place for place in range(DIGITS))
