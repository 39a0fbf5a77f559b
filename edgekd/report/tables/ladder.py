"""The rungs, the same rungs as files, and where points were lost."""

from __future__ import annotations

from edgekd.records import Measurement, Report, Rung
from edgekd.report import units
from edgekd.report.cores import cores_note, families
from edgekd.report.losses import STAGES, Waterfall, waterfalls
from edgekd.report.origin import Origin
from edgekd.report.prose import SAMPLED_NOTE
from edgekd.report.summary import Cell, TargetSection, ladder_rows, target_sections
from edgekd.report.tables.columns import (
    DISTURBED,
    LADDER,
    MeasurementColumn,
    accuracy_on_sample,
    having,
)
from edgekd.report.tables.table import NOT_AVAILABLE, Column, Row, Table
from edgekd.report.units import MISSING


def rungs_table(report: Report) -> Table:
    """Every rung as torch sees it: size and accuracy over its seeds."""
    metrics = dict.fromkeys(rung.accuracy.metric for rung in report.rungs)
    metric = "/".join(metrics) or "accuracy"
    return Table(
        caption="Rungs: the models before export",
        columns=[
            Column("Rung", role="text"),
            Column("Precision", role="text"),
            Column("Parameters"),
            Column("MACs"),
            Column("Weights"),
            Column(units.metric(metric)),
            Column("95% interval"),
            Column("Per seed"),
            Column("Test samples"),
        ],
        rows=[Row(_rung_cells(rung)) for rung in report.rungs],
    )


def targets_tables(report: Report) -> list[Table]:
    """Every rung on every target: a table for each origin, the targets side by side."""
    grouped: dict[Origin | None, list[TargetSection]] = {}
    for section in target_sections(report):
        grouped.setdefault(section.origin, []).append(section)
    return [_targets_table(report, origin, sections) for origin, sections in grouped.items()]


def losses_tables(report: Report) -> list[Table]:
    """Points lost at each stage, a row for each exported file and a table for each origin."""
    grouped: dict[Origin, list[Waterfall]] = {}
    for fall in waterfalls(report):
        grouped.setdefault(fall.origin, []).append(fall)
    return [_losses_table(origin, falls) for origin, falls in grouped.items()]


def _targets_table(report: Report, origin: Origin | None, sections: list[TargetSection]) -> Table:
    made = origin.text if origin else ""
    columns = [Column("Rung", role="text")]
    chosen = [having(LADDER, section.measurements) or [LADDER[-1]] for section in sections]
    for section, shown in zip(sections, chosen, strict=True):
        columns += [Column(column.heading, section.target, made=made) for column in shown]
    rows = []
    for row in ladder_rows(report, sections):
        cells = [row.name]
        for cell, shown in zip(row.cells, chosen, strict=True):
            cells += _cell_texts(cell, shown)
        if any(text != MISSING for text in cells[1:]):
            rows.append(Row(cells))
    counted = [
        section.target
        for section, shown in zip(sections, chosen, strict=True)
        if {"Instructions", "Cycles"} & {column.heading for column in shown}
    ]
    sampled = any(found.accuracy and found.accuracy.sampled_from for found in _measured(sections))
    phone = f" on {origin.phone}" if origin and origin.phone else ""
    return Table(
        caption=f"Each rung on each target{phone}",
        columns=columns,
        rows=rows,
        made=made,
        notes=[*cores_note(counted, families(report)), *([SAMPLED_NOTE] if sampled else [])],
    )


def _measured(sections: list[TargetSection]) -> list[Measurement]:
    return [found for section in sections for found in section.measurements]


def _losses_table(origin: Origin, falls: list[Waterfall]) -> Table:
    passed = {stage for fall in falls for stage, _ in fall.steps}
    stages = [stage for stage in STAGES if stage in passed]
    stages += sorted(passed - set(stages))
    columns = [Column("Rung", role="text"), Column("Target", role="text"), Column("Teacher")]
    columns += [Column(stage.capitalize(), "Points gained or lost") for stage in stages]
    columns.append(Column("Exported file", made=origin.text))
    rows = []
    for fall in falls:
        lost = dict(fall.steps)
        changes = [units.points(-lost[stage]) if stage in lost else MISSING for stage in stages]
        cells = [fall.rung, fall.target, units.percent(fall.start), *changes]
        rows.append(Row([*cells, units.percent(fall.end)], "" if fall.valid else "invalid"))
    # Teacher and stages are torch's: only where a way ends was found on the target.
    return Table(f"Where points were lost ({origin.text})", columns, rows)


def _rung_cells(rung: Rung) -> list[str]:
    accuracy = rung.accuracy
    return [
        rung.name,
        rung.precision,
        units.count(rung.parameters),
        units.count(rung.macs),
        units.size(rung.bytes),
        units.percent(accuracy.value),
        units.interval(*accuracy.ci95),
        ", ".join(f"{value * 100:.2f}" for value in accuracy.per_seed) or MISSING,
        units.count(accuracy.n),
    ]


def _cell_texts(cell: Cell, columns: list[MeasurementColumn]) -> list[str]:
    found = cell.measurement
    if found is None:
        missing = [MISSING] * (len(columns) - 1)
        return [NOT_AVAILABLE if cell.unavailable else MISSING, *missing]
    return [_cell_text(found, column) for column in columns]


def _cell_text(found: Measurement, column: MeasurementColumn) -> str:
    text = column.read(found)
    if text == MISSING or found.valid:
        return text
    diverged = column.read is accuracy_on_sample and not found.accuracy_holds
    return "invalid" if diverged or column.heading in DISTURBED else text
