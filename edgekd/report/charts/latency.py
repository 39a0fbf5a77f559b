"""Latency over time: every sample of one file in the order in which they were taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgekd.report import units
from edgekd.report.charts.axes import ROUND_STEPS, pixel_axes, text_width
from edgekd.report.charts.chart import PANEL
from edgekd.report.charts.svg import COLOURS, FONT_PIXELS, chart_style, inline_svg, new_figure

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    Samples = npt.NDArray[np.float64]

_HEIGHT = 150
_HISTOGRAM = 64
_GAP = 6
# As many slices of time as can still be told apart at this width.
_SLICES = 90
_FEWEST_A_SLICE = 5
_BINS = 24
_MOST_TRIANGLES = 40
# Percentile that the axis reaches: a few slow inferences would press all the others together.
_SHOWN = 98
_HEADROOM = 0.12


@dataclass(frozen=True)
class LatencyPanel:
    """A chart, and what must be read beside it."""

    chart: str
    line: str


def latency_panel(
    samples: Samples, title: str, colour: str, name: str, *, valid: bool
) -> LatencyPanel:
    """The course of the samples, and beside it how often each latency occurred.

    Args:
        samples: ``[n]`` milliseconds in their order; at least one.
        title: what was measured.
        colour: name of a page's colour, ``series-2``.
        name: unique in the page.
        valid: an invalid measurement is drawn hollow and dashed.
    """
    low, high = _limits(samples)
    above = int((samples > high).sum())
    with chart_style():
        figure = new_figure(PANEL, _HEIGHT)
        ticks = [f"{value:g}" for value in _ticks(low, high)]
        left = max((text_width(tick, FONT_PIXELS - 1) for tick in ticks), default=0) + 12
        course = pixel_axes(figure, left, _HISTOGRAM + _GAP, top=8, bottom=36)
        often = pixel_axes(figure, PANEL - _HISTOGRAM, right=2, top=8, bottom=36)
        for axes in (course, often):
            axes.set_ylim(low, high)
        _draw_course(course, samples, high, COLOURS[colour], valid=valid)
        _draw_histogram(often, samples, low, high, COLOURS[colour], valid=valid)
        for axes in (course, often):
            axes.axhline(float(np.median(samples)), color=COLOURS["ink"], linewidth=1)
        course.set_yticks(_ticks(low, high), ticks)
        _time_axis(course, samples.size)
        line = _line(samples, above)
        mark = "" if valid else "invalid; "
        return LatencyPanel(
            inline_svg(figure, name, f"Latency over time: {title}", f"{mark}{line}", {}), line
        )


def _limits(samples: Samples) -> tuple[float, float]:
    low, high = float(samples.min()), float(np.percentile(samples, _SHOWN))
    room = (high - low) * _HEADROOM or high * _HEADROOM or 1.0
    return max(0.0, low - room), high + room


def _ticks(low: float, high: float) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(4, steps=ROUND_STEPS).tick_values(low, high)
    return [float(place) for place in places if low <= place <= high]


def _draw_course(axes: Axes, samples: Samples, high: float, colour: str, *, valid: bool) -> None:
    """Median and middle 80 % of each slice of time; what is above the axis, at its end."""
    order = np.arange(1, samples.size + 1)
    slices = min(_SLICES, samples.size // _FEWEST_A_SLICE)
    if slices < 2:
        face = colour if valid else "none"
        axes.plot(order, samples, "o", color=colour, markersize=3, markerfacecolor=face)
    else:
        parts = np.array_split(samples, slices)
        places = [float(part.mean()) for part in np.array_split(order, slices)]
        lowest, middle, highest = (
            [float(np.percentile(part, share)) for part in parts] for share in (10, 50, 90)
        )
        if valid:
            axes.fill_between(places, lowest, highest, color=colour, alpha=0.3, linewidth=0)
        else:
            for edge in (lowest, highest):
                axes.plot(places, edge, color=colour, linewidth=0.8, linestyle=(0, (3, 2)))
        axes.plot(places, middle, color=colour, linewidth=1.4)
    beyond = np.flatnonzero(samples > high)
    slowest = beyond[np.argsort(samples[beyond])][-_MOST_TRIANGLES:]
    ends = [high] * slowest.size
    axes.plot(order[slowest], ends, "^", color=colour, markersize=5, clip_on=False)


def _draw_histogram(
    axes: Axes, samples: Samples, low: float, high: float, colour: str, *, valid: bool
) -> None:
    often, edges = np.histogram(samples, bins=_BINS, range=(low, high))
    axes.stairs(
        often,
        edges,
        orientation="horizontal",
        fill=valid,
        color=colour,
        alpha=0.55 if valid else 1.0,
        linewidth=0 if valid else 0.8,
        linestyle="solid" if valid else (0, (3, 2)),
    )
    axes.set_xlim(0, max(1, int(often.max())) * 1.05)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines["bottom"].set_visible(False)


def _time_axis(axes: Axes, count: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(0, count + 1)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=ROUND_STEPS, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("inference", labelpad=2)
    axes.grid(axis="x", visible=False)


def _line(samples: Samples, above: int) -> str:
    median, slowest = float(np.median(samples)), float(samples.max())
    line = (
        f"{units.count(samples.size)} inferences, median {units.milliseconds(median)} ms, "
        f"slowest {units.milliseconds(slowest)} ms"
    )
    if above:
        line += f"; {units.count(above)} above the axis"
    return line
