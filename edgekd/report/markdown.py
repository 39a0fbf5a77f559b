"""``report.md``: the whole report as headings and tables, for a terminal or a pull request."""

from __future__ import annotations

import re

from edgekd.records import Report
from edgekd.report import firmware, prose, tables
from edgekd.report.planes import PLANES, front_order, plane_points, point_text
from edgekd.report.section_lines import MODEL_NOTE, model_lines, samples_line
from edgekd.report.summary import TargetSection, key_figures, kinds, target_sections
from edgekd.report.tables import Row, Table
from edgekd.report.units import MISSING, clean

_DIGEST_SHOWN = 12
# Everything that could start markup, HTML, a link or a formula, or end a table's cell.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def render_markdown(report: Report) -> str:
    """The report as GitHub-flavoured Markdown; every string in it is shown as it is."""
    sections = target_sections(report)
    lines = [
        f"# edgekd: {escape(report.recipe)}",
        "",
        f"Run: {escape(prose.title_line(report))}",
        "",
    ]
    lines += _verdict(report)
    lines += [
        "## Ladder",
        "",
        prose.ladder_note(report),
        "",
        *table_lines(tables.rungs_table(report)),
    ]
    if sections:
        lines += ["### Each rung on each target", "", *table_lines(tables.targets_table(report))]
    if report.losses:
        lines += ["## Where points were lost", "", prose.LOSSES_NOTE, ""]
        lines += table_lines(tables.losses_table(report))
    lines += ["## Targets", "", prose.TARGETS_NOTE, ""]
    for section in sections:
        lines += _target(section)
    lines += _fronts(report)
    lines += ["## What every figure rests on", ""]
    for table in (
        tables.kinds_table(report),
        tables.facts_table("Facts", report.facts),
        tables.facts_table("Environment", report.environment),
        tables.artifacts_table(report),
    ):
        if table.rows:
            lines += [f"### {table.caption}", "", *table_lines(table)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def escape(text: str) -> str:
    """A string on one line, with everything that Markdown would read as markup escaped.

    It must not stand at the start of a line, where a hyphen or a number begins a list.
    """
    return _SPECIAL.sub(r"\\\1", clean(text))


def table_lines(table: Table) -> list[str]:
    """A table and its notes, escaped; the kind of its figures is in each of their headings."""
    stateful = any(row.state for row in table.rows)
    headings = [
        f"{column.group}: {column.heading}" if column.group else column.heading
        for column in table.columns
    ]
    if table.kind:
        headings = [
            f"{heading} ({table.kind})" if column.role in ("figure", "bar") else heading
            for heading, column in zip(headings, table.columns, strict=True)
        ]
    marks = ["---:" if column.role in ("figure", "bar") else "---" for column in table.columns]
    if stateful:
        headings.append("State")
        marks.append("---")
    lines = [_line([escape(heading) for heading in headings]), _line(marks)]
    lines += [_line(_cells(table, row, stateful)) for row in table.rows]
    return [*lines, "", *[f"- Note: {escape(note)}" for note in table.notes], ""]


def _verdict(report: Report) -> list[str]:
    lines = [f"**{escape(prose.verdict_line(report.verdict))}**", ""]
    for label, text in prose.verdict_details(report.verdict):
        lines.append(f"- {label}: {escape(text)}")
    for figure in key_figures(report):
        note = f" ({escape(figure.note)})" if figure.note else ""
        lines.append(f"- {figure.label}: {escape(figure.value)}{note}")
    return [*lines, ""]


def _target(section: TargetSection) -> list[str]:
    kind = f" ({section.kind})" if section.kind else ""
    lines = [f"### {escape(section.target)}{kind}", "", escape(samples_line(section)), ""]
    lines += table_lines(tables.performance_table(section))
    if model_lines(section):
        lines += [MODEL_NOTE, "", *[f"- {escape(line)}" for line in model_lines(section)], ""]
    correctness, parity = tables.correctness_table(section), tables.parity_table(section)
    lines += table_lines(correctness) if correctness.rows else []
    lines += ["Parity, step by step:", "", *table_lines(parity)] if parity.rows else []
    return lines + _firmwares(section)


def _firmwares(section: TargetSection) -> list[str]:
    lines = []
    sizes = firmware.bytes_table(section)
    if sizes.rows:
        lines += ["Where flash and RAM go:", "", *table_lines(sizes), firmware.FIRMWARE_NOTE, ""]
    for found in firmware.firmwares(section):
        lines += [f"#### {escape(f'{found.rung} on {found.target}')}, layer by layer", ""]
        lines += [escape(firmware.counted_line(found)), ""]
        if found.library:
            lines += [f"- Pass: {escape(line)}" for line in found.library.passes]
            lines += [f"- Arena: {escape(firmware.arena_line(found.library.memory_map))}", ""]
        for table in (firmware.layers_table(found), firmware.functions_table(found)):
            lines += table_lines(table) if table.rows else []
    return lines


def _fronts(report: Report) -> list[str]:
    lines = []
    for kind in kinds(report):
        for plane in PLANES:
            points = plane_points(report, kind, plane)
            front = [point_text(points[index], plane) for index in front_order(points)]
            if front:
                lines += [
                    f"### {plane.heading} ({kind})",
                    "",
                    "The Pareto front, cheapest first:",
                    "",
                ]
                lines += [f"{place}. {escape(text)}" for place, text in enumerate(front, 1)]
                lines.append("")
    return ["## What accuracy costs", "", *lines] if lines else []


def _cells(table: Table, row: Row, stateful: bool) -> list[str]:
    padded = row.cells + [MISSING] * (len(table.columns) - len(row.cells))
    cells = []
    for text, column in zip(padded, table.columns, strict=True):
        if column.role == "digest" and len(text) > _DIGEST_SHOWN:
            text = f"{text[:_DIGEST_SHOWN]}…"
        cells.append(escape(text))
    if stateful:
        state = f"{row.state}: {row.note}" if row.note else row.state or table.unmarked
        cells.append(escape(state))
    return cells


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
