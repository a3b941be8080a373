"""The model against examples worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from .periods import Calendar
from .plays import Play
from .reference import ModelGame, Outcome
from .rules import RefusedError, rules_of, tick_choices
from .standing import Row
from .strategies import definitions, plays

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
ALL = Calendar().at("all", NOW)


class Cup:
    """One board and short words for what one does with it."""

    def __init__(self, **definition: Any) -> None:
        self.game = ModelGame()
        self.game.put_board("cup", definition)

    def add(self, player: str, score: object, now: datetime = NOW, **more: Any) -> Outcome:
        item = {"player": player, "score": str(score), **more}
        return self.game.submit("cup", item, now)

    def rows(self) -> list[Row]:
        return self.game.top("cup", ALL, 1000)[0]

    def ranks(self) -> list[tuple[int, str]]:
        return [(row.rank, row.player) for row in self.rows()]

    def refusal(self, player: str, score: object, **more: Any) -> frozenset[str]:
        with pytest.raises(RefusedError) as caught:
            self.add(player, score, **more)
        return caught.value.codes


def line_up(cup: Cup) -> Cup:
    for second, (player, score) in enumerate([("d", 3), ("c", 5), ("b", 5), ("a", 9)]):
        cup.add(player, score, NOW + timedelta(seconds=second))
    return cup


@pytest.mark.parametrize(
    ("ties", "ranks"),
    [
        ("shared", [(1, "a"), (2, "b"), (2, "c"), (4, "d")]),
        ("dense", [(1, "a"), (2, "b"), (2, "c"), (3, "d")]),
        ("first", [(1, "a"), (2, "c"), (3, "b"), (4, "d")]),
        ("last", [(1, "a"), (2, "b"), (3, "c"), (4, "d")]),
    ],
)
def test_ties(ties: str, ranks: list[tuple[int, str]]) -> None:
    cup = line_up(Cup(ties=ties))
    assert cup.ranks() == ranks
    what_if = {"shared": 2, "dense": 2, "first": 4, "last": 2}
    assert cup.game.rank("cup", ALL, (Fraction(5),)) == what_if[ties]
    answer = cup.game.player("cup", ALL, "c")
    assert answer is not None
    assert (answer.percentile, answer.total) == (50, 4)


def test_equal_ticks_fall_back_to_the_bytes_of_the_id() -> None:
    cup = Cup(ties="last")
    for player in ("🦊", "～", "b", "B"):
        cup.add(player, 1)
    assert cup.ranks() == [(1, "B"), (2, "b"), (3, "～"), (4, "🦊")]


def test_paging_goes_on_inside_a_tie() -> None:
    cup = line_up(Cup())
    first, after = cup.game.top("cup", ALL, 2)
    second, end = cup.game.top("cup", ALL, 2, after)
    assert [row.player for row in first + second] == ["a", "b", "c", "d"]
    assert end is None


def test_operators() -> None:
    best, last, total = Cup(order="asc"), Cup(operator="last"), Cup(operator="sum")
    for cup in (best, last, total):
        cup.add("a", 5, metadata={"n": 1})
        cup.add("a", 7, metadata={"n": 2})
        cup.add("a", 0 if cup is total else 7, metadata={"n": 3})
    held = [(cup.rows()[0].values[0], cup.rows()[0].metadata) for cup in (best, last, total)]
    assert held == [(5, {"n": 1}), (7, {"n": 3}), (12, {"n": 2})]
    assert not total.add("a", 0).updated
    newcomer = total.add("b", 0)
    assert (newcomer.updated, newcomer.values, newcomer.periods["all"].previous_rank) == (True, (0,), None)


def test_time_moves_only_with_the_score() -> None:
    for operator, again in (("best", "4"), ("last", "4"), ("sum", "0")):
        cup = Cup(operator=operator, ties="first")
        cup.add("a", 4)
        cup.add("b", 4, NOW + timedelta(seconds=5))
        cup.add("a", again, NOW + timedelta(seconds=9))
        assert cup.ranks() == [(1, "a"), (2, "b")], operator


def test_a_pair_is_compared_as_a_pair_and_summed_field_by_field() -> None:
    digit = {"type": "integer", "min": 0, "max": 9}
    spec = {"score": digit, "subscore": {"order": "asc", "min": 0, "max": 9}}
    best, total = Cup(**spec), Cup(operator="sum", **spec)
    for score, subscore in ((5, "7"), (4, "1"), (5, "2"), (5, "3")):
        best.add("a", score, subscore=subscore)
    assert best.rows()[0].values == (5, 2)
    total.add("a", 5, subscore="7")
    assert total.refusal("a", 1, subscore="3") >= {"score_out_of_range"}
    assert total.refusal("a", "-6", subscore="0") == {"score_out_of_range"}
    assert total.rows()[0].values == (5, 7)
    assert "*" in total.refusal("b", 1)


def test_a_sum_is_refused_whole_when_one_period_overflows() -> None:
    cup = Cup(operator="sum", periods=["all", "day"], score={"type": "integer", "min": 0, "max": 10})
    cup.add("a", 8)
    assert cup.refusal("a", 3, now=NOW + timedelta(days=1)) == {"score_out_of_range"}
    assert cup.game.total("cup", Calendar().at("day", NOW + timedelta(days=1))) == 0


def test_only_the_best_are_kept() -> None:
    cup = line_up(Cup(max_entries=2))
    assert cup.ranks() == [(1, "a"), (2, "b")]
    outcome = cup.add("z", 5)
    assert not outcome.updated
    assert (outcome.values, outcome.periods["all"].rank) == (None, None)


@pytest.mark.parametrize(
    ("order", "percent", "score"),
    [
        ("desc", "0", 1),
        ("desc", "75", 4),
        ("desc", "87.5", Fraction(9, 2)),
        ("desc", "100", 5),
        ("asc", "75", 2),
    ],
)
def test_percentiles(order: str, percent: str, score: Fraction) -> None:
    cup = Cup(order=order)
    assert cup.game.percentile("cup", ALL, Fraction(percent)) is None
    for number in range(1, 6):
        cup.add(f"p{number}", number)
    assert cup.game.percentile("cup", ALL, Fraction(percent)) == score


def test_around_is_filled_up_at_the_ends() -> None:
    cup = Cup(order="asc")
    for number in range(9):
        cup.add(f"p{number}", number)
    middle = {("p4", 1): "4", ("p4", 3): "345", ("p4", 4): "3456"}
    ends = {("p0", 3): "012", ("p8", 4): "5678", ("p7", 20): "012345678"}
    for (player, count), digits in (middle | ends).items():
        rows = cup.game.around("cup", ALL, player, count)
        assert "".join(row.player[1] for row in rows) == digits


def test_distribution_scores_and_lookup() -> None:
    cup = line_up(Cup())
    bars = [(bar.low, bar.high, bar.count) for bar in cup.game.distribution("cup", ALL, 3)]
    assert bars == [(3, 5, 1), (5, 7, 2), (7, 9, 1)]
    assert [row.player for row in cup.game.scores("cup", ALL, Fraction(5), None, 2)[0]] == ["a", "b"]
    assert cup.game.scores("cup", ALL, Fraction(5), Fraction(5), 1)[1] == 2
    rows, missing = cup.game.lookup("cup", ALL, ["x", "d", "y", "a", "x", "d"])
    assert ([row.player for row in rows], missing) == (["a", "d"], ["x", "y"])
    assert Cup().game.distribution("cup", ALL, 3) == []


def test_numbers_are_held_exactly_or_refused() -> None:
    assert Cup().refusal("a", "9007199254740993.0") == {"score_not_exact"}
    assert Cup(score={"decimals": 2}).refusal("a", "1.255") == {"score_not_exact"}
    assert Cup(score={"type": "integer"}).refusal("a", "1.5") == {"score_not_exact"}
    assert Cup(ties="first").refusal("a", "0.5") == {"score_not_exact"}
    assert Cup(ties="first").refusal("a", "1000000001") == {"score_out_of_range"}
    big = Cup(score={"type": "integer", "min": 0, "max": 2**61})
    for number in (1009651914519660511, 1009651914519660512, 1009651914519660544):
        big.add(str(number), number)
    assert len({rank for rank, _ in big.ranks()}) == 3
    doubles = Cup(operator="sum")
    doubles.add("a", "0.1")
    doubles.add("a", "0.2")
    assert doubles.rows()[0].values == (Fraction(0.30000000000000004),)


def test_times_that_are_refused() -> None:
    cup = Cup(ties="first")
    assert cup.refusal("a", 1, at="2026-11-22T10:31:00.001Z") == {"time_in_future"}
    assert cup.refusal("a", 1, at="1999-12-31T23:59:59.999Z") == {"time_out_of_range"}
    cup.add("a", 1, at="2026-11-22T11:31:00+01:00")
    report = cup.game.bulk(
        [{"board": board, "player": "b", "score": "1", "at": "2026-12-22T00:00:00Z"} for board in ("cup", "x")],
        NOW,
        backfill=True,
    )
    assert (report.applied, report.rejected.keys()) == (1, {1})
    assert cup.game.periods("cup", "month")[0].period.id == "2026-12"


@pytest.mark.parametrize(("rule", "counted"), [("item", {"all"}), ("period", {"all", "day"})])
def test_an_item_too_late_for_one_of_its_periods(rule: Any, counted: set[str]) -> None:
    game = ModelGame(late_rule=rule)
    game.put_board("cup", {"periods": ["all", "day", "hour"]})
    now = datetime(2026, 11, 22, 0, 10, tzinfo=UTC)
    in_grace = game.submit("cup", {"player": "a", "score": "1", "at": "2026-11-21T23:59:00Z"}, now)
    assert in_grace.periods.keys() == {"all", "day", "hour"}
    late = game.submit("cup", {"player": "b", "score": "1", "at": "2026-11-21T22:59:00Z"}, now)
    assert late.periods.keys() == counted
    assert late.counted_in_longest
    game.put_board("daily", {"periods": ["day"]})
    with pytest.raises(RefusedError, match="period_closed"):
        game.submit("daily", {"player": "b", "score": "1", "at": "2026-11-20T22:59:00Z"}, now)


def test_a_changed_board_keeps_what_it_keeps() -> None:
    cup = Cup(periods=["all", "day"])
    cup.add("a", 1)
    cup.game.put_board("cup", {"periods": ["all", "week"]})
    cup.game.put_board("cup", {"periods": ["all", "week", "day"]})
    assert cup.ranks() == [(1, "a")]
    assert cup.game.periods("cup", "day") == cup.game.periods("cup", "week") == []
    assert cup.game.player_on_all_boards("a", "all", NOW).keys() == {"cup"}
    assert cup.game.player_on_all_boards("a", "day", NOW) == {}
    assert cup.game.delete_player_everywhere("a")
    assert not cup.game.delete_player("cup", "a")


@given(definitions())
def test_every_drawn_board_fits(definition: dict[str, Any]) -> None:
    rules = rules_of(definition)
    assert not rules.unique or tick_choices(rules.fields)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plays())
def test_every_play_can_be_drawn(play: Play) -> None:
    assert play.definitions
    assert None not in play.operations
