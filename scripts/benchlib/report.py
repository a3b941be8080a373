"""How a run looks to people: one aligned table, the figures that are no rates, and how fast the machine is."""

from collections.abc import Sequence

from benchlib.results import REFERENCE, REFERENCE_PIPELINED, Figure, Row, Run, Spread, Yardsticks

_CPU = "workers", "store", "bench", "others"
_HEADINGS = (
    *("", "req/s", "min-max", "scores/s", "p50 ms", "p99 ms", "min-max"),
    *("given", "scaled", "met"),
    *("req/s", "% of it"),
    *_CPU,
    *("workers", "bench"),
)
_GROUPS = {1: "service", 7: "target", 10: "floor", 12: "% of a core, service", 16: "us a request"}


def describe(run: Run) -> str:
    """The machine, and what may be wrong with it."""
    lines = ["{cores} cores, {cpu}, {system}, Python {python}, {store}".format(**run.machine)]
    if run.warnings:
        lines.append(f"NOT A QUIET MACHINE: {'; '.join(run.warnings)}. Take the figures for a lower bound.")
    return "\n".join(lines)


def yardstick(found: Yardsticks) -> str:
    """How fast the store is here, and what that makes of the targets."""
    single, pipelined = Spread.of(found.single), Spread.of(found.pipelined)
    store = Spread.of(found.store_percent).median
    busy = f", the store at {store:.0f} % of a core" if store else ""
    return (
        f"yardstick by {found.program}, 50 clients, ZADD of random members of a million: "
        f"{_rate(single)}{busy} (where the targets were set {REFERENCE:,.0f}); "
        f"64 deep {_rate(pipelined)} ({REFERENCE_PIPELINED:,.0f}).\n"
        f"Targets are scaled by {found.factor:.2f}, and met or not as scaled."
    )


def table(rows: Sequence[Row], factor: float) -> str:
    """All workloads; the medians of the rounds, and their extremes."""
    lines = [_HEADINGS, *(_cells(row, factor) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join([_over(widths), *(aligned(line, widths) for line in lines)])


def figures(found: Sequence[Figure], factor: float) -> str:
    """All that are no rates."""
    lines = [("", "", "min-max", "", "target", "scaled", "met", "")]
    for one in found:
        spread, scaled = one.spread, one.scaled(factor)
        met = "" if scaled is None else "yes" if spread.median <= scaled else "no"
        values = (f"{spread.median:.2f}", _range(spread, "{:.2f}"), one.unit)
        lines.append((one.name, *values, _number(one.target), _number(scaled), met, one.note))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(aligned(line[:-1], widths[:-1]) + "  " + line[-1] for line in lines)


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first to the left, the others to the right."""
    first, *others = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join([first.lstrip().ljust(widths[0]), *others])


def _over(widths: Sequence[int]) -> str:
    line = ""
    for at, heading in _GROUPS.items():
        line = line.ljust(sum(widths[:at]) + 2 * at) + heading
    return line


def _cells(row: Row, factor: float) -> list[str]:
    target, scaled = row.target, row.target.scaled(factor)
    missed = scaled.missed(row)
    met = "" if not str(target) else f"no: {', '.join(missed)}" if missed else "yes"
    floor = [f"{row.floor_rate.median:,.0f}", f"{100 * row.of_floor.median:.0f}"] if row.floor else ["", ""]
    return [
        row.name,
        f"{row.rate.median:,.0f}",
        _range(row.rate, "{:,.0f}"),
        f"{row.scores * row.rate.median:,.0f}" if row.scores else "",
        f"{row.p50.median:.2f}",
        f"{row.p99.median:.2f}",
        _range(row.p99, "{:.2f}"),
        str(target),
        str(scaled) if scaled != target else "",
        met,
        *floor,
        *(_optional(row.cpu_percent(name)) for name in _CPU),
        *(_optional(row.cpu_us(name)) for name in ("workers", "bench")),
    ]


def _range(spread: Spread, form: str) -> str:
    return f"{form.format(spread.low)}-{form.format(spread.high)}"


def _optional(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _rate(spread: Spread) -> str:
    return f"{spread.median:,.0f}/s ({_range(spread, '{:,.0f}')})"
