"""Charts, drawn by the server as SVG inside the page: no script, no style of their own, no id.

Each is a <figure> with its title, the drawing, a legend where there are several series, and a table of the same figures
for who cannot see it. A page that shows one links static/charts.css; it works in both themes and at any width.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from leaderboard.web.chartkit import plot
from leaderboard.web.chartkit.axis import Form, Value, axis_of, full

_SPARK_WIDTH: Final = 120
_SPARK_HEIGHT: Final = 28
_NOTHING: Final = Markup('<p class="muted">There are no figures in this range.</p>')
_MOST_LABEL: Final = 24  # characters below the axis; the table has all of them


def line(
    series: Mapping[str, Sequence[Value]],
    labels: Sequence[str],
    title: str,
    *,
    ticks: Sequence[str] | None = None,
    form: Form = "number",
    first: str = "Time",
) -> Markup:
    """A line a series, over the same `labels`; None is a gap.

    `ticks`: shorter labels for the axis. `form`: "percent" shows shares of 1. `first`: what the labels are, as the
    head of the table's first column. ValueError for NaN, and for a series that has not as many values as labels.
    """
    return _figure(plot.lines, series, labels, title, ticks, (form, first))


def bars(
    labels: Sequence[str],
    values: Sequence[Value],
    title: str,
    *,
    ticks: Sequence[str] | None = None,
    form: Form = "number",
    first: str = "Range",
    name: str = "Count",
) -> Markup:
    """A bar a label; `name`: what the values are. As `line` otherwise."""
    return _figure(plot.bars, {name: values}, labels, title, ticks, (form, first))


def sparkline(values: Sequence[Value], title: str) -> Markup:
    """A line without axes, small enough for a cell of a table; `title` says in words what it shows."""
    axis = axis_of(values)
    low, span = axis.low, axis.high - axis.low
    step = _SPARK_WIDTH / max(1, len(values) - 1)
    pieces: list[list[str]] = [[]]
    for at, value in enumerate(values):
        place = axis.place(value)
        if place is None:
            pieces.append([])
        else:
            y = (1 - (place - low) / span) * _SPARK_HEIGHT
            pieces[-1].append(f"{at * step:.1f} {y:.1f}")
    # A point alone is a line to itself, which round ends make a dot.
    d = "".join(f"M{'L'.join(piece if len(piece) > 1 else piece * 2)}" for piece in pieces if piece)
    return Markup(
        '<svg class="spark" role="img" viewBox="-2 -2 {} {}" preserveAspectRatio="none"><title>{}</title>'
        '<path d="{}"/></svg>'
    ).format(_SPARK_WIDTH + 4, _SPARK_HEIGHT + 4, plot.clean(title), d)


def _figure(
    draw: Callable[[plot.Drawing], Markup],
    series: Mapping[str, Sequence[Value]],
    labels: Sequence[str],
    title: str,
    ticks: Sequence[str] | None,
    look: tuple[Form, str],
) -> Markup:
    form, first = look
    ticks = labels if ticks is None else ticks
    names, rows = list(series), list(series.values())
    if any(len(one) != len(labels) for one in (*rows, ticks)):
        raise ValueError("as many values and ticks as labels")
    axis = axis_of((value for row in rows for value in row), form)

    def tip(number: int, at: int) -> str:
        figure = f"{labels[at]}: {full(rows[number][at], form)}"
        return f"{names[number]}, {figure}" if len(names) > 1 else figure

    drawing = plot.Drawing(
        series=[[axis.place(value) for value in row] for row in rows],
        axis=axis,
        form=form,
        ticks=[label if len(label) <= _MOST_LABEL else label[: _MOST_LABEL - 1] + "…" for label in ticks],
        tip=tip,
    )
    is_empty = all(value is None for row in rows for value in row)
    return Markup('<figure class="chart"><figcaption class="chart__title">{}</figcaption>{}{}{}</figure>').format(
        plot.clean(title),
        _NOTHING if is_empty else _image(draw(drawing), title, names, rows, form),
        _legend(names) if len(names) > 1 and not is_empty else "",
        "" if is_empty else _table(names, rows, labels, title, (form, first)),
    )


def _image(shapes: Markup, title: str, names: Sequence[str], rows: Sequence[Sequence[Value]], form: Form) -> Markup:
    return Markup(
        '<svg class="chart__image" role="img" viewBox="0 0 {} {}"><title>{}</title><desc>{}</desc>{}</svg>'
    ).format(plot.WIDTH, plot.HEIGHT, plot.clean(title), plot.clean(_told(names, rows, form)), shapes)


def _told(names: Sequence[str], rows: Sequence[Sequence[Value]], form: Form) -> str:
    """What the drawing shows, in a sentence a series."""
    told = []
    for name, row in zip(names, rows, strict=True):
        known = [value for value in row if value is not None]
        if known:
            least, most = min(known), max(known)
            told.append(f"{name}: {len(known)} values from {full(least, form)} to {full(most, form)}.")
    return " ".join([*told, "The same figures are in the table below."])


def _legend(names: Sequence[str]) -> Markup:
    item = Markup(
        '<li><svg class="chart__key" viewBox="0 0 24 8" aria-hidden="true"><g class="chart__line chart__line--{}">'
        '<path d="M0 4h24"/></g></svg>{}</li>'
    )
    items = [item.format(number % plot.KINDS, plot.clean(name)) for number, name in enumerate(names)]
    return Markup('<ul class="chart__legend">{}</ul>').format(Markup("").join(items))


def _table(
    names: Sequence[str],
    rows: Sequence[Sequence[Value]],
    labels: Sequence[str],
    title: str,
    look: tuple[Form, str],
) -> Markup:
    form, first = look
    heads = Markup("").join(Markup('<th scope="col" class="num">{}</th>').format(plot.clean(name)) for name in names)
    lines = [
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            plot.clean(label),
            Markup("").join(Markup('<td class="num">{}</td>').format(full(row[at], form)) for row in rows),
        )
        for at, label in enumerate(labels)
    ]
    return Markup(
        '<details class="chart__data"><summary>Show as a table</summary>'
        '<div class="table-wrap" tabindex="0" role="region" aria-label="{title}"><table class="table">'
        '<caption class="visually-hidden">{title}</caption>'
        '<thead><tr><th scope="col">{first}</th>{heads}</tr></thead><tbody>{lines}</tbody></table></div></details>'
    ).format(title=plot.clean(title), first=first, heads=heads, lines=Markup("").join(lines))
