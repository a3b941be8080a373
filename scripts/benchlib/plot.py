"""A run as one picture: rates with their spread, beside lines where a target is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchlib.results import Row, Run, Spread

_LEFT, _WIDTH, _RIGHT, _ROW, _TOP, _AXIS = 210, 560, 90, 26, 44, 34
_BLUE, _GREY, _RED, _INK = "#2a6fbb", "#b9c2cc", "#c4372b", "#222"
_STEPS = 1, 2, 2.5, 5, 10


@dataclass(frozen=True)
class _Bar:
    name: str
    rate: Spread
    given: float | None
    scaled: float | None


def draw(run: Run) -> str:
    """An SVG: requests a second, and below them the bulks' scores a second."""
    factor = run.yardstick.factor
    panels = [
        ("requests a second", [_bar(row, factor, 1) for row in run.rows if row.scores <= 1]),
        ("scores a second in bulks", [_bar(row, factor, row.scores) for row in run.rows if row.scores > 1]),
    ]
    parts, top = [], 30
    for title, bars in panels:
        if bars:
            parts.append(_panel(title, bars, top))
            top += _TOP + _ROW * len(bars) + _AXIS
    width, height = _LEFT + _WIDTH + _RIGHT, top + 44
    legend = (
        f'<text x="12" y="{top + 16}">median of {run.options.get("rounds", "?")} rounds, with the fastest and slowest; '
        f"red: target, dashed: scaled to this machine ({factor:.2f})</text>"
        f'<text x="12" y="{top + 34}" fill="#666">{escape(_machine(run))}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(parts)}{legend}</svg>\n"
    )


def ticks(most: float) -> list[float]:
    """Round numbers from 0 to at least `most`, four to eight of them."""
    if most <= 0:
        return [0.0, 1.0]
    power = 10 ** math.floor(math.log10(most / 5))
    step = next(power * one for one in _STEPS if power * one * 6 >= most)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _bar(row: Row, factor: float, scores: int) -> _Bar:
    rate = Spread(*(scores * value for value in (row.rate.median, row.rate.low, row.rate.high)))
    if row.target.of_floor:
        return _Bar(row.name, rate, None, scores * row.target.of_floor * row.floor_rate.median)
    return _Bar(row.name, rate, row.target.per_second, row.target.scaled(factor).per_second)


def _panel(title: str, bars: Sequence[_Bar], top: int) -> str:
    marks = ticks(max(max(bar.rate.high, bar.given or 0, bar.scaled or 0) for bar in bars))
    bottom = top + _TOP + _ROW * len(bars) - 8

    def x(value: float) -> float:
        return round(_LEFT + _WIDTH * value / marks[-1], 1)

    parts = [f'<text x="12" y="{top + 14}" font-size="15" font-weight="bold">{escape(title)}</text>']
    for mark in marks:
        parts.append(_line(x(mark), top + _TOP - 14, x(mark), bottom, "#e6e9ec"))
        parts.append(f'<text x="{x(mark)}" y="{bottom + 16}" text-anchor="middle" fill="#666">{mark:,.0f}</text>')
    for number, bar in enumerate(bars):
        middle = top + _TOP + _ROW * number
        parts.append(f'<text x="{_LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(bar.name)}</text>')
        width = round(x(bar.rate.median) - _LEFT, 1)
        parts.append(f'<rect x="{_LEFT}" y="{middle - 7}" width="{width}" height="14" fill="{_BLUE}" opacity="0.75"/>')
        low, high = x(bar.rate.low), x(bar.rate.high)
        parts.append(_line(low, middle, high, middle, _INK))
        parts += [_line(end, middle - 4, end, middle + 4, _INK) for end in (low, high)]
        for value, dash in ((bar.given, ""), (bar.scaled, ' stroke-dasharray="3 2"')):
            if value is not None:
                parts.append(_line(x(value), middle - 11, x(value), middle + 11, _RED, f' stroke-width="2"{dash}'))
        end = _LEFT + _WIDTH + _RIGHT - 12
        parts.append(f'<text x="{end}" y="{middle + 4}" text-anchor="end">{bar.rate.median:,.0f}</text>')
    return "".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, color: str, more: str = "") -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{color}"{more}/>'


def _machine(run: Run) -> str:
    parts = [f"{run.machine.get('cores', '?')} cores", *(str(run.machine.get(name, "?")) for name in ("cpu", "store"))]
    return ", ".join([*parts, f"yardstick {Spread.of(run.yardstick.single).median:,.0f} ZADD/s"])
