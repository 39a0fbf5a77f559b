"""Accuracy against a cost: all files of one kind, the Pareto front joined and numbered."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgekd.records import Report
from edgekd.report.axes import ROUND_STEPS, padded, pixel_axes, text_width
from edgekd.report.charts import MARKERS, NARROW, Chart, marker_of, series_of
from edgekd.report.labels import Box, place_labels
from edgekd.report.summary import Cost, Point, front_order, point_text
from edgekd.report.svg import COLOURS, FONT_PIXELS, chart_style, inline_svg, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 550
_MARKER_PIXELS = 9.0
_LABEL_PIXELS = FONT_PIXELS


def cost_chart(report: Report, points: list[Point], cost: Cost, name: str) -> Chart:
    """Accuracy against a cost on a logarithmic axis; the Pareto front is joined and numbered."""
    return Chart(
        wide=_scatter(report, points, cost, _WIDE, f"{name}-wide"),
        narrow=_scatter(report, points, cost, NARROW, f"{name}-narrow"),
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


def _scatter(report: Report, points: list[Point], cost: Cost, width: int, name: str) -> str:
    colours, markers = series_of(report), marker_of(report)
    with chart_style():
        figure = new_figure(width, max(330, width * 0.72))
        axes = pixel_axes(figure, left=50, right=14, top=30, bottom=48)
        _scale_scatter(axes, points, cost, width)
        front = [points[index] for index in front_order(points)]
        axes.plot(
            [point.cost for point in front],
            [point.accuracy for point in front],
            color=COLOURS["muted"],
            linewidth=1.2,
            linestyle=(0, (4, 3)),
            drawstyle="steps-post",
        )
        tooltips = {}
        for index, point in enumerate(points):
            colour = COLOURS[f"series-{colours[point.rung]}"]
            axes.plot(
                [point.cost],
                [point.accuracy],
                MARKERS[markers[point.target]][0],
                markerfacecolor=colour if point.valid else "none",
                markeredgecolor=COLOURS["ink"] if point.on_front else colour,
                markeredgewidth=1.4,
                markersize=_MARKER_PIXELS,
                zorder=4 if point.on_front else 3,
                gid=f"point-{index}",
            )
            tooltips[f"point-{index}"] = point_text(point, cost)
        _number_front(figure, axes, points)
        on_front = [point_text(points[index], cost) for index in front_order(points)]
        what = "latency" if cost == "latency" else "file size"
        return inline_svg(
            figure,
            name,
            f"Accuracy against {what}",
            f"{len(points)} files. On the Pareto front: {'; '.join(on_front) or 'none'}",
            tooltips,
        )


def _scale_scatter(axes: Axes, points: list[Point], cost: Cost, width: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    costs = [point.cost for point in points]
    span = max(max(costs) / min(costs), 2.0)
    low, high = min(costs) / span**0.1, max(costs) * span**0.07
    ticks = log_ticks(low, high, 2.0 if cost == "size" else 10.0, width // 90)
    text: Callable[[float], str] = tick_size if cost == "size" else "{:g}".format
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [text(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(*padded([point.accuracy for point in points], 0.1))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND_STEPS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g}%"))
    axes.set_xlabel("File size (log scale)" if cost == "size" else "p50 latency, ms (log scale)")
    axes.text(0, 1.035, "Accuracy", transform=axes.transAxes, color=COLOURS["muted"])


def _number_front(figure: Figure, axes: Axes, points: list[Point]) -> None:
    """Number the points of the front beside their markers, cheapest first, where there is room."""
    places = [axes.transData.transform((point.cost, point.accuracy)) for point in points]
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
