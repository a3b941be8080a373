"""Charts: well-formed whatever they show, with nothing that the pages' policy forbids, and the right figures."""

import math
import re
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.web import charts
from leaderboard.web.chartkit.axis import axis_of, brief, full, rounded

_STYLES = Path(charts.__file__).parent / "static" / "charts.css"
_values = st.one_of(
    st.none(),
    st.integers(-(10**400), 10**400),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
)
_labels = st.text(max_size=40)
_points = st.lists(st.tuples(_labels, _values), max_size=70)
_forms = st.sampled_from(["number", "percent"])


def _parsed(markup: str) -> Element:
    """The markup as XML, after a look at what it must not have."""
    root = fromstring(markup)  # noqa: S314 - our own
    for node in root.iter():
        assert node.tag not in ("script", "style", "image", "use", "foreignObject", "a"), node.tag
        for name, value in node.attrib.items():
            assert not name.startswith("on"), name
            assert name not in ("style", "href", "id", "src"), name
            assert "nan" not in value or name == "aria-label", value
            assert "inf" not in value or name == "aria-label", value
    return root


def _numbers(node: Element) -> list[float]:
    given = [node.get(name, "") for name in ("d", "x", "y", "cx", "cy", "width", "height")]
    return [float(number) for text in given for number in re.findall(r"-?[0-9.]+(?:e-?[0-9]+)?", text)]


@settings(max_examples=60, deadline=None)
@given(_points, st.text(max_size=30), _forms)
def test_any_bars_are_well_formed(points: list[tuple[str, Any]], title: str, form: Any) -> None:
    labels, values = [label for label, _ in points], [value for _, value in points]
    root = _parsed(charts.bars(labels, values, title, form=form))
    known = [value for value in values if value is not None]
    assert len(list(root.iter("rect"))) == len(known)
    assert len(list(root.iter("tr"))) == (len(points) + 1 if known else 0)


@settings(max_examples=60, deadline=None)
@given(_points, st.lists(_labels, min_size=1, max_size=8, unique=True), st.text(max_size=30), _forms)
def test_any_lines_are_well_formed(points: list[tuple[str, Any]], names: list[str], title: str, form: Any) -> None:
    labels, values = [label for label, _ in points], [value for _, value in points]
    series = {name: values[at:] + values[:at] for at, name in enumerate(names)}
    root = _parsed(charts.line(series, labels, title, form=form))
    known = [value for value in values if value is not None]
    assert (root.find("svg") is None) == (not known)
    if known:
        image = root.find("svg")
        assert image is not None
        for node in image.iter():
            assert all(-100 <= number <= 600 for number in _numbers(node)), node.attrib


@settings(max_examples=100, deadline=None)
@given(st.lists(_values, max_size=40), st.text(max_size=30))
def test_any_sparkline_is_well_formed_and_inside_its_box(values: list[Any], title: str) -> None:
    root = _parsed(charts.sparkline(values, title))
    path = root.find("path")
    assert path is not None
    assert all(-2.1 <= number <= 122.1 for number in _numbers(path))
    assert bool(path.get("d")) is any(value is not None for value in values)


@settings(max_examples=300, deadline=None)
@given(st.lists(_values, max_size=20), _forms)
def test_an_axis_holds_every_value_and_has_few_marks(values: list[Any], form: Any) -> None:
    axis = axis_of(values, form)
    assert axis.low <= 0 <= axis.high
    assert 2 <= len(axis.marks) <= 8
    for value in values:
        place = axis.place(value)
        assert place is None or axis.low - 1e-6 <= place <= axis.high + 1e-6
    labels = [axis.label(mark, form) for mark in axis.marks]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 11


@pytest.mark.parametrize("draw", [lambda v: charts.bars(["a"], v, "t"), lambda v: charts.line({"s": v}, ["a"], "t")])
@pytest.mark.parametrize("bad", [math.nan, Decimal("NaN")])
def test_what_is_no_number_is_refused(draw: Callable[[Sequence[Any]], str], bad: Any) -> None:
    with pytest.raises(ValueError, match="numbers only"):
        draw([bad])


def test_a_series_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="as many values"):
        charts.line({"s": [1, 2]}, ["a"], "t")
    with pytest.raises(ValueError, match="as many values"):
        charts.bars(["a"], [1], "t", ticks=[])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (3, "3"),
        (9.5, "9.50"),
        (2571.776623, "2\u202f571.78"),
        (0.01234, "0.01234"),
        (4.0, "4"),
        (1e20, "1e+20"),
    ],
)
def test_means_are_rounded(value: Any, text: str) -> None:
    assert rounded(value) == text


def test_names_are_text_everywhere() -> None:
    evil = '"><img src=x onerror=1>'
    root = _parsed(charts.line({evil: [1, 2], "<b>": [3, 4]}, [evil, "<script>alert(1)</script>"], evil, first=evil))
    assert "img" not in {node.tag for node in root.iter()}
    assert [node.text for node in root.iter("th")] == [evil, evil, "<b>", evil, "<script>alert(1)</script>"]
    assert evil in [node.text for node in root.iter("title")]


