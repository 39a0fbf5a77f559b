"""Two figures laid against each other: all files of one kind, the Pareto front numbered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgekd.records import Report
from edgekd.report.charts.axes import ROUND_STEPS, padded, pixel_axes, text_width
from edgekd.report.charts.chart import MARKERS, NARROW, Chart, marker_of, series_of
from edgekd.report.charts.labels import Box, place_labels
from edgekd.report.charts.svg import COLOURS, FONT_PIXELS, chart_style, inline_svg, new_figure
from edgekd.report.planes import Figure as Axis
from edgekd.report.planes import Plane, Point, front_order, point_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 550
_MARKER_PIXELS = 9.0
_LABEL_PIXELS = FONT_PIXELS


def plane_chart(report: Report, points: list[Point], plane: Plane, name: str) -> Chart:
    """A plane with costs on logarithmic axes; the Pareto front is joined and numbered."""
    return Chart(
        wide=_scatter(report, points, plane, _WIDE, f"{name}-wide"),
        narrow=_scatter(report, points, plane, NARROW, f"{name}-narrow"),
    )


def log_ticks(low: float, high: float, base: float, most: int) -> list[float]:
    """At most ``most`` powers of ``base`` between two positive bounds, evenly spaced.

    Where base 10 leaves room, 2 and 5 times its powers are added.
    """
    first, last = math.ceil(math.log(low, base)), math.floor(math.log(high, base))
    if base == 10.0:
        fine = [
            factor * base**exponent
            for exponent in range(first - 1, last + 1)
            for factor in (1, 2, 5)
            if low <= factor * base**exponent <= high
        ]
        if len(fine) <= most:
            return fine
    stride = max(1, math.ceil((last - first + 1) / max(1, most)))
    return [base**exponent for exponent in range(first, last + 1, stride)]


def _scatter(report: Report, points: list[Point], plane: Plane, width: int, name: str) -> str:
    colours, markers = series_of(report), marker_of(report)
    with chart_style():
        figure = new_figure(width, max(330, width * 0.72))
        left = 50 if plane.y.more_is_better else 66
        axes = pixel_axes(figure, left=left, right=14, top=30, bottom=48)
        _scale(axes, points, plane, width)
        _join_fronts(axes, points)
        tooltips = {}
        for index, point in enumerate(points):
            colour = COLOURS[f"series-{colours[point.rung]}"]
            axes.plot(
                [point.x],
                [point.y],
                MARKERS[markers[point.target]][0],
                markerfacecolor=colour if point.valid else "none",
                markeredgecolor=COLOURS["ink"] if point.on_front else colour,
                markeredgewidth=1.4,
                markersize=_MARKER_PIXELS,
                zorder=4 if point.on_front else 3,
                gid=f"point-{index}",
            )
            tooltips[f"point-{index}"] = point_text(point, plane)
        _number_front(figure, axes, points)
        on_front = [point_text(points[index], plane) for index in front_order(points)]
        return inline_svg(
            figure,
            name,
            plane.heading,
            f"{len(points)} files. On the Pareto front: {'; '.join(on_front) or 'none'}",
            tooltips,
        )


def _join_fronts(axes: Axes, points: list[Point]) -> None:
    front = [points[index] for index in front_order(points)]
    for family in dict.fromkeys(point.family for point in front):
        axes.plot(
            [point.x for point in front if point.family == family],
            [point.y for point in front if point.family == family],
            color=COLOURS["muted"],
            linewidth=1.2,
            linestyle=(0, (4, 3)),
            drawstyle="steps-post",
        )


def _scale(axes: Axes, points: list[Point], plane: Plane, width: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    low, high = _log_range([point.x for point in points])
    ticks = _ticks(low, high, plane.x, width // 90)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [_tick(tick, plane.x) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"{plane.x.label} (log scale)")
    heights = [point.y for point in points]
    label = plane.y.label
    if plane.y.more_is_better:
        axes.set_ylim(*padded(heights, 0.1))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND_STEPS))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g}%"))
    else:
        low, high = _log_range(heights)
        ticks = _ticks(low, high, plane.y, 6)
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axes.set_yticks(ticks, [_tick(tick, plane.y) for tick in ticks])
        axes.yaxis.set_minor_locator(NullLocator())
        label = f"{label} (log scale)"
    axes.text(0, 1.035, label, transform=axes.transAxes, color=COLOURS["muted"])


def _log_range(values: list[float]) -> tuple[float, float]:
    span = max(max(values) / min(values), 2.0)
    return min(values) / span**0.1, max(values) * span**0.07


def _ticks(low: float, high: float, axis: Axis, most: int) -> list[float]:
    """Powers, or round numbers where the range holds too few of them."""
    from matplotlib.ticker import MaxNLocator

    ticks = log_ticks(low, high, 2.0 if axis.unit == "bytes" else 10.0, most)
    if len(ticks) > 1:
        return ticks
    unit = next((unit for unit in (2**20, 2**10) if high >= unit), 1)
    unit = unit if axis.unit == "bytes" else 1
    places = MaxNLocator(most, steps=ROUND_STEPS).tick_values(low / unit, high / unit)
    return [float(place) * unit for place in places if low <= place * unit <= high]


def _tick(value: float, axis: Axis) -> str:
    if axis.unit == "bytes":
        return tick_size(value)
    if axis.unit == "instructions":
        return tick_count(value)
    return f"{value:g}"


def _number_front(figure: Figure, axes: Axes, points: list[Point]) -> None:
    """Number the points of the front beside their markers, cheapest first, where there is room."""
    places = [axes.transData.transform((point.x, point.y)) for point in points]
    half = _MARKER_PIXELS / 2 + 2
    numbered = front_order(points)
    texts = [str(number) for number in range(1, len(numbered) + 1)]
    boxes = place_labels(
        [tuple(places[index]) for index in numbered],
        [(text_width(text, _LABEL_PIXELS) + 3, _LABEL_PIXELS * 1.3) for text in texts],
        [Box(x - half, y - half, x + half, y + half) for x, y in places],
        Box(*axes.bbox.extents),
    )
    for index, text, box in zip(numbered, texts, boxes, strict=True):
        if box is not None:
            write_label(figure, text, box, tuple(places[index]))


def write_label(figure: Figure, text: str, box: Box, anchor: tuple[float, float]) -> None:
    """The text in its box, flush with the side of its marker, and a line to a distant marker."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import IdentityTransform

    x, y = anchor
    near = (min(max(x, box.left), box.right), min(max(y, box.bottom), box.top))
    if math.dist(anchor, near) > 2 * _MARKER_PIXELS:
        leader = Line2D([x, near[0]], [y, near[1]], color=COLOURS["muted"], linewidth=0.8)
        leader.set_transform(IdentityTransform())
        figure.add_artist(leader)
    side = "left" if box.left > x else "right" if box.right < x else "center"
    across = {"left": box.left, "right": box.right, "center": (box.left + box.right) / 2}[side]
    label = figure.text(across, (box.bottom + box.top) / 2, text, fontsize=_LABEL_PIXELS)
    label.set(transform=IdentityTransform(), ha=side, va="center_baseline")


def tick_size(value: float) -> str:
    """Bytes at a power of two, short enough for an axis."""
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:g} {unit}"
        value /= 1024
    return f"{value:g} GiB"


def tick_count(value: float) -> str:
    """A count in thousands or millions, short enough for an axis."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"
