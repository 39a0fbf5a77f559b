"""``report.html``: one page that holds everything, opens anywhere and asks the network nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekd.records import Report
from edgekd.report import prose
from edgekd.report.charts.chart import MARKERS, Chart, marker_of, series_of
from edgekd.report.charts.ladder import ladder_chart, waterfall_charts
from edgekd.report.charts.scatter import plane_chart
from edgekd.report.charts.training import training_chart
from edgekd.report.key_figures import key_figures
from edgekd.report.language import facts_without_curves
from edgekd.report.losses import Waterfall, waterfalls
from edgekd.report.origin import Origin
from edgekd.report.pages.target import target_parts
from edgekd.report.pages.templates import page_templates
from edgekd.report.planes import (
    PLANES,
    Plane,
    compared_origins,
    front_order,
    plane_points,
    point_text,
)
from edgekd.report.section_lines import MODEL_NOTE
from edgekd.report.tables.grounds import artifacts_table, facts_table, kinds_table
from edgekd.report.tables.ladder import losses_tables, rungs_table, targets_tables
from edgekd.report.tables.language import ANSWERS_NOTE, COUNTED_NOTE, TORCH_NOTE, training_table
from edgekd.report.tables.operators import OPERATORS_NOTE
from edgekd.report.tables.phone import STAND_IN_NOTE


@dataclass(frozen=True)
class _PlanePart:
    """One scatter chart and what is said under it."""

    plane: Plane
    origin: Origin
    chart: Chart
    front: list[str]
    has_invalid: bool
    sampled: bool


def render_html(report: Report, folder: Path | None = None) -> str:
    """The report as one HTML page with its style and charts inside; every string is escaped.

    Args:
        report: to be shown.
        folder: of the run, for the raw latency samples; without it their course is not drawn.

    Raises:
        MissingPackage: jinja2 or matplotlib is not installed.
    """
    template = page_templates().get_template("report.html.j2")
    return template.render(
        recipe=report.recipe,
        title_line=prose.title_line(report),
        verdict=report.verdict,
        verdict_line=prose.verdict_line(report),
        verdict_details=prose.verdict_details(report),
        key_figures=key_figures(report),
        ladder_note=prose.ladder_note(report),
        ladder_key=prose.ladder_key(report),
        targets_note=prose.targets_note(report),
        prose=prose,
        model_note=MODEL_NOTE,
        operators_note=OPERATORS_NOTE,
        stand_in_note=STAND_IN_NOTE,
        answers_note=ANSWERS_NOTE,
        counted_note=COUNTED_NOTE,
        torch_note=TORCH_NOTE,
        rungs=rungs_table(report),
        ladder=ladder_chart(report) if report.rungs else None,
        training=training_chart(report),
        trained=training_table(report),
        targets=targets_tables(report),
        losses=losses_tables(report),
        waterfalls=_waterfalls(report),
        parts=target_parts(report, folder),
        planes=_planes(report),
        series=series_of(report),
        markers={name: MARKERS[index][1] for name, index in marker_of(report).items()},
        kinds=kinds_table(report),
        facts=[
            facts_table("Facts", facts_without_curves(report.facts)),
            facts_table("Environment", report.environment),
        ],
        artifacts=artifacts_table(report),
    )


def _waterfalls(report: Report) -> dict[str, list[tuple[Waterfall, str]]]:
    """Panels by rung, so that targets stand side by side."""
    falls = waterfalls(report)
    panels: dict[str, list[tuple[Waterfall, str]]] = {}
    for fall, chart in zip(falls, waterfall_charts(falls), strict=True):
        panels.setdefault(fall.rung, []).append((fall, chart))
    return panels


def _planes(report: Report) -> list[_PlanePart]:
    planes = []
    for number, origin in enumerate(compared_origins(report)):
        for plane in PLANES:
            points = plane_points(report, origin, plane)
            if points:
                planes.append(
                    _PlanePart(
                        plane=plane,
                        origin=origin,
                        chart=plane_chart(report, points, plane, f"plane-{number}-{plane.name}"),
                        front=[point_text(points[index], plane) for index in front_order(points)],
                        has_invalid=not all(point.valid for point in points),
                        sampled=any(point.sample for point in points),
                    )
                )
    return planes