def test_the_table_has_the_figures() -> None:
    root = _parsed(charts.line({"sum": [1234567, None, 0.5], "n": [1, 2, 3]}, ["mon", "tue", "wed"], "Sums"))
    rows = [[cell.text for cell in row] for row in root.iter("tr")]
    assert rows == [["Time", "sum", "n"], ["mon", "1\u202f234\u202f567", "1"], ["tue", "–", "2"], ["wed", "0.5", "3"]]
    image = root.find("svg")
    assert image is not None
    assert image.get("role") == "img"
    assert image.findtext("title") == "Sums"
    assert "sum: 2 values from 0.5 to 1\u202f234\u202f567." in image.findtext("desc", "")


def test_points_are_where_their_values_are() -> None:
    root = _parsed(charts.line({"s": [0, 10, 5]}, ["a", "b", "c"], "t"))
    heights = [float(dot.get("cy", "")) for dot in root.iter("circle")]
    assert heights[2] == pytest.approx((heights[0] + heights[1]) / 2, abs=0.2)
    assert heights[1] < heights[0]
    marks = {node.text: float(node.get("y", "")) for node in root.iter("text") if node.get("class") == "chart__y"}
    assert [marks["0"], marks["10"]] == pytest.approx(heights[:2], abs=0.2)


def test_a_gap_breaks_the_line_and_a_lone_point_is_seen() -> None:
    values: list[Any] = [1, 2, None, 3, None, 4, 5, *[None] * 60, 6]
    root = _parsed(charts.line({"s": values}, [str(at) for at in range(len(values))], "t"))
    image = root.find("svg")
    assert image is not None
    assert len(list(image.iter("circle"))) == 2
    lines = list(image.iterfind(".//g[@class='chart__line chart__line--0']/path"))
    assert len(lines) == 2


def test_negative_bars_hang_from_zero() -> None:
    root = _parsed(charts.bars(["a", "b"], [2, -1], "t"))
    up, down = ([float(rect.get(name, "")) for name in ("y", "height")] for rect in root.iter("rect"))
    assert up[0] + up[1] == pytest.approx(down[0], abs=0.2)
    assert up[1] == pytest.approx(2 * down[1], abs=0.2)


def test_a_line_of_thirty_points_is_small() -> None:
    labels = [f"2026-11-{day:02}" for day in range(1, 31)]
    assert len(charts.line({"players": [day * 12345 for day in range(30)]}, labels, "Players")) < 10_000


@pytest.mark.parametrize(
    ("labels", "most"), [([f"{hour:02}:00" for hour in range(24)], 8), (["1,000,000 – 2,000,000"] * 20, 2)]
)
def test_labels_below_leave_room_for_one_another(labels: list[str], most: int) -> None:
    root = _parsed(charts.bars(labels, [1] * len(labels), "t"))
    shown = [node for node in root.iter("text") if node.get("class") == "chart__x"]
    assert 1 <= len(shown) <= most
    places = [float(node.get("x", "")) for node in shown]
    wide = max(len(node.text or "") for node in shown) * 8
    assert all(after - before >= wide for before, after in pairwise(places))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (2500, "2.5k"), (1e6, "1M"), (-3e9, "-3B"), (1e15, "1e+15"), (0.25, "0.25")],
)
def test_labels_are_short(value: float, text: str) -> None:
    assert brief(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (12345678901234567890, "12345678901234567890"), (0.1, "0.1"), (2.0, "2"), (1e-9, "1e-09")],
)
def test_tables_show_numbers_in_full(value: Any, text: str) -> None:
    assert full(value).replace("\u202f", "") == text
    assert full(1234567) == "1\u202f234\u202f567"
    assert full(0.12345, "percent") == "12.3 %"


def colours(theme: str) -> dict[str, str]:
    """The custom properties of a theme, as charts.css sets them."""
    css = _STYLES.read_text()
    start = css.index(':root[data-theme="dark"]' if theme == "dark" else ":root {")
    return dict(re.findall(r"(--[a-z0-9-]+): ([^;]+);", css[start : css.index("}", start)]))


def _luminance(rgb: Sequence[float]) -> float:
    parts = [part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def rgb(text: str) -> list[int]:
    return [int(text[at : at + 2], 16) for at in (1, 3, 5)]


@pytest.mark.parametrize(("theme", "ground"), [("light", "#ffffff"), ("dark", "#161c24")])
def test_lines_stand_out_in_both_themes(theme: str, ground: str) -> None:
    found = colours(theme)
    for number in range(6):
        assert contrast(rgb(found[f"--chart-{number}"]), rgb(ground)) >= 3, number


def test_the_dark_themes_are_one() -> None:
    css = _STYLES.read_text()
    start = css.index(':root:not([data-theme="light"])')
    by_system = dict(re.findall(r"(--[a-z0-9-]+): ([^;]+);", css[start : css.index("}", start)]))
    assert by_system == colours("dark")


def test_imports_of_the_process_are_left_alone() -> None:
    assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("pygal")]
