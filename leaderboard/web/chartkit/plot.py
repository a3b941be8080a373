"""The drawing itself: pygal lays it out, and where it put things is written anew.

Of pygal's output only shapes and their places are taken: a strict policy allows neither its script nor its styles, and
it never sees a name, only numbers. Labels are put in here, escaped. Colours and letters are up to static/charts.css.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element

import pygal  # type: ignore[import-untyped]  # it has no types
from markupsafe import Markup, escape
from pygal.style import Style  # type: ignore[import-untyped]  # the same

from leaderboard.web.chartkit.axis import Axis, Form

# pygal hooks itself into every import of the process, by a protocol that Python has given up and warns of. What it is
# for, maps that are not installed, nobody needs here.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

WIDTH: Final = 480  # units of the drawing, which is as wide as the page lets it be
HEIGHT: Final = 220
KINDS: Final = 6  # of lines, that differ in colour and dashes
_LETTERS: Final = 18  # units; where the page is narrowest, so that there is room for them
_CHARACTER: Final = 0.62 * _LETTERS
_MOST_DOTS: Final = 62  # points of a series up to which each has a dot
_STYLE: Final = Style(label_font_size=_LETTERS, major_label_font_size=_LETTERS)
_DECIMALS: Final = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML
_Text = Callable[[int, int], str]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is to be drawn.

    `series`: values in steps of `axis`, None for a gap. `ticks`: below the points; as many as fit are shown.
    `tip`: what the tooltip of a series' point says, by their numbers.
    """

    series: Sequence[Sequence[float | None]]
    axis: Axis
    form: Form
    ticks: Sequence[str]
    tip: _Text


def clean(text: str) -> str:
    """The text without what XML has no place for."""
    return _ILLEGAL.sub("\ufffd", text)


def lines(drawing: Drawing) -> Markup:
    """Shapes of a line chart: a line a series, broken at gaps, and dots at its points."""
    plot, overlay = _laid_out(pygal.Line(**_options(), show_dots=True, allow_interruptions=True), drawing)
    drawn = []
    for number, (values, line, dots) in enumerate(zip(drawing.series, _series(plot), _series(overlay), strict=False)):
        paths = Markup("").join(Markup('<path d="{}"/>').format(_short(one.get("d", ""))) for one in line.iter("path"))
        circles = zip(_places(values), dots.iter("circle"), strict=True)
        shown = Markup("").join(_dot(circle, drawing.tip(number, at)) for at, circle in circles if _has_dot(values, at))
        drawn.append(Markup('<g class="chart__line chart__line--{}">{}{}</g>').format(number % KINDS, paths, shown))
    return _framed(plot, drawing, drawn)


def bars(drawing: Drawing) -> Markup:
    """Shapes of a bar chart of one series."""
    plot, _ = _laid_out(pygal.Bar(**_options()), drawing)
    drawn = []
    for number, (values, shapes) in enumerate(zip(drawing.series, _series(plot), strict=False)):
        found = zip(_places(values), shapes.iter("rect"), strict=True)
        drawn += [_bar(rect, drawing.tip(number, at)) for at, rect in found]
    return _framed(plot, drawing, [Markup('<g class="chart__bars">{}</g>').format(Markup("").join(drawn))])


def _options() -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "margin": 8,
        "margin_right": 26,
        "show_legend": False,
        "show_minor_x_labels": False,
        "truncate_label": -1,
        "style": _STYLE,
        "js": [],
        "css": [],
    }


def _laid_out(chart: Any, drawing: Drawing) -> tuple[Element, Element]:
    """What pygal makes of it: the plot, and what lies over it."""
    axis, ticks = drawing.axis, drawing.ticks
    chart.range = (axis.low, axis.high)
    chart.x_labels = [str(at) for at in range(len(ticks))]
    chart.x_labels_major = [str(at) for at in _shown(ticks)]
    chart.y_labels = [{"value": mark, "label": axis.label(mark, drawing.form)} for mark in axis.marks]
    for values in drawing.series:
        chart.add(None, list(values))
    found = [node for node in chart.render_tree().iter("g") if node.get("class", "").startswith("plot")]
    return found[0], found[1]


def _shown(ticks: Sequence[str]) -> range:
    """Which of the labels are shown, so that none runs into the next."""
    widest = (max(map(len, ticks), default=1) + 1) * _CHARACTER
    fit = max(1, int((WIDTH - 60) / widest))
    return range(0, len(ticks), max(1, -(-len(ticks) // fit)))


def _series(plot: Element) -> Iterator[Element]:
    return (node for node in plot.iter("g") if node.get("class", "").startswith("series "))


def _places(values: Sequence[float | None]) -> list[int]:
    """The numbers of the points that are there: pygal draws no others."""
    return [at for at, value in enumerate(values) if value is not None]


def _has_dot(values: Sequence[float | None], at: int) -> bool:
    """Whether a point is shown by itself: where there are few, or where no line would show it."""
    if len(values) <= _MOST_DOTS:
        return True
    return all(values[beside] is None for beside in (at - 1, at + 1) if 0 <= beside < len(values))


def _dot(circle: Element, tip: str) -> Markup:
    x, y = _short(circle.get("cx", "")), _short(circle.get("cy", ""))
    return Markup('<circle cx="{}" cy="{}" r="2.5"><title>{}</title></circle>').format(x, y, clean(tip))


def _bar(rect: Element, tip: str) -> Markup:
    x, y, width, height = (_short(rect.get(name, "")) for name in ("x", "y", "width", "height"))
    shape = Markup('<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>')
    return shape.format(x, y, width, height, clean(tip))


def _framed(plot: Element, drawing: Drawing, drawn: Sequence[Markup]) -> Markup:
    """The axes, and over them what was drawn."""
    move = _short(plot.get("transform", ""))
    return Markup('<g transform="{}">{}{}</g>').format(move, Markup("").join(_axes(plot, drawing)), _all(drawn))


def _axes(plot: Element, drawing: Drawing) -> Iterator[Markup]:
    axes = {node.get("class", "")[:6]: node for node in plot.iter("g") if node.get("class", "").startswith("axis ")}
    guides = [node for node in axes.get("axis y", ()) if node.get("class") == "guides"]
    for mark, node in zip(drawing.axis.marks, guides, strict=True):
        d = _short(node[0].get("d", ""))
        kind = "chart__zero" if mark == 0 else "chart__guide"
        label = drawing.axis.label(mark, drawing.form)
        y = d[1:].split(" ")[1]
        yield Markup('<path class="{}" d="{}"/><text class="chart__y" x="-6" y="{}">{}</text>').format(
            kind, d, y, label
        )
    for text in axes["axis x"].iter("text") if "axis x" in axes else ():
        x, y = _short(text.get("x", "")), _short(text.get("y", ""))
        label = clean(drawing.ticks[int(text.text or 0)])
        yield Markup('<text class="chart__x" x="{}" y="{}">{}</text>').format(x, y, label)


def _all(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(map(escape, parts))


def _short(text: str) -> str:
    """The text with its numbers in tenths."""
    return _DECIMALS.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), text)
