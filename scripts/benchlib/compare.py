"""Two runs side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchlib.report import aligned
from benchlib.results import Run, Spread


@dataclass(frozen=True)
class Pair:
    """The same thing in both runs, over so many rounds in the run with fewer of them."""

    name: str
    a: Spread
    b: Spread
    rounds: int
    more_is_better: bool = True

    @property
    def ratio(self) -> float | None:
        """B over A."""
        return self.b.median / self.a.median if self.a.median else None

    @property
    def verdict(self) -> str:
        """`better` or `worse` where the rounds of the two do not overlap; nothing where they do."""
        if self.rounds < 2 or not self.a.is_apart(self.b):
            return ""
        return "better" if (self.b.median > self.a.median) == self.more_is_better else "worse"


def compare(a: Run, b: Run) -> str:
    """Everything that both have, with the ratio; what is beyond the spread is flagged."""
    sections = pairs(a, b)
    blocks = ["\n".join(_differences(a, b))]
    blocks += [_table(title, found) for title, found in sections.items() if found]
    alone = {row.name for row in a.rows} ^ {row.name for row in b.rows}
    if alone:
        blocks.append(f"only in one of the two: {'; '.join(sorted(alone))}")
    rounds = min((pair.rounds for pair in sections["requests a second"]), default=0)
    if rounds == 1:
        blocks.append("With one round there is no spread, and nothing can be flagged.")
    elif rounds:
        chance = 2 / math.comb(2 * rounds, rounds)
        blocks.append(f"Flagged is what does not overlap: of {rounds} rounds each, {chance:.0%} by chance alone.")
    return "\n\n".join(blocks)


def pairs(a: Run, b: Run) -> dict[str, list[Pair]]:
    """By what is compared."""
    rows = [(one, other) for one in a.rows for other in b.rows if one.name == other.name]
    figures = [(one, other) for one in a.figures for other in b.figures if one.name == other.name]
    rounds = [min(len(one.service), len(other.service)) for one, other in rows]
    return {
        "yardstick": [
            Pair("ZADD/s, one by one", *_both(a.yardstick.single, b.yardstick.single)),
            Pair("ZADD/s, 64 deep", *_both(a.yardstick.pipelined, b.yardstick.pipelined)),
        ],
        "requests a second": [
            Pair(one.name, one.rate, other.rate, count) for (one, other), count in zip(rows, rounds, strict=True)
        ],
        "p99 in ms": [
            Pair(one.name, one.p99, other.p99, count, more_is_better=False)
            for (one, other), count in zip(rows, rounds, strict=True)
        ],
        "floor: the store and the machine, not the service": [
            Pair(one.name, one.floor_rate, other.floor_rate, count)
            for (one, other), count in zip(rows, rounds, strict=True)
            if one.floor and other.floor
        ],
        "figures, less is better": [
            Pair(one.name, *_both(one.values, other.values), more_is_better=False) for one, other in figures
        ],
    }


def _both(a: Sequence[float], b: Sequence[float]) -> tuple[Spread, Spread, int]:
    return Spread.of(a), Spread.of(b), min(len(a), len(b))


def _differences(a: Run, b: Run) -> list[str]:
    lines = []
    for name, run in (("A", a), ("B", b)):
        lines += [f"{name}: NOT A QUIET MACHINE: {warning}" for warning in run.warnings]
        lines += [f"{name}: FAILED {problem}" for problem in run.problems]
    for what, one, other in (("machine", a.machine, b.machine), ("options", a.options, b.options)):
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name):
                lines.append(f"{what}: {name} is {one.get(name)} in A, {other.get(name)} in B")
    return lines or ["the same machine and options"]


def _table(title: str, found: Sequence[Pair]) -> str:
    lines = [(title, "A", "min-max", "B", "min-max", "B/A", ""), *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(aligned(line, widths) for line in lines)


def _cells(pair: Pair) -> tuple[str, ...]:
    form = "{:,.0f}" if pair.a.median >= 1000 else "{:.2f}"
    ranges = [
        text
        for one in (pair.a, pair.b)
        for text in (form.format(one.median), f"{form.format(one.low)}-{form.format(one.high)}")
    ]
    return (pair.name, *ranges, f"{pair.ratio:.2f}" if pair.ratio is not None else "?", pair.verdict)
