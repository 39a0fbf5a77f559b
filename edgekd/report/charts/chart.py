"""What a chart is, and what tells rungs and targets apart in all of them."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.records import Report
from edgekd.report.charts.svg import SERIES
from edgekd.report.summary import rung_names, target_names

WIDE, NARROW = 900, 350
PANEL = 350

# matplotlib's name of a marker, and the character that stands for it in the page's legend.
MARKERS = (("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"), ("X", "✖"))


@dataclass(frozen=True)
class Chart:
    """One chart, as SVG for a wide and for a narrow page."""

    wide: str
    narrow: str


def series_of(report: Report) -> dict[str, int]:
    """The colour number of each rung, the same in every chart."""
    return {name: index % SERIES for index, name in enumerate(rung_names(report))}


def marker_of(report: Report) -> dict[str, int]:
    """The marker number of each target, the same in every chart."""
    return {name: index % len(MARKERS) for index, name in enumerate(target_names(report))}
