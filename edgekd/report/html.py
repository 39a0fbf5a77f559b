"""``report.html``: one page that holds everything, opens anywhere and asks the network nothing."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.records import Kind, Report
from edgekd.report import charts, prose, tables
from edgekd.report.losses import waterfalls
from edgekd.report.pages import page_templates
from edgekd.report.scatter import cost_chart
from edgekd.report.summary import (
    COST_HEADINGS,
    Point,
    TargetSection,
    cost_points,
    front_order,
    key_figures,
    kinds,
    point_text,
    target_sections,
)
from edgekd.report.tables import Table


@dataclass(frozen=True)
class _Plane:
    """One scatter chart and what is said under it."""

    heading: str
    kind: Kind
    chart: charts.Chart
    front: list[str]
    has_invalid: bool


@dataclass(frozen=True)
class _TargetPart:
    section: TargetSection
    performance: Table
    correctness: Table
    parity: Table
    samples: str


def render_html(report: Report) -> str:
    """The report as one HTML page with its style and charts inside; every string is escaped.

    Raises:
        MissingPackage: jinja2 or matplotlib is not installed.
    """
    template = page_templates().get_template("report.html.j2")
    return template.render(
        recipe=report.recipe,
        title_line=prose.title_line(report),
        verdict=report.verdict,
        verdict_line=prose.verdict_line(report.verdict),
        verdict_details=prose.verdict_details(report.verdict),
        key_figures=key_figures(report),
        ladder_note=prose.ladder_note(report),
        prose=prose,
        rungs=tables.rungs_table(report),
        ladder=charts.ladder_chart(report) if report.rungs else None,
        targets=tables.targets_table(report),
        losses=tables.losses_table(report),
        waterfalls=_waterfalls(report),
        parts=[_part(section) for section in target_sections(report)],
        planes=_planes(report),
        series=charts.series_of(report),
        markers={
            name: charts.MARKERS[index][1] for name, index in charts.marker_of(report).items()
        },
        kinds=tables.kinds_table(report),
        facts=[
            tables.facts_table("Facts", report.facts),
            tables.facts_table("Environment", report.environment),
        ],
        artifacts=tables.artifacts_table(report),
    )


def _waterfalls(report: Report) -> dict[str, list[tuple[str, bool, str]]]:
    """Panels by rung, so that targets stand side by side: target, validity, chart."""
    falls = waterfalls(report)
    panels: dict[str, list[tuple[str, bool, str]]] = {}
    for fall, chart in zip(falls, charts.waterfall_charts(falls), strict=True):
        panels.setdefault(fall.rung, []).append((fall.target, fall.valid, chart))
    return panels


def _part(section: TargetSection) -> _TargetPart:
    return _TargetPart(
        section,
        tables.performance_table(section),
        tables.correctness_table(section),
        tables.parity_table(section),
        tables.samples_line(section),
    )


def _planes(report: Report) -> list[_Plane]:
    planes = []
    for kind in kinds(report):
        for cost, heading in COST_HEADINGS.items():
            points = cost_points(report, kind, cost)
            if points:
                chart = cost_chart(report, points, cost, f"{cost}-{kind}")
                front = [point_text(points[index], cost) for index in front_order(points)]
                planes.append(_Plane(heading, kind, chart, front, _any_invalid(points)))
    return planes


def _any_invalid(points: list[Point]) -> bool:
    return not all(point.valid for point in points)
