"""What a fit found: flash against accuracy, and the lines of the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekd.records import Fit
from edgekd.report import units
from edgekd.report.charts.axes import ROUND_STEPS, fitted, padded, pixel_axes, text_width
from edgekd.report.charts.chart import NARROW, Chart
from edgekd.report.charts.labels import Box, place_labels
from edgekd.report.charts.scatter import log_ticks, tick_size, write_label
from edgekd.report.charts.svg import (
    COLOURS,
    FONT_PIXELS,
    SERIES,
    chart_style,
    inline_svg,
    new_figure,
)
from edgekd.report.search.fit_tables import candidate_text, trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 760
_MARKER_PIXELS = 9.0
_LINE: dict[str, Any] = {"color": COLOURS["ink"], "linewidth": 1.2, "linestyle": (0, (5, 3))}


def fit_chart(fit: Fit) -> Chart | None:
    """Validation accuracy against estimated flash; None where nothing was trained.

    Numbers are those of the table. Ticks at the foot are candidates that were not trained.
    """
    if not _drawn(fit):
        return None
    return Chart(wide=_draw(fit, _WIDE, "fit-wide"), narrow=_draw(fit, NARROW, "fit-narrow"))


def series_of_precision(fit: Fit) -> dict[str, int]:
    """The colour number of each precision that was trained."""
    names = dict.fromkeys(fit.candidates[index].precision for index in _drawn(fit))
    return {name: (index + 2) % SERIES for index, name in enumerate(names)}


def _drawn(fit: Fit) -> list[int]:
    # The axis is logarithmic: no student has zero bytes.
    return [index for index in trained(fit) if fit.candidates[index].flash_bytes > 0]


def _draw(fit: Fit, width: int, name: str) -> str:
    colours = series_of_precision(fit)
    with chart_style():
        figure = new_figure(width, max(300, width * 0.5))
        axes = pixel_axes(figure, left=50, right=58, top=46, bottom=48)
        _scale(axes, fit, width)
        _budget(axes, fit)
        tooltips = {}
        for index in _drawn(fit):
            one = fit.candidates[index]
            colour = COLOURS[f"series-{colours[one.precision]}"]
            chosen = index == fit.chosen
            axes.plot(
                [one.flash_bytes],
                [one.validation or 0.0],
                "D" if chosen else "o",
                color=colour,
                markeredgecolor=COLOURS["ink"] if chosen else COLOURS["card"],
                markeredgewidth=1.6 if chosen else 0.8,
                markersize=_MARKER_PIXELS + (2 if chosen else 0),
                zorder=4 if chosen else 3,
                gid=f"candidate-{index}",
            )
            tooltips[f"candidate-{index}"] = _text(fit, index)
        rest = [one for i, one in enumerate(fit.candidates) if i not in _drawn(fit)]
        flash = [one.flash_bytes for one in rest if one.flash_bytes > 0]
        foot = axes.get_xaxis_transform()
        axes.plot(flash, [0.025] * len(flash), "|", color=COLOURS["muted"], transform=foot)
        _number(figure, axes, fit)
        return inline_svg(
            figure, name, "Accuracy against flash", "; ".join(tooltips.values()), tooltips
        )


def _text(fit: Fit, index: int) -> str:
    one = fit.candidates[index]
    chosen = " (chosen)" if index == fit.chosen else ""
    figures = f"{units.percent(one.validation)} at {units.size(one.flash_bytes)}"
    return f"{figures}: {candidate_text(one)}{chosen}"


def _scale(axes: Axes, fit: Fit, width: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    sizes: list[float] = [one.flash_bytes for one in fit.candidates if one.flash_bytes > 0]
    sizes += [fit.budget[field] for field in ("flash_bytes",) if fit.budget.get(field)]
    levels = [fit.candidates[index].validation or 0.0 for index in _drawn(fit)]
    levels += [fit.budget[field] for field in ("accuracy",) if field in fit.budget]
    span = max(max(sizes) / min(sizes), 2.0)
    low, high = min(sizes) / span**0.08, max(sizes) * span**0.08
    ticks = log_ticks(low, high, 2.0, width // 90)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [tick_size(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(*padded(levels, 0.12))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND_STEPS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g}%"))
    axes.set_xlabel("Flash, estimate (log scale)")
    axes.annotate(
        fitted(f"{fit.metric} on validation data", width - 64, FONT_PIXELS),
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(0, 27),
        textcoords="offset points",
        color=COLOURS["muted"],
    )


def _budget(axes: Axes, fit: Fit) -> None:
    """A line at each limit, named outside the axes where no point can lie."""
    flash, goal = fit.budget.get("flash_bytes"), fit.budget.get("accuracy")
    if flash:
        axes.axvline(flash, **_LINE)
        axes.annotate(
            f"at most {units.size(round(flash))}",
            xy=(flash, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
        )
    if goal is not None:
        axes.axhline(goal, **_LINE)
        axes.annotate(
            f"≥ {goal * 100:g}%",
            xy=(1, goal),
            xycoords=axes.get_yaxis_transform(),
            xytext=(6, 0),
            textcoords="offset points",
            va="center_baseline",
        )


def _number(figure: Figure, axes: Axes, fit: Fit) -> None:
    """Each candidate's number in the table beside its marker, where there is room."""
    drawn = _drawn(fit)
    numbers = {index: str(number) for number, index in enumerate(trained(fit), start=1)}
    places = [
        axes.transData.transform((one.flash_bytes, one.validation or 0.0))
        for one in (fit.candidates[index] for index in drawn)
    ]
    half = _MARKER_PIXELS / 2 + 2
    area = Box(*axes.bbox.extents)
    obstacles = [Box(x - half, y - half, x + half, y + half) for x, y in places]
    boxes = place_labels(
        [(float(x), float(y)) for x, y in places],
        [(text_width(numbers[index]) + 3, FONT_PIXELS * 1.3) for index in drawn],
        [*obstacles, *_budget_boxes(axes, fit, area)],
        area,
    )
    for index, box, (x, y) in zip(drawn, boxes, places, strict=True):
        if box is not None:
            write_label(figure, numbers[index], box, (float(x), float(y)))


def _budget_boxes(axes: Axes, fit: Fit, area: Box) -> list[Box]:
    """Where the lines of the budget run, so that no number is written across them."""
    boxes = []
    flash, goal = fit.budget.get("flash_bytes"), fit.budget.get("accuracy")
    if flash:
        x = float(axes.transData.transform((flash, 0))[0])
        boxes.append(Box(x - 1, area.bottom, x + 1, area.top))
    if goal is not None:
        y = float(axes.transData.transform((1, goal))[1])
        boxes.append(Box(area.left, y - 1, area.right, y + 1))
    return boxes
