"""Flash or RAM of each firmware as one bar, split by what the bytes are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekd.report import units
from edgekd.report.charts.axes import ROUND_STEPS, beside, pixel_axes, short, text_width
from edgekd.report.charts.chart import NARROW, Chart
from edgekd.report.charts.svg import (
    COLOURS,
    FONT_PIXELS,
    chart_style,
    inline_svg,
    new_figure,
)
from edgekd.report.tables.firmware import linked_bytes, parts_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 550
_ROW = 30
_KIBI = 1024
_RIGHT = 70
_INVALID = " invalid"
# Neighbours in a bar differ in hue; the greys are kept for what is small and comes last.
_HUES = (*(f"series-{number}" for number in (2, 3, 6, 7, 4, 5, 1, 0)), "muted")


@dataclass(frozen=True)
class BytesChart:
    """A chart, and the name of the colour of each role in it."""

    chart: Chart
    key: dict[str, str]


def bytes_chart(
    what: str,
    bars: Sequence[tuple[str, Mapping[str, int]]],
    order: Sequence[str],
    name: str,
    invalid: AbstractSet[str] = frozenset(),
) -> BytesChart:
    """Stacked bars, one for each firmware.

    Args:
        what: ``Flash`` or ``RAM``.
        bars: name of the rung, and bytes by role; the first is drawn on top.
        order: of the roles, from the left.
        name: unique in the page.
        invalid: rungs whose measurement is invalid; their bars say so.
    """
    parts = parts_of([sizes for _, sizes in bars], order)
    key = {part: _HUES[index % len(_HUES)] for index, part in enumerate(parts)}
    chart = Chart(
        wide=_draw(what, bars, key, invalid, _WIDE, f"{name}-wide"),
        narrow=_draw(what, bars, key, invalid, NARROW, f"{name}-narrow"),
    )
    return BytesChart(chart, key)


def _draw(
    what: str,
    bars: Sequence[tuple[str, Mapping[str, int]]],
    key: Mapping[str, str],
    invalid: AbstractSet[str],
    width: int,
    name: str,
) -> str:
    rows = list(reversed(bars))
    with chart_style():
        figure = new_figure(width, _ROW * len(rows) + 34)
        right = _RIGHT + (text_width(_INVALID) if invalid else 0)
        sums = [linked_bytes(sizes) for _, sizes in rows]
        axes = _axes(figure, [rung for rung, _ in rows], sums, right)
        tooltips: dict[str, str] = {}
        for row, (rung, sizes) in enumerate(rows):
            left = 0
            for part, colour in key.items():
                size = sizes.get(part, 0)
                if size:
                    gid = f"part-{len(tooltips)}"
                    axes.barh(
                        row,
                        size,
                        left=left,
                        height=0.62,
                        color=COLOURS[colour],
                        edgecolor=COLOURS["card"],
                        linewidth=0.8,
                    )[0].set_gid(gid)
                    tooltips[gid] = f"{rung}, {part}: {units.count(size)} B"
                left += size
            mark = _INVALID if rung in invalid else ""
            beside(axes, row, f"{units.size(linked_bytes(sizes))}{mark}")
        said = "; ".join(
            f"{rung} {units.count(linked_bytes(sizes))} B{_INVALID if rung in invalid else ''}"
            for rung, sizes in bars
        )
        return inline_svg(figure, name, f"{what} by role", said, tooltips)


def _axes(figure: Figure, labels: list[str], sums: list[int], right: float) -> Axes:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    shown = [short(label) for label in labels]
    left = max((text_width(label, FONT_PIXELS - 1) for label in shown), default=0) + 14
    axes = pixel_axes(figure, left=left, right=right, top=6, bottom=26)
    unit, letter = (_KIBI, " KiB") if max(sums) >= 2 * _KIBI else (1, " B")
    axes.set_xlim(0, max(*sums, 1))
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_yticks(range(len(labels)), shown, color=COLOURS["ink"])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    room = figure.get_figwidth() * figure.dpi - left - right
    locator = MaxNLocator(max(2, int(room // 60)), steps=ROUND_STEPS, integer=True)
    ticks = [tick * unit for tick in locator.tick_values(0, max(*sums, 1) / unit)]
    axes.set_xticks([tick for tick in ticks if 0 <= tick <= max(sums)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / unit:g}{letter}"))
    return axes
