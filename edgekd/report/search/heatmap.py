"""The surface of a sweep over two keys: one cell for each setting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edgekd.records import Sweep
from edgekd.report import units
from edgekd.report.charts.axes import fitted, pixel_axes, text_width
from edgekd.report.charts.chart import NARROW, Chart
from edgekd.report.charts.svg import COLOURS, FONT_PIXELS, chart_style, inline_svg, new_figure
from edgekd.report.search.settings import (
    Surface,
    measured,
    second_index,
    setting_text,
    value_text,
)
from edgekd.report.units import MISSING, clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Opacity of the cells' colour from the lowest to the highest accuracy: ink stays legible on all.
FAINTEST, STRONGEST = 0.06, 0.54
COLOUR = "series-2"

_WIDE, _NARROWEST = 860, 400
_GAP = 1.5
_CELL_WIDTH, _CELL_HEIGHT = 104, 46
_TICK_PIXELS = FONT_PIXELS - 1
_LABEL_SHARE = 0.28
_LONG_TICK = 56


def heat_map(sweep: Sweep, surface: Surface) -> Chart:
    """Mean test accuracy in percent, printed and coloured; the best cell has a frame of ink.

    A dashed frame is the second on validation data. A cell that was not finished has no colour.
    """
    return Chart(
        wide=_draw(sweep, surface, wide_pixels(surface), "surface-wide"),
        narrow=_draw(sweep, surface, NARROW, "surface-narrow"),
    )


def wide_pixels(surface: Surface) -> int:
    """Width of the wide chart: a few columns do not need the whole page."""
    natural = _left(surface, _WIDE) + _CELL_WIDTH * len(surface.column_values)
    return round(min(_WIDE, max(_NARROWEST, natural)))


def opacity(accuracy: float, low: float, high: float) -> float:
    """Of a cell's colour, between the lowest and the highest accuracy of the sweep."""
    share = (accuracy - low) / (high - low) if high > low else 1.0
    return FAINTEST + share * (STRONGEST - FAINTEST)


def _draw(sweep: Sweep, surface: Surface, width: float, name: str) -> str:
    left = _left(surface, width)
    rows, columns = len(surface.row_values), len(surface.column_values)
    cell = (width - left) / columns
    with chart_style():
        figure = new_figure(width, _CELL_HEIGHT * rows + 48)
        axes = pixel_axes(figure, left=left, right=2, top=2, bottom=46)
        axes.set(xlim=(0, columns), ylim=(rows, 0))
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        _ticks(axes, surface, cell, left)
        tooltips = _cells(axes, sweep, surface, cell)
        label = fitted(surface.column_key, width - left, FONT_PIXELS)
        axes.set_xlabel(label, labelpad=6)
        label = fitted(surface.row_key, _CELL_HEIGHT * rows, FONT_PIXELS)
        axes.text(
            *(-(left - 8) / cell, rows / 2, label),
            rotation=90,
            ha="center",
            va="center",
            color=COLOURS["muted"],
        )
        return inline_svg(
            figure,
            name,
            f"Test {sweep.metric} over {surface.row_key} and {surface.column_key}",
            "; ".join(tooltips.values()),
            tooltips,
        )


def _left(surface: Surface, width: float) -> float:
    longest = max(text_width(clean(value_text(v)), _TICK_PIXELS) for v in surface.row_values)
    return min(longest, width * _LABEL_SHARE) + 32


def _ticks(axes: Axes, surface: Surface, cell: float, left: float) -> None:
    texts = [value_text(value) for value in surface.column_values]
    longest = max(text_width(clean(text), _TICK_PIXELS) for text in texts)
    # Where columns are narrow, only every second or third is labelled.
    stride = math.ceil((min(longest, _LONG_TICK) + 6) / cell)
    across = [fitted(text, cell * stride - 6) for text in texts[::stride]]
    down = [fitted(value_text(value), left - 32) for value in surface.row_values]
    axes.set_xticks([column + 0.5 for column in range(0, len(texts), stride)], across)
    axes.set_yticks([row + 0.5 for row in range(len(down))], down)
    axes.tick_params(length=0)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_color(COLOURS["ink"])


def _cells(axes: Axes, sweep: Sweep, surface: Surface, cell: float) -> dict[str, str]:
    """Draw every cell; what each one says, by its gid."""
    found = {one.index: one.accuracy for one in measured(sweep)}
    values = [accuracy.value for accuracy in found.values()]
    marks = {sweep.best: "best", second_index(sweep): "second"}
    tooltips = {}
    for place, index in surface.cells.items():
        point, accuracy, mark = sweep.points[index], found.get(index), marks.get(index, "")
        gid, text, said = f"cell-{index}", str(point.state), str(point.state)
        alpha = None
        if accuracy:
            text = f"{accuracy.value * 100:.2f}"
            said = f"{units.percent(accuracy.value)}, {units.interval(*accuracy.ci95)}"
            alpha = opacity(accuracy.value, min(values), max(values))
        _rectangle(axes, place, cell, alpha, gid)
        if mark or not accuracy:
            _frame(axes, place, cell, mark)
        _write(axes, place, text, mark, cell)
        tooltips[gid] = f"{setting_text(point.values)}: {said}" + (f" ({mark})" if mark else "")
    return tooltips


def _rectangle(
    axes: Axes, place: tuple[int, int], cell: float, alpha: float | None, gid: str
) -> None:
    """The ground of a cell: coloured as strongly as ``alpha`` says, or as the card is."""
    from matplotlib.patches import Rectangle

    colour = COLOURS["card" if alpha is None else COLOUR]
    corner, size = _inside(place, cell, _GAP)
    axes.add_patch(Rectangle(corner, *size, facecolor=colour, linewidth=0, alpha=alpha, gid=gid))


def _frame(axes: Axes, place: tuple[int, int], cell: float, mark: str) -> None:
    from matplotlib.patches import Rectangle

    corner, size = _inside(place, cell, 2 * _GAP)
    frame = Rectangle(corner, *size, facecolor="none", edgecolor=COLOURS["line"], linewidth=1)
    if mark:
        frame.set(edgecolor=COLOURS["ink"], linewidth=2.2)
        frame.set_linestyle("-" if mark == "best" else (0, (3, 2)))
    axes.add_patch(frame)


def _inside(
    place: tuple[int, int], cell: float, gap: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Corner and size of a cell without ``gap`` pixels on each side."""
    row, column = place
    across, down = gap / cell, gap / _CELL_HEIGHT
    return (column + across, row + down), (1 - 2 * across, 1 - 2 * down)


def _write(axes: Axes, place: tuple[int, int], text: str, mark: str, cell: float) -> None:
    """A figure, and under it what is special; a dash stands for words that do not fit."""
    room = cell - 6
    if text_width(text) > room:
        text = f"{float(text):.1f}" if text[0].isdigit() else MISSING
    if text_width(text) > room:
        return
    mark = mark if text_width(mark, _TICK_PIXELS) <= room else ""
    y, x = place[0] + 0.5, place[1] + 0.5
    centred: dict[str, Any] = {"ha": "center", "va": "center_baseline"}
    colour = COLOURS["ink" if text[0].isdigit() else "muted"]
    axes.text(x, y - (0.16 if mark else 0), text, color=colour, **centred)
    if mark:
        axes.text(x, y + 0.2, mark, fontsize=_TICK_PIXELS, color=COLOURS["ink"], **centred)
