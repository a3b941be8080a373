"""What is made of rounds: medians and spreads, targets, two runs side by side, a picture."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchlib import plot, report
from benchlib.compare import compare, pairs
from benchlib.results import REFERENCE, Figure, Measure, Row, Run, Spread, Target, Yardsticks
from benchlib.yardstick import rate_in


def measure(rate: float, p99: float) -> Measure:
    return Measure(1.0, rate, p99 / 2, p99, 0.1, {}, {"workers": 150.0, "bench": 20.0}, {"workers": 80.0})


def run_of(rates: list[float], p99s: list[float], *, start: float = 2.0) -> Run:
    rounds = [measure(*pair) for pair in zip(rates, p99s, strict=True)]
    row = Row("top <10>", "usual", 0, 64, Target(2000, 10), rounds, [measure(2 * rate, 1) for rate in rates])
    machine = {"cores": 2, "cpu": "X", "system": "Y", "python": "3", "store": "valkey 9"}
    figures = [Figure("start", "s", [start, start + 0.1], 3.0, is_time=True)]
    yardstick = Yardsticks("redis-benchmark", [REFERENCE / 2] * 2, [150_000.0] * 2, [97.0] * 2)
    return Run(machine, [], {"rounds": len(rates)}, yardstick, [row, replace(row, name="bulk", scores=1000)], figures)


def test_the_spread_of_rounds() -> None:
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3)
    assert Spread.of([4, 1]) == Spread(2.5, 1, 4)
    assert Spread.of([]) == Spread(0, 0, 0)
    assert Spread(2, 1, 3).is_apart(Spread(5, 4, 6))
    assert not Spread(2, 1, 3).is_apart(Spread(4, 3, 6))


def test_targets_are_scaled_and_missed() -> None:
    row = run_of([1000, 1100, 900], [15, 12, 30]).rows[0]
    assert Target(2000, 10).missed(row) == ["rate", "p99"]
    assert Target(2000, 10).scaled(0.5) == Target(1000, 20)
    assert Target(2000, 10).scaled(0.5).missed(row) == []
    assert Target(of_floor=0.6).missed(row) == ["floor"]
    assert Target(of_floor=0.5).scaled(0.1).missed(row) == []
    assert row.of_floor == Spread(0.5, 0.5, 0.5)
    figure = Figure("start", "s", [3.5], 3.0, is_time=True)
    assert figure.scaled(0.5) == 6
    assert replace(figure, is_time=False).scaled(0.5) == 3
    assert Yardsticks().factor == 1


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = run_of([1000, 1100], [15, 12])
    run.write(tmp_path / "run.json")
    assert Run.read(tmp_path / "run.json") == run
    (tmp_path / "old.json").write_text('{"cases": []}')
    with pytest.raises(ValueError, match="no result"):
        Run.read(tmp_path / "old.json")


@pytest.mark.parametrize(
    ("rates", "p99s", "verdicts"),
    [
        ([1300, 1200, 1250], [10, 11, 9], ("better", "better")),
        ([1150, 1200, 1250], [18, 19, 21], ("", "worse")),
        ([800, 700, 750], [15, 12, 30], ("worse", "")),
        ([100], [99], ("", "")),  # one round tells nothing
    ],
)
def test_two_runs_are_compared(rates: list[float], p99s: list[float], verdicts: tuple[str, str]) -> None:
    a, b = run_of([1000, 1100, 1150], [15, 12, 17]), run_of(rates, p99s, start=3.0)
    found = pairs(a, b)
    rate, p99 = found["requests a second"][0], found["p99 in ms"][0]
    assert (rate.verdict, p99.verdict) == verdicts
    assert rate.ratio == pytest.approx(Spread.of(rates).median / 1100)
    assert found["figures, less is better"][0].verdict == "worse"
    text = compare(a, b)
    assert "top <10>" in text
    assert ("With one round" if len(rates) == 1 else "3 rounds each, 10%") in text


def test_a_run_without_floors_or_targets_still_shows() -> None:
    run = run_of([1000, 1100], [15, 12])
    bare = Row("mixed", "usual", 0, 64, service=run.rows[0].service)
    lines = report.table([*run.rows, bare], run.yardstick.factor).splitlines()
    assert len(lines) == 2 + 3
    assert "2,000 <10 ms" in lines[2]
    assert "1,000 <20 ms" in lines[2]
    assert "yes" in lines[2]
    assert "scaled by 0.50" in report.yardstick(run.yardstick)
    assert "6.00" in report.figures(run.figures, run.yardstick.factor)


def test_the_picture_is_well_formed_and_shows_every_row() -> None:
    run = run_of([1000, 1100], [15, 12])
    texts = [one.text for one in ET.fromstring(plot.draw(run)).iter() if one.text]  # noqa: S314 - our own
    assert {"top <10>", "bulk", "1,050", "1,050,000"} <= set(texts)
    for most in (0, 3, 950, 20_000, 21_000, 1e6):
        marks = plot.ticks(most)
        assert marks[0] == 0
        assert marks[-1] >= most
        assert len(marks) <= 8


def test_the_rate_of_redis_benchmark_is_its_last_one() -> None:
    said = (
        "ZADD k: rps=0.0 (overall: nan)\rZADD k: 1.5 requests per second\rZADD k: 88888.89 requests per second, p50=1\n"
    )
    assert rate_in(said) == pytest.approx(88_888.89)
    with pytest.raises(ValueError, match="no rate"):
        rate_in("Could not connect")
