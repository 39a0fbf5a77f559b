"""Charts of a sweep key by key: the accuracy of every finished setting against that key's values.

Keys whose values are numbers get an axis of numbers, the others one row for each value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from edgekd.records import Sweep, SweepPoint
from edgekd.report import units
from edgekd.report.charts.axes import (
    ROUND_STEPS,
    beside,
    fitted,
    padded,
    pixel_axes,
    row_axes,
    text_width,
)
from edgekd.report.charts.chart import NARROW, PANEL, WIDE, Chart
from edgekd.report.charts.scatter import log_ticks
from edgekd.report.charts.svg import COLOURS, FONT_PIXELS, chart_style, inline_svg, new_figure
from edgekd.report.search.settings import (
    is_search,
    keys_of,
    measured,
    number_of,
    numeric,
    setting_text,
    spreads_by_factors,
    validation_mean,
    value_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 30
_MOST_VALUE_TICKS = 12
_TICK_PIXELS = FONT_PIXELS - 1
# How far below the median the axis reaches, in distances from the median to the best.
_REACH = 6.0

_COLOUR = COLOURS["series-2"]
_REFERENCE_LINES: dict[str, dict[str, Any]] = {
    "teacher": {"color": COLOURS["series-0"], "linewidth": 1.4, "linestyle": (0, (1, 2))},
    "control": {"color": COLOURS["series-1"], "linewidth": 1.4, "linestyle": (0, (5, 3))},
}


@dataclass(frozen=True)
class KeyPanel:
    """One key and its chart."""

    key: str
    chart: str


@dataclass(frozen=True)
class _Dot:
    """A setting as it is drawn; ``interval`` where it has one, ``trial`` where it had one seed."""

    index: int
    point: SweepPoint
    height: float
    interval: tuple[float, float] | None
    trial: bool


@dataclass(frozen=True)
class _Plot:
    """What one chart shows: the settings that have the key, and how.

    Attributes:
        data: what the accuracy was measured on.
        single: whether no other key differs, so that the dots are one line.
        bottom: dots below are drawn at the edge, so that a failure does not flatten the others.
    """

    sweep: Sweep
    key: str
    dots: list[_Dot]
    data: str
    single: bool
    levels: list[float]
    bottom: float

    @property
    def values(self) -> list[Any]:
        return [dot.point.values[self.key] for dot in self.dots]

    @property
    def references(self) -> list[tuple[str, float]]:
        """The teacher and the control, which are known on test data only."""
        found = [("teacher", self.sweep.teacher), ("control", self.sweep.control)]
        if self.data == "validation":
            return []
        return [(name, accuracy.value) for name, accuracy in found if accuracy]


def has_dots(sweep: Sweep) -> bool:
    """Whether there is anything to draw."""
    return bool(_dots(sweep))


def key_chart(sweep: Sweep) -> Chart:
    """Accuracy, and where it is known its 95 % interval, against the only key swept over."""
    plot = _plot(sweep, keys_of(sweep)[0], single=True)
    return Chart(wide=_draw(plot, WIDE, "key-wide"), narrow=_draw(plot, NARROW, "key-narrow"))


def key_panels(sweep: Sweep) -> list[KeyPanel]:
    """One panel for each key that was swept over, all on one scale of accuracy."""
    plots = [_plot(sweep, key, single=False) for key in keys_of(sweep)]
    return [
        KeyPanel(plot.key, _draw(plot, PANEL, f"key-{index}")) for index, plot in enumerate(plots)
    ]


def _dots(sweep: Sweep) -> list[_Dot]:
    """A search is drawn on validation data, which all its trials have; a sweep on test data."""
    if not is_search(sweep):
        return [
            _Dot(one.index, one.point, one.accuracy.value, one.accuracy.ci95, trial=False)
            for one in measured(sweep)
        ]
    return [
        _Dot(index, point, mean, None, trial=point.state == "trial")
        for index, point in enumerate(sweep.points)
        if point.state != "stopped" and (mean := validation_mean(point)) is not None
    ]


def _plot(sweep: Sweep, key: str, *, single: bool) -> _Plot:
    dots = _dots(sweep)
    levels = [dot.height for dot in dots]
    data, bottom = "test", min(levels)
    if is_search(sweep):
        data, middle = "validation", median(levels)
        bottom = max(bottom, middle - _REACH * (max(levels) - middle))
        levels = [max(level, bottom) for level in levels]
    if single:
        levels += [end for dot in dots for end in dot.interval or ()]
    shown = [dot for dot in dots if key in dot.point.values]
    over = sweep.over.get(key)
    if isinstance(over, str):
        shown = [dot for dot in shown if number_of(dot.point.values[key]) is not None]
    plot = _Plot(sweep, key, shown, data, single, levels, bottom)
    levels += [value for _, value in plot.references]
    return plot


def _draw(plot: _Plot, width: int, name: str) -> str:
    draw = _draw_numbers if numeric(plot.values) else _draw_rows
    return draw(plot, width, name)


def _draw_numbers(plot: _Plot, width: int, name: str) -> str:
    with chart_style():
        figure = new_figure(width, max(260, width * 0.36))
        axes = pixel_axes(figure, left=50, right=14, top=28, bottom=48)
        _scale(axes, plot, width - 64)
        label = fitted(f"{plot.sweep.metric} on {plot.data} data", width - 64, FONT_PIXELS)
        axes.text(0, 1.04, label, transform=axes.transAxes, color=COLOURS["muted"])
        axes.set_xlabel(fitted(plot.key, width - 64, FONT_PIXELS))
        for reference, level in plot.references:
            axes.axhline(level, **_REFERENCE_LINES[reference])
        places = [number_of(value) or 0.0 for value in plot.values]
        if plot.single and plot.data == "test":
            line = sorted(zip(places, (dot.height for dot in plot.dots), strict=True))
            axes.plot(*zip(*line, strict=True), color=_COLOUR, linewidth=1.2, alpha=0.6)
        for place, dot in zip(places, plot.dots, strict=True):
            if plot.single and dot.interval:
                axes.plot([place, place], dot.interval, color=_COLOUR, linewidth=3, alpha=0.45)
            height = max(dot.height, plot.bottom)
            axes.plot([place], [height], gid=f"point-{dot.index}", **_marker(plot, dot, "v"))
        return _svg(figure, plot, name)


def _draw_rows(plot: _Plot, width: int, name: str) -> str:
    labels = list(dict.fromkeys(value_text(value) for value in plot.values))[::-1]
    row_of = {label: row for row, label in enumerate(labels)}
    with chart_style():
        figure = new_figure(width, _ROW * max(1, len(labels)) + 44)
        axes = row_axes(figure, labels, plot.levels, right=64 if plot.single else 14)
        for reference, level in plot.references:
            axes.axvline(level, **_REFERENCE_LINES[reference])
        for dot in plot.dots:
            row = row_of[value_text(dot.point.values[plot.key])]
            if plot.single and dot.interval:
                axes.plot(dot.interval, [row, row], color=_COLOUR, linewidth=3, alpha=0.45)
                beside(axes, row, units.percent(dot.height))
            height = max(dot.height, plot.bottom)
            axes.plot([height], [row], gid=f"point-{dot.index}", **_marker(plot, dot, "<"))
        return _svg(figure, plot, name)


def _marker(plot: _Plot, dot: _Dot, below: str) -> dict[str, Any]:
    """A dot, hollow where it is a trial; the best is a larger diamond with a rim of ink."""
    best = dot.index == plot.sweep.best
    shape = "D" if best else below if dot.height < plot.bottom else "o"
    return {
        "linestyle": "none",
        "marker": shape,
        "markersize": 10 if best else 7,
        "markerfacecolor": COLOURS["card"] if dot.trial else _COLOUR,
        "markeredgecolor": COLOURS["ink"] if best else _COLOUR if dot.trial else COLOURS["card"],
        "markeredgewidth": 1.6 if best or dot.trial else 0.8,
        "zorder": 5 if best else 3,
    }


def _svg(figure: Figure, plot: _Plot, name: str) -> str:
    tooltips = {f"point-{dot.index}": _dot_text(plot, dot) for dot in plot.dots}
    best = tooltips.get(f"point-{plot.sweep.best}", "not among these")
    return inline_svg(
        figure,
        name,
        f"{plot.sweep.metric} on {plot.data} data against {plot.key}",
        f"{len(plot.dots)} settings. Best: {best}",
        tooltips,
    )


def _dot_text(plot: _Plot, dot: _Dot) -> str:
    interval = f", {units.interval(*dot.interval)}" if dot.interval else ""
    kind = " (best)" if dot.index == plot.sweep.best else " (one seed)" if dot.trial else ""
    return f"{setting_text(dot.point.values)}: {units.percent(dot.height)}{interval}{kind}"


def _scale(axes: Axes, plot: _Plot, room: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    values = [number_of(value) or 0.0 for value in plot.values]
    log = _is_log(plot, values)
    if log:
        axes.set_xscale("log")
        span = (max(values) / min(values)) ** 0.05
        axes.set_xlim(min(values) / span, max(values) * span)
    else:
        axes.set_xlim(*padded(values, 0.05))
    ticks = _ticks(axes, sorted(set(values)), room, log)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(*padded(plot.levels, 0.08))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND_STEPS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g}%"))


def _is_log(plot: _Plot, values: list[float]) -> bool:
    over = plot.sweep.over.get(plot.key)
    if isinstance(over, str):
        return over.endswith(":log") and min(values) > 0
    return spreads_by_factors(values)


def _ticks(axes: Axes, values: list[float], room: float, log: bool) -> list[float]:
    """The values themselves where they are few, otherwise round numbers."""
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_xlim()
    if len(values) <= _MOST_VALUE_TICKS:
        place: Callable[[float], float] = math.log if log else float
        scale = room / (place(high) - place(low))
        chosen: list[float] = []
        end = -math.inf
        for value in values:
            half = text_width(f"{value:g}", _TICK_PIXELS) / 2 + 3
            if place(value) * scale - half >= end:
                chosen.append(value)
                end = place(value) * scale + half
        return chosen
    if log:
        ticks = log_ticks(low, high, 10.0, int(room // 60))
        return ticks if len(ticks) > 1 else [values[0], values[-1]]
    rounded = MaxNLocator(max(2, int(room // 60)), steps=ROUND_STEPS).tick_values(low, high)
    return [float(tick) for tick in rounded if low <= tick <= high]
