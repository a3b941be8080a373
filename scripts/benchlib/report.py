"""How the results look: one aligned table for people, one document for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchlib.cases import Case
from benchlib.wire import Sample


@dataclass(frozen=True)
class Usage:
    """Processor time that a run took, by group: in all, and in percent of a core."""

    seconds: Mapping[str, float]
    percents: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One case: the service and the floor, and what each took of the processors."""

    case: Case
    service: Sample
    usage: Usage
    floor: Sample
    floor_usage: Usage

    @property
    def times_slower(self) -> float:
        """How many rounds of the floor fit into one of the service."""
        return self.floor.per_second / self.service.per_second if self.service.per_second else 0.0

    def document(self) -> dict[str, Any]:
        """For --json."""
        submitted = self.case.scores * len(self.service.latencies)
        return {
            "case": self.case.name,
            "service": _document(self.service, self.usage),
            "scores_per_second": self.case.scores * self.service.per_second,
            "applied_share": self.service.tally / submitted if submitted else None,
            "floor": _document(self.floor, self.floor_usage),
        }


def _document(sample: Sample, usage: Usage) -> dict[str, Any]:
    return {
        "seconds": sample.seconds,
        "per_second": sample.per_second,
        "p50_ms": sample.milliseconds(50),
        "p99_ms": sample.milliseconds(99),
        "failures": dict(sample.failures),
        "cpu_percent": dict(usage.percents),
        "cpu_ms_per_request": _per_request(sample, usage),
    }


def _per_request(sample: Sample, usage: Usage) -> dict[str, float]:
    return {name: 1000 * seconds / max(1, sample.answered) for name, seconds in usage.seconds.items()}


_GROUPS = {1: "service", 5: "floor", 9: "% of a core while the service runs"}  # by the column they begin at
_RATES = "req/s", "scores/s", "p50 ms", "p99 ms"
_CPU = "workers", "store", "bench", "others"
_HEADINGS = ("", *_RATES, _RATES[0], *_RATES[2:], "x", *_CPU, "workers ms/req")


def table(rows: Sequence[Row]) -> str:
    """All rows, aligned."""
    lines = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join([_groups(widths), *(_aligned(line, widths) for line in lines)])


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join([first.lstrip().ljust(widths[0]), *others])


def _groups(widths: Sequence[int]) -> str:
    line = ""
    for at, heading in _GROUPS.items():
        line = line.ljust(sum(widths[:at]) + 2 * at) + heading
    return line


def _cells(row: Row) -> list[str]:
    cpu = [_percent(row.usage, name) for name in _CPU]
    scores = f"{row.case.scores * row.service.per_second:,.0f}" if row.case.scores else ""
    return [
        row.case.name,
        *_rates(row.service, scores),
        *_rates(row.floor),
        f"{row.times_slower:.1f}",
        *cpu,
        _each(row),
    ]


def _rates(sample: Sample, *more: str) -> list[str]:
    latencies = [f"{sample.milliseconds(percent):.2f}" for percent in (50, 99)]
    return [f"{sample.per_second:,.0f}", *more, *latencies]


def _percent(usage: Usage, name: str) -> str:
    return f"{usage.percents[name]:.0f}" if name in usage.percents else "?"


def _each(row: Row) -> str:
    each = _per_request(row.service, row.usage)
    return f"{each['workers']:.2f}" if "workers" in each else "?"


def failures(named: Mapping[str, Sample]) -> list[str]:
    """A line for every kind of failure."""
    return [
        f"{name}: {count} x {what}" for name, sample in named.items() for what, count in sample.failures.most_common()
    ]


def write(path: Path, document: Mapping[str, Any]) -> None:
    """The document as indented JSON."""
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
