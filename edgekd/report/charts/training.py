"""The course of trainings: nats a token on the validation text over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekd.records import Report
from edgekd.report import units
from edgekd.report.charts.axes import ROUND_STEPS, fitted, padded, pixel_axes, text_width
from edgekd.report.charts.chart import NARROW, WIDE, Chart, series_of
from edgekd.report.charts.svg import (
    COLOURS,
    FONT_PIXELS,
    SERIES,
    chart_style,
    inline_svg,
    new_figure,
)
from edgekd.report.language import TrainingCurve, training_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 320
_TOP, _BOTTOM, _LEFT = 30, 44, 52
_LABEL = FONT_PIXELS - 1
_LINE = 16
# Pixels between the axes and the names to their right.
_REACH = 14
_WIDEST_NAME = {WIDE: 190, NARROW: 112}


def training_chart(report: Report) -> Chart | None:
    """One line for each training, named at its end; the dot is the step that was kept."""
    curves = training_curves(report)
    if not curves:
        return None
    colours = series_of(report)
    chosen = [
        COLOURS[f"series-{colours.get(curve.rung, index % SERIES)}"]
        for index, curve in enumerate(curves)
    ]
    return Chart(
        wide=_training(curves, chosen, WIDE, "training-wide"),
        narrow=_training(curves, chosen, NARROW, "training-narrow"),
    )


def spread_apart(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least ``gap`` apart, in their order, as near to where they were as that allows.

    Args:
        places: anywhere from ``low`` to ``high``.
        gap: between two neighbours.
        low: the lowest place.
        high: the highest one; exceeded only where there are too many places.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for above, index in enumerate(order):
        below = moved[order[above - 1]] + gap if above else low
        moved[index] = max(moved[index], below)
    ceiling = max(high, low + gap * (len(places) - 1))
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


def _training(curves: list[TrainingCurve], colours: list[str], width: int, name: str) -> str:
    names = [fitted(curve.rung, _WIDEST_NAME[width], _LABEL) for curve in curves]
    right = max(text_width(text, _LABEL) for text in names) + _REACH + 6
    with chart_style():
        figure = new_figure(width, _HEIGHT)
        axes = pixel_axes(figure, _LEFT, right, _TOP, _BOTTOM)
        _scale(axes, curves, width - _LEFT - right)
        for index, (curve, colour) in enumerate(zip(curves, colours, strict=True)):
            axes.plot(
                curve.steps,
                curve.nll,
                color=colour,
                linewidth=1.8,
                marker="o",
                markersize=3,
                gid=f"curve-{index}",
            )
            kept = (curve.steps[curve.best], curve.nll[curve.best])
            axes.plot(*([part] for part in kept), "o", color=colour, markersize=8)
        _name_curves(figure, axes, curves, colours, names)
        told = {f"curve-{index}": _told(curve) for index, curve in enumerate(curves)}
        return inline_svg(
            figure, name, "Nats a token on the validation text", "; ".join(told.values()), told
        )


def _scale(axes: Axes, curves: list[TrainingCurve], room: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(0, max(1, *(max(curve.steps) for curve in curves)) * 1.02)
    axes.set_ylim(*padded([value for curve in curves for value in curve.nll], 0.06))
    axes.xaxis.set_major_locator(
        MaxNLocator(max(2, int(room // 90)), steps=ROUND_STEPS, integer=True)
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND_STEPS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("Step")
    label = "Nats a token on the validation text"
    axes.text(0, 1.035, label, transform=axes.transAxes, color=COLOURS["muted"])


def _name_curves(
    figure: Figure,
    axes: Axes,
    curves: list[TrainingCurve],
    colours: list[str],
    names: list[str],
) -> None:
    """Names to the right, each joined with the end of its line, however early that is."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import IdentityTransform

    ends = [float(axes.transData.transform((0, curve.nll[-1]))[1]) for curve in curves]
    area = axes.bbox
    places = spread_apart(ends, _LINE, area.y0 + _LINE / 2, area.y1 - _LINE / 2)
    for curve, colour, text, end, place in zip(curves, colours, names, ends, places, strict=True):
        reach = curve.steps[-1], axes.get_xlim()[1]
        axes.plot(reach, [curve.nll[-1]] * 2, color=colour, linewidth=0.9, linestyle=(0, (2, 3)))
        join = Line2D([area.x1, area.x1 + _REACH - 2], [end, place], color=colour, linewidth=0.9)
        join.set_transform(IdentityTransform())
        figure.add_artist(join)
        label = figure.text(area.x1 + _REACH, place, text, fontsize=_LABEL)
        label.set(transform=IdentityTransform(), va="center_baseline")


def _told(curve: TrainingCurve) -> str:
    best = units.nats(curve.nll[curve.best])
    return (
        f"{curve.rung}: {units.nats(curve.nll[0])} at step {units.count(curve.steps[0])}, "
        f"best {best} at step {units.count(curve.steps[curve.best])}, "
        f"last {units.nats(curve.nll[-1])} at step {units.count(curve.steps[-1])}"
    )
