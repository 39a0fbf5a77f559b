"""``report.md``: the whole report as headings and tables, for a terminal or a pull request."""

from __future__ import annotations

import re

from edgekd.records import Report
from edgekd.report import prose
from edgekd.report.key_figures import key_figures
from edgekd.report.language import facts_without_curves
from edgekd.report.planes import PLANES, compared_origins, front_order, plane_points, point_text
from edgekd.report.section_lines import MODEL_NOTE, model_lines, samples_line
from edgekd.report.summary import TargetSection, target_sections
from edgekd.report.tables import firmware
from edgekd.report.tables.grounds import artifacts_table, facts_table, kinds_table
from edgekd.report.tables.ladder import losses_tables, rungs_table, targets_tables
from edgekd.report.tables.language import (
    ANSWERS_NOTE,
    COUNTED_NOTE,
    TORCH_NOTE,
    answers_table,
    counted_table,
    differences_table,
    torch_table,
    training_table,
)
from edgekd.report.tables.operators import OPERATORS_NOTE, operators_of
from edgekd.report.tables.phone import STAND_IN_NOTE, phone_table, state_note, state_table
from edgekd.report.tables.table import Row, Table
from edgekd.report.tables.target import correctness_table, parity_table, performance_table
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
        *table_lines(rungs_table(report)),
    ]
    training = training_table(report)
    if training.rows:
        lines += ["### Training", "", *table_lines(training)]
    for table in targets_tables(report):
        lines += [_heading("###", table), "", *table_lines(table)]
    if report.losses:
        lines += ["## Where points were lost", "", prose.LOSSES_NOTE, ""]
        for table in losses_tables(report):
            lines += table_lines(table)
    lines += ["## Targets", "", prose.targets_note(report), ""]
    for section in sections:
        lines += _target(section)
    lines += _fronts(report)
    lines += ["## What every figure rests on", ""]
    for table in (
        kinds_table(report),
        facts_table("Facts", facts_without_curves(report.facts)),
        facts_table("Environment", report.environment),
        artifacts_table(report),
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
    """A table and its notes, escaped.

    How its figures were made is in each cell, or in the headings where its columns do not say it.
    """
    stateful = any(row.state for row in table.rows)
    headings = [
        f"{column.group}: {column.heading}" if column.group else column.heading
        for column in table.columns
    ]
    if table.made:
        headings = [
            f"{heading} ({table.made})"
            if column.role in ("figure", "bar") and not column.made
            else heading
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
    lines = [f"**{escape(prose.verdict_line(report))}**", ""]
    for label, text in prose.verdict_details(report):
        lines.append(f"- {label}: {escape(text)}")
    for figure in key_figures(report):
        note = f" ({escape(figure.note)})" if figure.note else ""
        lines.append(f"- {escape(figure.label)}: {escape(figure.value)}{note}")
    return [*lines, ""]


def _heading(level: str, table: Table) -> str:
    made = f" ({table.made})" if table.made else ""
    return f"{level} {escape(f'{table.caption}{made}')}"


def _target(section: TargetSection) -> list[str]:
    phone = f" on {section.phone}" if section.phone else ""
    made = f" ({section.made})" if section.made else ""
    lines = [f"### {escape(f'{section.target}{phone}{made}')}", ""]
    if section.origin and section.origin.stand_in:
        lines += [f"**{STAND_IN_NOTE}**", ""]
    lines += [escape(samples_line(section)), "", *table_lines(performance_table(section))]
    if model_lines(section):
        lines += [MODEL_NOTE, "", *[f"- {escape(line)}" for line in model_lines(section)], ""]
    lines += _answers(section) + _phone(section)
    correctness, parity = correctness_table(section), parity_table(section)
    lines += table_lines(correctness) if correctness.rows else []
    lines += ["Parity, step by step:", "", *table_lines(parity)] if parity.rows else []
    return lines + _operators(section) + _firmwares(section)


def _answers(section: TargetSection) -> list[str]:
    lines = []
    answers = answers_table(section)
    if answers.rows:
        lines += ["Answers:", "", *table_lines(answers), ANSWERS_NOTE, ""]
    counted = counted_table(section)
    if counted.rows:
        lines += ["Instructions a token:", "", *table_lines(counted), COUNTED_NOTE, ""]
    tables = [torch_table(section), differences_table(section)]
    beside = [line for table in tables if table.rows for line in table_lines(table)]
    return [*lines, "Against torch:", "", *beside, TORCH_NOTE, ""] if beside else lines


def _phone(section: TargetSection) -> list[str]:
    lines = []
    for table, note in ((phone_table(section), ""), (state_table(section), state_note(section))):
        if table.rows:
            lines += [*table_lines(table), note, ""]
    return ["The phone:", "", *lines] if lines else []


def _operators(section: TargetSection) -> list[str]:
    lines = []
    for each in operators_of(section):
        lines += [f"Operators of {escape(', '.join(each.rungs))}, {each.line}:", ""]
        lines += table_lines(each.table)
        lines += [*(f"- {escape(line)}" for line in each.ran), ""] if each.ran else []
    return [*lines, OPERATORS_NOTE, ""] if lines else []


def _firmwares(section: TargetSection) -> list[str]:
    lines = []
    sizes = firmware.bytes_table(section)
    if sizes.rows:
        lines += ["Where flash and RAM go:", "", *table_lines(sizes), firmware.FIRMWARE_NOTE, ""]
    for found in firmware.firmwares(section):
        lines += [f"#### Inside of {escape(f'{found.rung} on {found.target}')}", ""]
        lines += [escape(firmware.counted_line(found)), ""]
        if found.library:
            lines += [f"- Pass: {escape(line)}" for line in found.library.passes]
            lines += [f"- Arena: {escape(firmware.arena_line(found.library.memory_map))}", ""]
        for table in (firmware.layers_table(found), firmware.functions_table(found)):
            lines += table_lines(table) if table.rows else []
    return lines


def _fronts(report: Report) -> list[str]:
    lines = []
    for origin in compared_origins(report):
        phone = f" on {origin.phone}" if origin.phone else ""
        for plane in PLANES:
            points = plane_points(report, origin, plane)
            front = [point_text(points[index], plane) for index in front_order(points)]
            if front:
                lines += [
                    f"### {plane.heading}{escape(phone)} ({origin.text})",
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
        if column.made_beside(text):
            text = f"{text} ({column.made})"
        cells.append(escape(text))
    if stateful:
        state = f"{row.state}: {row.note}" if row.note else row.state or table.unmarked
        cells.append(escape(state))
    return cells


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
