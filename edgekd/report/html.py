"""``report.html``: one page that holds everything, opens anywhere and asks the network nothing."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.records import Kind, Report
from edgekd.report import charts, prose, tables
from edgekd.report.firmware_parts import FirmwarePart, firmware_part
from edgekd.report.losses import waterfalls
from edgekd.report.pages import page_templates
from edgekd.report.planes import PLANES, Plane, front_order, plane_points, point_text
from edgekd.report.scatter import plane_chart
from edgekd.report.section_lines import MODEL_NOTE, model_lines, samples_line
from edgekd.report.summary import TargetSection, key_figures, kinds, target_sections
from edgekd.report.tables import Table


@dataclass(frozen=True)
class _PlanePart:
    """One scatter chart and what is said under it."""

    plane: Plane
    kind: Kind
    chart: charts.Chart
    front: list[str]
    has_invalid: bool


@dataclass(frozen=True)
class _TargetPart:
    """``firmware`` is None where nothing is known of one."""

    section: TargetSection
    performance: Table
    model_lines: list[str]
    correctness: Table
    parity: Table
    samples: str
    firmware: FirmwarePart | None


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
        model_note=MODEL_NOTE,
        rungs=tables.rungs_table(report),
        ladder=charts.ladder_chart(report) if report.rungs else None,
        targets=tables.targets_table(report),
        losses=tables.losses_table(report),
        waterfalls=_waterfalls(report),
        parts=[_part(section, number) for number, section in enumerate(target_sections(report))],
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


def _part(section: TargetSection, number: int) -> _TargetPart:
    return _TargetPart(
        section,
        tables.performance_table(section),
        model_lines(section),
        tables.correctness_table(section),
        tables.parity_table(section),
        samples_line(section),
        firmware_part(section, f"firmware-{number}"),
    )


def _planes(report: Report) -> list[_PlanePart]:
    planes = []
    for kind in kinds(report):
        for plane in PLANES:
            points = plane_points(report, kind, plane)
            if points:
                chart = plane_chart(report, points, plane, f"{plane.name}-{kind}")
                front = [point_text(points[index], plane) for index in front_order(points)]
                has_invalid = not all(point.valid for point in points)
                planes.append(_PlanePart(plane, kind, chart, front, has_invalid))
    return planes
