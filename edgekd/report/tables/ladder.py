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
    file_perplexity,
    having,
)
from edgekd.report.tables.language import SCORES, RungColumn
from edgekd.report.tables.table import NOT_AVAILABLE, Column, Row, Table
from edgekd.report.units import MISSING

_OUTSIDE_NOTE = (
    "No class: how well test samples are told from samples that belong to no class, by the"
    " probability of the first choice; 50 % is chance."
)
# MACs are not counted, there is one seed, and tokens stand among the figures of the test text.
_NOT_OF_LANGUAGE = frozenset({"MACs", "Per seed", "Test samples"})


def rungs_table(report: Report) -> Table:
    """Every rung as torch sees it: size and accuracy over its seeds."""
    columns = _rung_columns(report)
    outside = any(rung.outside_auc is not None for rung in report.rungs)
    return Table(
        caption="Rungs: the models before export",
        columns=[column for column, _ in columns],
        rows=[Row([read(rung) for _, read in columns]) for rung in report.rungs],
        notes=[_OUTSIDE_NOTE] if outside else [],
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


def _rung_columns(report: Report) -> list[RungColumn]:
    """What is shown of each rung; those of a language model were trained with one seed."""
    metrics = dict.fromkeys(rung.accuracy.metric for rung in report.rungs)
    columns: list[RungColumn] = [
        (Column("Rung", role="text"), lambda rung: rung.name),
        (Column("Precision", role="text"), lambda rung: rung.precision),
        (Column("Parameters"), lambda rung: units.count(rung.parameters)),
        (Column("MACs"), lambda rung: units.count(rung.macs)),
        (Column("Weights"), lambda rung: units.size(rung.bytes)),
        (
            Column(units.metric("/".join(metrics) or "accuracy")),
            lambda rung: units.percent(rung.accuracy.value),
        ),
        (Column("95% interval"), lambda rung: units.interval(*rung.accuracy.ci95)),
        (Column("Per seed"), _per_seed),
        (Column("Test samples"), lambda rung: units.count(rung.accuracy.n)),
    ]
    if any(rung.outside_auc is not None for rung in report.rungs):
        columns.append((Column("No class"), lambda rung: units.percent(rung.outside_auc)))
    if any(rung.language for rung in report.rungs):
        return [pair for pair in columns if pair[0].heading not in _NOT_OF_LANGUAGE] + [*SCORES]
    return columns


def _per_seed(rung: Rung) -> str:
    return ", ".join(f"{value * 100:.2f}" for value in rung.accuracy.per_seed) or MISSING


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
    predicts = column.read in (accuracy_on_sample, file_perplexity)
    diverged = predicts and not found.accuracy_holds
    return "invalid" if diverged or column.heading in DISTURBED else text
