"""What a run found, round by round, and what is made of the rounds: medians, spreads, whether targets are met."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benchlib.wire import Sample

REFERENCE = 73_000.0  # ZADDs a second where the targets were set: redis-benchmark, 50 clients, random ones of a million
REFERENCE_PIPELINED = 181_000.0  # the same 64 deep


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, and their extremes."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Zeros if there are no rounds."""
        return cls(statistics.median(values), min(values), max(values)) if values else cls(0.0, 0.0, 0.0)

    def is_apart(self, other: "Spread") -> bool:
        """Whether the two do not overlap."""
        return self.high < other.low or other.high < self.low


@dataclass(frozen=True)
class Usage:
    """Processor time that a measurement took, by group of processes: in all, and in percent of a core."""

    seconds: Mapping[str, float]
    percents: Mapping[str, float]


@dataclass(frozen=True)
class Measure:
    """One measurement of the service, or of its floor."""

    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    moved_share: float  # of the scores, as the answers tell; 0 for reads
    failures: Mapping[str, int]
    cpu_percent: Mapping[str, float]
    cpu_us: Mapping[str, float]  # a request

    @classmethod
    def of(cls, sample: Sample, usage: Usage, scores: int = 0) -> Self:
        """`scores` is how many one request submits."""
        submitted, answered = scores * len(sample.latencies), max(1, sample.answered)
        return cls(
            seconds=sample.seconds,
            per_second=sample.per_second,
            p50_ms=sample.milliseconds(50),
            p99_ms=sample.milliseconds(99),
            moved_share=sample.tally / submitted if submitted else 0.0,
            failures=dict(sample.failures),
            cpu_percent=dict(usage.percents),
            cpu_us={name: 1e6 * seconds / answered for name, seconds in usage.seconds.items()},
        )


@dataclass(frozen=True)
class Target:
    """What is to be reached: requests a second, with a p99 below so much, or a share of the floor's rate."""

    per_second: float | None = None
    p99_ms: float | None = None
    of_floor: float | None = None

    def scaled(self, factor: float) -> "Target":
        """The same on a machine whose yardstick is so many times the reference."""
        return Target(self.per_second and self.per_second * factor, self.p99_ms and self.p99_ms / factor, self.of_floor)

    def missed(self, row: "Row") -> list[str]:
        """What the row's medians do not reach."""
        missed = []
        if self.per_second and row.rate.median < self.per_second:
            missed.append("rate")
        if self.p99_ms and row.p99.median >= self.p99_ms:
            missed.append("p99")
        if self.of_floor and row.of_floor.median < self.of_floor:
            missed.append("floor")
        return missed

    def __str__(self) -> str:
        rate = f"{self.per_second:,.0f}" if self.per_second else ""
        p99 = f"<{self.p99_ms:.3g} ms" if self.p99_ms else ""
        floor = f"{100 * self.of_floor:.0f} % of floor" if self.of_floor else ""
        return " ".join(filter(None, (rate, p99, floor)))


@dataclass
class Row:
    """A workload: all rounds of the service, and of its floor if it has one."""

    name: str
    group: str
    scores: int
    connections: int
    target: Target = field(default_factory=Target)
    service: list[Measure] = field(default_factory=list)
    floor: list[Measure] = field(default_factory=list)

    @property
    def rate(self) -> Spread:
        """Requests a second."""
        return self._spread(lambda one: one.per_second)

    @property
    def p50(self) -> Spread:
        """Milliseconds."""
        return self._spread(lambda one: one.p50_ms)

    @property
    def p99(self) -> Spread:
        """Milliseconds."""
        return self._spread(lambda one: one.p99_ms)

    @property
    def floor_rate(self) -> Spread:
        """Rounds of the raw commands a second."""
        return Spread.of([one.per_second for one in self.floor])

    @property
    def of_floor(self) -> Spread:
        """The service's rate as a share of the floor's, compared round by round."""
        pairs = zip(self.service, self.floor, strict=False)
        return Spread.of([one.per_second / bare.per_second for one, bare in pairs if bare.per_second])

    def cpu_percent(self, name: str) -> float | None:
        """Of a core, while the service runs."""
        found = [one.cpu_percent[name] for one in self.service if name in one.cpu_percent]
        return statistics.median(found) if found else None

    def cpu_us(self, name: str) -> float | None:
        """Microseconds of processor time a request of the service."""
        found = [one.cpu_us[name] for one in self.service if name in one.cpu_us]
        return statistics.median(found) if found else None

    def _spread(self, part: Callable[[Measure], float]) -> Spread:
        return Spread.of([part(one) for one in self.service])


@dataclass
class Figure:
    """Something that is no rate: less is better."""

    name: str
    unit: str
    values: list[float] = field(default_factory=list)
    target: float | None = None
    is_time: bool = False  # then its target grows with a slower machine
    note: str = ""

    @property
    def spread(self) -> Spread:
        """Over the rounds."""
        return Spread.of(self.values)

    def scaled(self, factor: float) -> float | None:
        """The target on a machine whose yardstick is so many times the reference."""
        return self.target / factor if self.target and self.is_time else self.target


@dataclass
class Yardsticks:
    """ZADDs a second, each time they were measured, and by which program."""

    program: str = ""
    single: list[float] = field(default_factory=list)
    pipelined: list[float] = field(default_factory=list)
    store_percent: list[float] = field(default_factory=list)  # of a core, while sent one by one

    @property
    def factor(self) -> float:
        """How many times as fast as where the targets were set; 1 if it is not known."""
        return Spread.of(self.single).median / REFERENCE or 1.0


@dataclass
class Run:
    """Everything that a run found."""

    machine: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    yardstick: Yardsticks = field(default_factory=Yardsticks)
    rows: list[Row] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """As indented JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote. Raises ValueError where that is something else."""
        document = json.loads(path.read_text("utf-8"))
        try:
            run = cls(**document)
            run.yardstick = Yardsticks(**document["yardstick"])
            run.rows = [_row(row) for row in document["rows"]]
            run.figures = [Figure(**figure) for figure in document["figures"]]
        except (TypeError, KeyError) as error:
            raise ValueError(f"{path} is no result of this version of scripts/bench: {error}") from error
        return run


def _row(document: dict[str, Any]) -> Row:
    row = Row(**document)
    row.target = Target(**document["target"])
    row.service = [Measure(**one) for one in document["service"]]
    row.floor = [Measure(**one) for one in document["floor"]]
    return row
