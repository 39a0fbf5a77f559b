"""Charts of the ladder: accuracy of each rung, and waterfalls of lost points.

Each is drawn by matplotlib as inline SVG, once for a wide page and once for a narrow one where a
scaled-down chart could not be read.
"""

from __future__ import annotations

from itertools import pairwise

from edgekd.records import Report
from edgekd.report import units
from edgekd.report.charts.axes import beside, row_axes
from edgekd.report.charts.chart import NARROW, PANEL, WIDE, Chart, series_of
from edgekd.report.charts.svg import COLOURS, chart_style, inline_svg, new_figure
from edgekd.report.losses import Waterfall

_ROW = 30
_PANEL_ROW = 22


def ladder_chart(report: Report) -> Chart:
    """Accuracy of each rung: mean, 95 % interval, one small dot for each seed."""
    return Chart(
        wide=_ladder(report, WIDE, "ladder-wide"), narrow=_ladder(report, NARROW, "ladder-narrow")
    )


def waterfall_charts(falls: list[Waterfall]) -> list[str]:
    """One panel for each exported file, all on one scale so that they can be compared."""
    levels = [level for fall in falls for level in _levels(fall)]
    return [_waterfall(fall, levels, f"waterfall-{index}") for index, fall in enumerate(falls)]


def _ladder(report: Report, width: int, name: str) -> str:
    rungs = list(reversed(report.rungs))
    colours = series_of(report)
    values = [value for rung in rungs for value in (*rung.accuracy.ci95, *rung.accuracy.per_seed)]
    with chart_style():
        figure = new_figure(width, _ROW * len(rungs) + 44)
        labels = [rung.name for rung in rungs]
        axes = row_axes(figure, labels, values, right=64)
        for row, rung in enumerate(rungs):
            colour = COLOURS[f"series-{colours[rung.name]}"]
            accuracy = rung.accuracy
            axes.plot(accuracy.ci95, [row, row], color=colour, linewidth=3, alpha=0.45)
            # The one seed of a language model is its mean.
            seeds = accuracy.per_seed if rung.language is None else []
            axes.plot(
                seeds,
                [row - 0.27] * len(seeds),
                "o",
                color=colour,
                markersize=4,
                gid=f"seeds-{row}",
            )
            axes.plot([accuracy.value], [row], "o", color=colour, markersize=9, gid=f"mean-{row}")
            beside(axes, row, units.percent(accuracy.value))
        tooltips = {
            f"mean-{row}": f"{rung.name}: {units.percent(rung.accuracy.value)}, "
            f"{units.interval(*rung.accuracy.ci95)}"
            for row, rung in enumerate(rungs)
        }
        return inline_svg(
            figure,
            name,
            "Accuracy of each rung",
            "; ".join(reversed(tooltips.values())),
            tooltips,
        )


def _waterfall(fall: Waterfall, levels: list[float], name: str) -> str:
    rows = [("Teacher", units.percent(fall.start))]
    rows += [(stage.capitalize(), units.points(-lost)) for stage, lost in fall.steps]
    rows += [("Exported file", units.percent(fall.end))]
    with chart_style():
        figure = new_figure(PANEL, _PANEL_ROW * len(rows) + 34)
        labels = [label for label, _ in reversed(rows)]
        axes = row_axes(figure, labels, levels, right=58)
        for row, (_, text) in enumerate(reversed(rows)):
            beside(axes, row, text)
        passed = _levels(fall)
        for index, (before, after) in enumerate(pairwise(passed)):
            row = len(rows) - 2 - index
            colour = COLOURS["bad" if after < before else "good"]
            axes.barh(row, after - before, left=before, height=0.62, color=colour)
            axes.plot([before, before], [row + 1, row], color=COLOURS["muted"], linewidth=1)
        axes.plot([passed[-1]] * 2, [1, 0], color=COLOURS["muted"], linewidth=1)
        ends = [passed[0], passed[-1]]
        axes.plot(ends, [len(rows) - 1, 0], "o", color=COLOURS["ink"], markersize=7)
        return inline_svg(
            figure,
            name,
            f"Where {fall.rung} on {fall.target} lost points",
            "; ".join(f"{label} {text}" for label, text in rows),
            {},
        )


def _levels(fall: Waterfall) -> list[float]:
    """Accuracy before the first stage and after each one."""
    levels = [fall.start]
    for _, lost in fall.steps:
        levels.append(levels[-1] - lost / 100)
    return levels
